"""Fitted models as ONNX in double precision: trees as they really decide, and the rows that would betray a mistake.

A reader for each library (`lightgbm_trees`, …) gives an `Ensemble`; everything behind it is one for all.
"""
