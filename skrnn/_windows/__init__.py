"""Windows: the windower, sliding windows, the rows before a test fold, supervised pairs.

Imports `_data` and `_common`.
"""
