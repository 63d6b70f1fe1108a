"""Requests that no client of good will sends, to every method that a scorer serves."""
