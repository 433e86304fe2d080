"""Example data, available offline: ``load_*`` for real data sets, ``make_*`` for generated ones."""

from skrnn.datasets._airline import load_airline
from skrnn.datasets._damped_oscillation import make_damped_oscillation
from skrnn.datasets._japanese_vowels import load_japanese_vowels
from skrnn.datasets._sunspots import load_sunspots

__all__ = ["load_airline", "load_japanese_vowels", "load_sunspots", "make_damped_oscillation"]
