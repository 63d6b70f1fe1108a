"""Learning from what was served: score records, each with the vector that the model was given, joined with outcomes.

`offline_training.served.served_set` makes the training set, `offline_training.served.tally` tells what is not in it.
"""
