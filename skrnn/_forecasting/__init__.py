"""The forecaster: training pairs, recursion, intervals, and where new rows lie.

Imports `_estimators` and all packages below.
"""
