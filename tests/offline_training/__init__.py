"""Tests of offline_training."""
