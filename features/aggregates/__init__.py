"""How each aggregate is computed, one idea a file."""
