"""Derived columns and filters as a domain declares them: what the plan makes of the tags, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from features.compiler import compile_plan
from features.declarations.function_text import function_text
from features.decode import Decoder
from features.errors import DomainError
from features.plan import DerivedPlan, MaskPlan
from tests.features.small_domain import FILES, SmallDomain

FUNCTIONS = '''

from math import floor

HEAVY_KILOS = 20.0
UNRELATED = 1


def _whole(kilos):
    """Kilos, rounded down."""
    return floor(kilos)


def heavy(kilos: float | None, label: str | None) -> bool | None:
    return None if kilos is None else _whole(kilos) > HEAVY_KILOS


def grams(kilos: float | None) -> float | None:
    return None if kilos is None else kilos * 1000.0
'''
TAGS = '"decimals.kilos": "3", "derive.heavy": "heavy", "derive.grams": "grams", "decimals.grams": "0"'


@pytest.fixture
def domain(tmp_path: Path) -> SmallDomain:
    """The small domain with two derived columns, and a filter on one aggregation."""
    repo = tmp_path / "repo"
    repo.mkdir()
    small = SmallDomain(repo)
    small.replace("definitions.py", '"decimals.kilos": "3"', TAGS)
    small.replace("definitions.py", '    name="flow",\n', '    name="flow",\n    tags={"where.kilos_1h": "heavy"},\n')
    (repo / "transforms.py").write_text(FILES["transforms.py"] + FUNCTIONS, encoding="utf-8")
    return small


def flow_hash(domain: SmallDomain) -> str:
    return compile_plan(domain.repo).view("flow").hash


def test_a_plan_holds_the_functions_and_masks_that_decoding_needs(domain: SmallDomain) -> None:
    """Nothing but the plan is needed to decode, and a view reads masked columns like any other."""
    plan = compile_plan(domain.repo)
    source = plan.source("parcels")
    assert source.derived == (
        DerivedPlan(name="heavy", type="bool", nullable=True, function="heavy", parameters=("kilos", "label")),
        DerivedPlan(name="grams", type="float64", nullable=True, decimals=0, function="grams", parameters=("kilos",)),
    )
    assert source.masks == (MaskPlan(column="kilos", where="heavy"),)
    assert [f.column for f in plan.view("flow").features] == ["label", "kilos where heavy", "seen_at"]
    assert "UNRELATED" not in source.functions
    assert "kilos_per_parcel" not in source.functions
    value = b'{"depot_id": 1, "seen_at": "2024-01-01T00:00:00Z", "kilos": 21.5}'
    assert Decoder(source).decode([value], [1_704_067_200_000_000]).columns == [
        (1, 1_704_067_200_000_000, 21_500, None, True, 21_500, 21_500)
    ]


@pytest.mark.parametrize(
    ("file", "old", "new", "changed"),
    [
        ("transforms.py", "HEAVY_KILOS = 20.0", "HEAVY_KILOS = 30.0", True),
        ("transforms.py", "return floor(kilos)", "return floor(kilos + 1)", True),
        ("transforms.py", "from math import floor", "from math import ceil as floor", True),
        ("transforms.py", "kilos * 1000.0", "kilos * 1000.5", True),
        ("transforms.py", "UNRELATED = 1", "UNRELATED = 2", False),
        ("transforms.py", "(kilos_1h + spare_kilos)", "(spare_kilos + kilos_1h)", False),
        ("definitions.py", '"decimals.grams": "0"', '"decimals.grams": "1"', True),
        ("definitions.py", '"where.kilos_1h": "heavy"', '"where.parcels_1h": "heavy"', True),
        ("definitions.py", '"where.kilos_1h": "heavy"', '"where": "heavy"', True),
        ("definitions.py", '"where.kilos_1h": "heavy"', '"owner": "me"', True),
    ],
)
def test_a_changed_derivation_is_another_view_and_an_edit_beside_it_is_not(
    domain: SmallDomain, file: str, old: str, new: str, changed: bool
) -> None:
    """The hash covers functions, the constants, helpers and imports that they use, and the view's own filters."""
    before = flow_hash(domain)
    assert (flow_hash(domain.replace(file, old, new)) != before) is changed


def test_another_views_filter_changes_no_view(domain: SmallDomain) -> None:
    """A filter on a column that is there anyway decides no record's validity."""
    before = flow_hash(domain)
    text = (domain.repo / "definitions.py").read_text()
    begin, end = text.index("flow = StreamFeatureView"), text.index("truck = ")
    twin = text[begin:end].replace("flow", "weight").replace("where.kilos_1h", "where.last_seen")
    domain.replace("definitions.py", "truck = ", twin + "truck = ")
    plan = compile_plan(domain.repo)
    assert plan.view("flow").hash == before
    assert [mask.column for mask in plan.source("parcels").masks] == ["kilos", "seen_at"]


REFUSALS = [
    # file, old, new, what the message says
    ("definitions.py", '"derive.heavy": "heavy"', '"derive.heavy": "light"', "no function 'light'"),
    ("definitions.py", '"derive.heavy": "heavy"', '"derive.heavy": "_whole"', "no function '_whole'"),
    ("definitions.py", '"derive.heavy"', '"derives.heavy"', "did you mean derive?"),
    ("definitions.py", '"derive.heavy"', '"derive.kilos"', "declares kilos twice"),
    ("definitions.py", '"derive.heavy"', '"derive.Grams"', "declares grams twice"),
    ("definitions.py", '"derive.heavy"', '"derive.reason"', "column that the lake adds"),
    ("definitions.py", '"derive.heavy"', '"derive.not it"', "cannot name a column"),
    ("definitions.py", '"decimals.grams"', '"decimals.heavy"', "names no numeric column"),
    ("definitions.py", '"where.kilos_1h"', '"where.weight"', "names no aggregation"),
    ("definitions.py", '"where.kilos_1h"', '"wehre.kilos_1h"', "did you mean where?"),
    ("definitions.py", '"where.kilos_1h": "heavy"', '"where.kilos_1h": "light"', "'light' is no column of the topic"),
    ("definitions.py", '"where.kilos_1h": "heavy"', '"where.kilos_1h": "kilos"', "'kilos' is float64"),
    ("definitions.py", '"where.kilos_1h": "heavy"', '"where": "heavy", "where.kilos_1h": "heavy"', "which is for all"),
    ("transforms.py", "heavy(kilos: float | None, label", "heavy(kilo: float | None, label", "no column of the schema"),
    ("transforms.py", "heavy(kilos: float | None, label", "heavy(kilos: float, label", "write float | None"),
    ("transforms.py", "heavy(kilos: float | None, label", "heavy(kilos, label", "write float | None"),
    ("transforms.py", "label: str | None)", "label: str | None = None)", "not a plain one"),
    ("transforms.py", "label: str | None)", "depot_id: str)", "write int"),
    ("transforms.py", "label: str | None)", "seen_at: str)", "int (microseconds since 1970)"),
    ("transforms.py", "-> bool | None", "-> object", "does not say what it gives"),
    ("transforms.py", "-> bool | None", "-> bool | int", "does not say what it gives"),
    ("transforms.py", ") -> bool | None", ")", "does not say what it gives"),
    ("transforms.py", "grams(kilos: float | None)", "grams()", "takes no column"),
    ("transforms.py", "def grams", "async def grams", "no plain function"),
    ("transforms.py", "kilos * 1000.0", "kilos * __import__('random').random()", "gives two results for one row"),
    ("transforms.py", "kilos * 1000.0", "str(kilos)", "gave a value of the type str, not float"),
    (
        "transforms.py",
        "None if kilos is None else kilos * 1000.0",
        "kilos.grams",
        "raised AttributeError on every one of",
    ),
    ("transforms.py", "from math import floor", "from math import *", "uses 'floor', which cannot be found"),
    ("transforms.py", "> HEAVY_KILOS", "> HEAVY", "uses 'HEAVY', which cannot be found"),
]


@pytest.mark.parametrize(("file", "old", "new", "message"), REFUSALS, ids=[message for *_, message in REFUSALS])
def test_what_cannot_be_meant_is_refused(domain: SmallDomain, file: str, old: str, new: str, message: str) -> None:
    """With what, where and what to do."""
    with pytest.raises(DomainError) as refusal:
        compile_plan(domain.replace(file, old, new).repo)
    assert message in str(refusal.value)


def test_a_protected_column_is_not_reached_through_a_derived_one(domain: SmallDomain) -> None:
    """Neither as what is aggregated nor as what a filter looks at."""
    domain.replace("model.yaml", "    horizon: 6h\n", "    horizon: 6h\n    protected: [kilos]\n")
    domain.replace("definitions.py", 'column="kilos"', 'column="seen_at"')
    domain.replace("definitions.py", 'function="sum"', 'function="seconds_since_first"')
    with pytest.raises(DomainError, match="flow:kilos_1h is computed from kilos"):
        compile_plan(domain.repo)


def test_the_text_of_functions_is_all_that_they_need_and_runs_alone() -> None:
    """Decorators, classes and names bound twice or in branches belong to it; the rest of the file does not."""
    source = '''"""Docs."""
from __future__ import annotations
import functools, math as m
LIMIT: int = 3
LIMIT += 1
try:
    import fast_json
except ImportError:
    fast_json = None
class Scale:
    factor = LIMIT
@functools.cache
def scaled(x: float) -> float:
    return m.floor(x) * Scale.factor
def other(x: float) -> float: return scaled(x) if fast_json is None else x
def unused(x: float) -> float: return x
'''
    text = function_text(source, ["scaled"])
    assert "unused" not in text
    assert "fast_json" not in text
    assert text.index("LIMIT += 1") < text.index("class Scale") < text.index("@functools.cache")
    namespace: dict[str, object] = {}
    exec(function_text(source, ["other"]), namespace)
    assert namespace["other"](2.5) == 8  # type: ignore[operator]
    assert function_text(source, []) == ""
