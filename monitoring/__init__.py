"""Drift: what the models are being asked about, measured against what they were trained on.

A process of its own (`monitoring.watch.run_monitor`) reads ``millstream.scores`` and compares every feature and the
score of each model with the reference sample in that model's bundle. Pure detectors take arrays and stand one idea
a module; Kafka, files, HTTP and Evidently are at the edge.
"""
