"""Small data sets of installed packages, each for a kind of model: flowers, patients, sensors, texts. No streams."""

from __future__ import annotations

import inspect

import transforms
from feast import FeatureService, Field, OnDemandFeatureView, RequestSource
from feast.types import Float64, String
from transforms import WORDS, n_terms, word_at

MEASURES = [f"measures_{number}" for number in range(4)]
SIGNS = [f"signs_{number}" for number in range(10)]
SENSORS = [f"sensors_{number}" for number in range(9)]


def same(inputs):
    return dict(inputs)


def words_of(inputs):
    found = {name: [word_at(place)(text) for text in inputs["page_text"]] for place, name in enumerate(WORDS)}
    return {"n_terms": list(map(n_terms, inputs["page_text"])), **found}


def plain(name, fields):
    """A view whose features are the request's own numbers."""
    schema = [Field(name=field, dtype=Float64) for field in fields]
    return OnDemandFeatureView(
        name=name,
        sources=[RequestSource(name=f"{name}_request", schema=schema)],
        schema=schema,
        mode="python",
        udf=same,
        udf_string=inspect.getsource(same),
    )


flower = plain("flower", MEASURES)
patient = plain("patient", SIGNS)
shuttle = plain("shuttle", SENSORS)
manual_page = OnDemandFeatureView(
    name="manual_page",
    sources=[RequestSource(name="manual_page_request", schema=[Field(name="page_text", dtype=String)])],
    schema=[Field(name=name, dtype=Float64) for name in ("n_terms", *WORDS)],
    mode="python",
    udf=words_of,
    udf_string=inspect.getsource(transforms) + "\n\n" + inspect.getsource(words_of),
)

flower_kinds = FeatureService(name="flower_kinds", features=[flower])
illness_later = FeatureService(name="illness_later", features=[patient])
odd_flights = FeatureService(name="odd_flights", features=[shuttle])
text_topics = FeatureService(name="text_topics", features=[manual_page])
