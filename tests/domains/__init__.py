"""Domains beside the default one: proof that the engine knows no field, entity or label by name."""
