"""A scorer asked for ten times as many scores as it can give."""
