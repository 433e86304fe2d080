"""Forecaster: reading of rows and their location after the series, training pairs, recursive forecasts, intervals.

Imports `_estimators` and all packages below.
"""
