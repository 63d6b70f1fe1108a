"""Tests of offline_training/learners/deep."""
