"""The tag ``sources`` of a view: further topics that feed it, each with its own format and columns."""

from __future__ import annotations

from pathlib import Path

import pytest

from features.compiler import compile_plan
from features.errors import DomainError
from tests.features.small_domain import SmallDomain

FURTHER = """\
letters = KafkaSource(
    name="letters",
    topic="post",
    kafka_bootstrap_servers="localhost:9092",
    timestamp_field="posted_at",
    message_format=JsonFormat(
        schema_json="posted_at timestamp not null, seen_at timestamp not null, grams bigint, depot_id bigint not null, "
        "label string"
    ),
    batch_source=history,
    tags={"derive.kilos": "kilos_of", "decimals.kilos": "3", "max_ahead": "2h"},
)
flow = StreamFeatureView("""
KILOS_OF = """

def kilos_of(grams: int | None) -> float | None:
    return None if grams is None else grams / 1_000
"""


@pytest.fixture
def domain(tmp_path: Path) -> SmallDomain:
    """Parcels and letters flow through the same depots; letters weigh grams, and say so under another name."""
    domain = SmallDomain(tmp_path)
    text = domain.repo / "transforms.py"
    text.write_text(text.read_text() + KILOS_OF)
    domain.replace("definitions.py", "flow = StreamFeatureView(", FURTHER)
    return domain.replace(
        "definitions.py", "    source=parcels,\n", '    source=parcels,\n    tags={"sources": "letters"},\n'
    )


def test_a_view_is_fed_by_the_topics_that_its_tag_names(domain: SmallDomain) -> None:
    """It has its own source's topic first; its events have the columns that it needs, however they came about."""
    plan = compile_plan(domain.repo)
    view = plan.view("flow")
    assert view.topics == ("parcels", "post")
    assert [found.name for found in plan.views_of("post")] == ["flow"]
    assert [(column.name, column.type, column.decimals) for column in plan.source_of(view).columns] == [
        ("depot_id", "int64", None),
        ("seen_at", "timestamp", None),
        ("kilos", "float64", 3),
        ("label", "string", None),
    ]
    assert [source.topic for source in plan.sources] == ["parcels", "post"]
    assert plan.source("post").max_ahead_us == 7_200_000_000


def test_the_hash_of_a_view_covers_every_topic_of_it(domain: SmallDomain) -> None:
    """What decides which letters are valid, and that they count at all."""
    hashes = {compile_plan(domain.repo).view("flow").hash}
    domain.replace("definitions.py", '"max_ahead": "2h"', '"max_ahead": "3h"')
    hashes.add(compile_plan(domain.repo).view("flow").hash)
    domain.replace("transforms.py", "grams / 1_000", "grams * 0.001")
    hashes.add(compile_plan(domain.repo).view("flow").hash)
    domain.replace("definitions.py", '    tags={"sources": "letters"},\n', "")
    hashes.add(compile_plan(domain.repo).view("flow").hash)
    assert len(hashes) == 4


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"sources": "letters"', '"sources": "leters"', "'leters' is no KafkaSource"),
        ('"sources": "letters"', '"sources": "letters, letters"', "'letters' names topic post again"),
        ('"sources": "letters"', '"sources": "parcels"', "'parcels' names topic parcels again"),
        ('"sources": "letters"', '"source": "letters"', "did you mean sources?"),
        ('"derive.kilos": "kilos_of", "decimals.kilos": "3", ', "", "topic post has no column 'kilos'"),
        (
            '"derive.kilos": "kilos_of", "decimals.kilos": "3"',
            '"derive.kilos": "kilos_of"',
            "kilos is float64 with 3 decimals in topic parcels and float64 with 6 decimals in post",
        ),
        (
            'label string"\n    ),\n    batch_source=history,\n    tags={"derive',
            'label bigint"\n    ),\n    batch_source=history,\n    tags={"derive',
            "label is string",
        ),
        (
            "grams bigint, depot_id bigint not null",
            "grams bigint, depot_id string not null",
            "entity depot needs int64",
        ),
        ("grams bigint, depot_id bigint not null", "grams bigint", "'depot_id' is no column of topic post"),
        ('"max_ahead": "2h"', '"max_ahead": "2h", "retention": "1d"', "last_seen"),
    ],
)
def test_topics_that_do_not_agree_are_refused(domain: SmallDomain, old: str, new: str, said: str) -> None:
    """Whatever a view needs must be in each of its topics, and mean the same; what to do is said."""
    domain.replace("definitions.py", old, new)
    with pytest.raises(DomainError) as caught:
        compile_plan(domain.repo)
    assert said in str(caught.value)
