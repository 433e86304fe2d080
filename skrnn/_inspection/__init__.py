"""Explanations of fitted estimators: permutation importance, integrated gradients, and their display.

The public names are in `skrnn.inspection`.
"""
