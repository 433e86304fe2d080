"""Dropout by a generator that counts: what is dropped depends on the place of a number alone.

The key is that of a fit and an epoch; a place is that of a sample in the epoch, a stream for each layer and use, a step
and a unit. Numbers are those of SplitMix64 (Steele et al. 2014, "Fast splittable pseudorandom number generators").
"""

from __future__ import annotations

import numpy as np

from skrnn._engine.native.compiling import inlined, kernel
from skrnn._engine.native.layout import LANES
from skrnn._engine.native.vectors import vload, vstore

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_BITS = np.uint64(40)  # what is left are 24 bits, which float32 holds exactly


@inlined
def mixed(z):
    """Return a number whose bits all depend on all bits of another."""
    z = (z ^ (z >> np.uint64(30))) * _FIRST
    z = (z ^ (z >> np.uint64(27))) * _SECOND
    return z ^ (z >> np.uint64(31))


@kernel("FIIIIId")
def draw_kept(kept, key, position, stream, step, n, rate):
    """Draw the factors of n units: 0 for what is dropped, or else what makes up for it, 1 / (1 - rate)."""
    of_row = mixed(np.uint64(key) + _GOLDEN * np.uint64(position + 1))
    of_row = mixed(of_row + _GOLDEN * np.uint64(stream + 1))
    of_row = mixed(of_row + _GOLDEN * np.uint64(step + 1))
    threshold, scale = np.uint64(rate * 2.0**24), 1.0 / (1.0 - rate)
    for unit in range(n):
        bits = mixed(of_row + _GOLDEN * np.uint64(unit + 1)) >> _BITS
        kept[unit] = scale if bits >= threshold else 0.0


@inlined
def drop(source, kept, to, n):
    """Multiply whole vectors of numbers by their factors."""
    for i in range(0, n, LANES):
        vstore(to, i, vload(source, i) * vload(kept, i))
