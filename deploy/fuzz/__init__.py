"""Requests that no client of good will sends, to every method and every REST route that a scorer serves."""
