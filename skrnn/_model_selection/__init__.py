"""Splits of panels, backtests and comparisons of cells.

Imports `_forecasting` and all packages below.
"""
