"""Transformers of sequences and of text.

Imports `_data` and `_common`.
"""
