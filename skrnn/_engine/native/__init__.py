"""Kernels that train and predict on CPU: compiled once for each machine, for every architecture."""
