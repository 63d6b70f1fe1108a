"""The search for an algorithm and its parameters, by Optuna, over folds by time: resumable, the same on any machine.

`offline_training.search.choosing.choose` is the way through. One trial is a function of its number and the trials
before it (`trial`), so that kills and cores leave no trace in what is chosen; ended ones stand in the run folder's
journal (`journal`). `outcome` and `tracking` load no library, for those who but list models.
"""
