"""``millstream bench score --peers``: the scorer among other ways to serve the same model, in one run."""
