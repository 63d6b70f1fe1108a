"""Tests of offline_training/preparation."""
