"""Networks with batch normalisation and dropout, fitted by JAX in double: the optional extra ``deep``.

Nothing here is imported before such a network is to be fitted, but `learner` and `params`. Everything runs on one
thread of the processor, so that the same rows and seed give the same bits.
"""
