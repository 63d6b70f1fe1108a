"""The kinds of faults, each a module whose ``inject`` hurts the site and returns once what it took away is back."""
