"""The public estimators, their contract, encoders of targets, and what is held out.

Imports `_engine`, `_data` and `_common`.
"""
