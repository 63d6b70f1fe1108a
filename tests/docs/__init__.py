"""The documents say what the code does, and what they show can be done."""
