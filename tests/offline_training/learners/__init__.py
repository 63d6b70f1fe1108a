"""Tests of offline_training/learners."""
