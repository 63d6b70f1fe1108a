"""From what the model was made, and with what."""

from __future__ import annotations

from offline_training.card.facts import CardFacts
from offline_training.card.markdown import table


def lineage(facts: CardFacts) -> str:
    """Data by position and hash, code by version."""
    manifest, found = facts.manifest, facts.lineage
    sources = [
        ("plan", f"`{manifest.plan_hash}`"),
        ("fingerprint of the training set", f"`{manifest.data_fingerprint}`"),
    ]
    if (origin := found.dataset) is not None:
        sources.append((f"dataset `{origin.url}`, {origin.rows:,} rows", f"`{origin.fingerprint}`"))
    sources += [(f"view `{view}`", f"`{digest}`") for view, digest in manifest.view_hashes.items()]
    sources.append(("transforms.py", f"`{manifest.transforms_sha256}`"))
    positions = [(f"`{p.topic}`", f"`{p.log}`", str(p.partition), f"{p.next_offset:,}") for p in found.positions]
    versions = [(name, version) for name, version in found.versions.items()]
    lake = "Nothing of the lake went into it."
    if positions:
        told = "What the lake held when training began; a position is the offset after the last record."
        lake = f"{told}\n\n{table(('topic', 'log', 'partition', 'position'), positions)}"
    return "\n\n".join([table(("made of", "hash"), sources), lake, table(("software", "version"), versions)])
