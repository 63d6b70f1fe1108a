"""Tests of offline_training/unsupervised."""
