"""Display objects, which read public attributes only.

Imports `_common`; matplotlib is imported when something is plotted.
"""
