"""The hot loops of kernel, codec and store link, in Cython: the same bits as their references in Python.

A module here works where everything it meets fits 64 bits, and says so where something does not: then the reference
does that part. Where there was no C compiler, nothing of this is built (`features.kernels`).
"""
