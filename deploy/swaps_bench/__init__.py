"""The bench of hot swaps: a scorer under load while its versions and its routing change, each answer checked."""
