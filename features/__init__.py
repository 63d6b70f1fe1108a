"""The ground floor: nouns, errors, settings and clock; the plan; the window arithmetic; store, lake, backfill, verify.

Nothing is re-exported here: a scorer worker loads `features.kernel` without DuckDB, a client nothing of this at all.
Where to begin to read: `features.nouns`, `features.plan`, `features.kernel`, `features.store`, `features.verify`.
"""
