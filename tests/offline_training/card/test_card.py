"""The model card: what is known, what is not, and a page that opens anywhere."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from features.model_file import CardSpec
from offline_training.card import CardFacts, write_card, write_page
from offline_training.card.markdown import table
from offline_training.training_set import training_set
from tests.offline_training.made_bundle import card_facts
from tests.offline_training.small_domain import GROUPED, small_domain

WORDS = {
    "description": "Whether a machine will stand still.",
    "owner": "the shop floor",
    "intended_use": "Planning shifts.",
    "limitations": "One factory.",
    "ethics": "No person is scored.",
    "maintenance": "Each quarter.",
}


def _facts(folder: Path, **model: Any) -> CardFacts:
    small = small_domain(folder, **model)
    data = training_set(small.settings, small.plan, small.domain, "standstill", knowledge="as_true")
    return card_facts(small, data, quick=False)


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> CardFacts:
    """Everything stated that a model file can state."""
    return _facts(
        tmp_path_factory.mktemp("full"),
        labels=GROUPED,
        targets={"accuracy": 0.999},
        evaluation={"segments": ["hall", "work:idle_s"]},
        fairness={"columns": ["hall"], "max_gap": 0.5},
        card=WORDS,
    )


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> CardFacts:
    """Nothing stated."""
    return _facts(tmp_path_factory.mktemp("bare"), card={})


def test_a_full_card_misses_nothing(full: CardFacts) -> None:
    """Every demand names its part; the words stand where they belong."""
    card = write_card(full)
    assert "**missing**" not in card
    assert "**Not" not in card
    for words in WORDS.values():
        assert words in card
    for part in re.findall(r"\| (?:SR|Annex)[^|]*\| ([^|]*) \|", card):
        for name in part.split(", "):
            assert re.search(rf"^#+ {re.escape(name.strip())}$", card, re.MULTILINE), name


def test_its_figures_are_those_of_the_judgement(full: CardFacts) -> None:
    """With intervals, by segment and by group, and the target with its coverage."""
    card, judgement = write_card(full), full.judgement
    accuracy = judgement.figures["accuracy"]
    assert f"| accuracy | {accuracy.value:.4f} | {accuracy.low:.4f} to {accuracy.high:.4f} |" in card
    assert [segment.value for segment in judgement.segments[:2]] == ["hall 0", "hall 1"]
    assert f"| hall 0 | {judgement.segments[0].rows} |" in card
    assert f"**{judgement.targets[0].line()}**" in card
    assert "without work:idle_s" in card
    (fairness,) = judgement.fairness
    assert f"selection rate {fairness.gaps['selection_rate']:.4f}" in card
    assert "| alike across hall |" in card


def test_its_lineage_names_what_it_was_made_of(full: CardFacts) -> None:
    """Positions of the lake, hashes of plan, views and data, versions of software."""
    card = write_card(full)
    (position,) = full.lineage.positions
    assert f"| `jobs` | `{position.log}` | 0 | {position.next_offset:,} |" in card
    assert full.manifest.data_fingerprint in card
    assert full.manifest.view_hashes["work"] in card
    assert f"| lightgbm | {full.lineage.versions['lightgbm']} |" in card


def test_what_is_missing_is_said(bare: CardFacts) -> None:
    """By the key that would state it, where it belongs and in the list of demands."""
    card = write_card(bare)
    for key in WORDS:
        assert f"**Not stated**: `card.{key}`" in card
        assert f"**missing**: state `card.{key}`" in card
    for key in ("evaluation.segments", "fairness.columns", "targets"):
        assert f"**missing**: state `{key}`" in card
    assert "**Fairness was not measured**" in card


def test_the_page_loads_nothing_and_runs_nothing(full: CardFacts, tmp_path: Path) -> None:
    """Pictures are in it; HTML in the model file's words is text, and a picture of elsewhere is but a link."""
    picture = tmp_path / "roc_curve.png"
    picture.write_bytes(b"\x89PNG picture")
    words = CardSpec(
        description="<script>alert(1)</script> & <img src=x onerror=alert(2)> ![x](https://example.com/x.png)"
    )
    spiked = full._replace(spec=msgspec.structs.replace(full.spec, card=words))
    page = write_page("standstill", write_card(spiked), [picture])
    assert "<script" not in page
    assert "<img src=x" not in page
    assert "&lt;script&gt;" in page
    assert re.findall(r'src="(?!data:image/png;base64,)', page) == []
    assert re.findall(r'href="([^"]*)"', page) == ["https://example.com/x.png"]
    assert page.count("<table>") == page.count('<div class="wide">') >= 8


def test_no_cell_breaks_a_table() -> None:
    """A value of the data may hold anything."""
    assert table(("a", "b"), [("x|y", "1\n2")]).splitlines()[-1] == "| x\\|y | 1 2 |"
