"""Pictures of a training set, each drawn from arrays and given back as the bytes of a PNG."""
