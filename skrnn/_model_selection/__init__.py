"""Cross-validation of panels, rolling-origin evaluation, and comparison of cells.

Imports `_forecasting` and all packages below.
"""
