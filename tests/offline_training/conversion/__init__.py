"""Tests of offline_training/conversion."""
