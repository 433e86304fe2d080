"""Errors, types, time indexes and other tools that know nothing of networks.

Every package may import it; it imports none of them.
"""
