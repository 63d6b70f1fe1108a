"""Training sets that no one process holds: rows in files that a Dask cluster reads, and LightGBM's fits of them.

This process has the labels and instants of all rows, and of the rows themselves what it tests on and a sample of the
others (`reading`). Fits of the model are of all rows, each worker with its share of them (`lightgbm_fits`); workers
that die meanwhile are waited for (`together`).
"""
