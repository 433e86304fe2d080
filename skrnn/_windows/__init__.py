"""Windows: the windower, sliding windows, context rows of test folds, supervised pairs.

Imports `_data` and `_common`.
"""
