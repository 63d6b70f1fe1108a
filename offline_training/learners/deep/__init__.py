"""Networks with batch normalisation and dropout, fitted by JAX in double: the optional extra ``deep``.

JAX is imported when such a network is to be fitted, not before. All runs on one thread of the processor, so that the
same rows and seed give the same bits.
"""
