"""The challenger that learns online: River's linear models, fed with one outcome after the other.

What it knows is the fold of the outcomes in the order of their scores' instants, whatever was kept of it on the way:
`offline_training.online.challenge` folds, publishes what came of it, and is what `millstream challenge` runs.
"""
