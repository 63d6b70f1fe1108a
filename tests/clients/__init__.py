"""The clients of others against our server: what runs in their environment stands in ``cases/``."""
