"""The public estimators, their base classes, encoders of targets, weights, and validation data.

Imports `_engine`, `_data` and `_common`.
"""
