"""Tests of `offline_training/search`."""
