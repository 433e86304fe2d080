"""Time indexes, frames, warnings, types, saved state: tools that do not depend on networks.

Every package may import this one; it imports none of them.
"""
