"""Sequences, the layouts of `X`, labels of rows, targets, and the checks of all of them.

Imports `_common`.
"""
