"""Display objects; they read public attributes only.

Imports `_common`; `matplotlib` is imported when something is drawn.
"""
