"""Outlier detection in sequences and time series."""
