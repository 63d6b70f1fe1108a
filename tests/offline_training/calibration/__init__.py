"""Tests of `offline_training/calibration`."""
