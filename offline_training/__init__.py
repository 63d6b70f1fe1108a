"""Offline training: lake and labels → training set → model → proof → bundle → registry.

`offline_training.training.train` is the way through; `offline_training.registry` is the only door to MLflow.
Imported lazily by others: this room loads LightGBM, scikit-learn and ONNX Runtime.
"""
