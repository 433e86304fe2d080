"""Dropout by a counter-based random generator, so that dropped units do not depend on the order of computation.

The key depends on the seed of the fit and the epoch, the counter on the position of a sample in the epoch, the stream
(one per layer and use), the time step and the unit. Random numbers are those of SplitMix64 (Steele et al. 2014, "Fast
splittable pseudorandom number generators").
"""

from __future__ import annotations

import numpy as np

from skrnn._engine.native.compiling import inlined, kernel
from skrnn._engine.native.tables import LANES
from skrnn._engine.native.vectors import vload, vstore

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_BITS = np.uint64(40)  # the remaining 24 bits are exact in float32


@inlined
def mixed(z):
    """Return a number each of whose bits depends on all bits of the argument."""
    z = (z ^ (z >> np.uint64(30))) * _FIRST
    z = (z ^ (z >> np.uint64(27))) * _SECOND
    return z ^ (z >> np.uint64(31))


@inlined
def key_of_row(key, position, stream, step):
    """Return the key of the numbers that are drawn for a sample, a stream and a time step."""
    of_row = mixed(np.uint64(key) + _GOLDEN * np.uint64(position + 1))
    of_row = mixed(of_row + _GOLDEN * np.uint64(stream + 1))
    return mixed(of_row + _GOLDEN * np.uint64(step + 1))


@inlined
def is_drawn(of_row, unit, rate):
    """Return whether a unit is among the fraction that is drawn."""
    return mixed(of_row + _GOLDEN * np.uint64(unit + 1)) >> _BITS < np.uint64(rate * 2.0**24)


@kernel("FIIIIId")
def draw_kept(kept, key, position, stream, step, n, rate):
    """Draw the factors of n units: 0 for dropped ones, 1 / (1 - rate) for the others."""
    of_row, scale = key_of_row(key, position, stream, step), 1.0 / (1.0 - rate)
    for unit in range(n):
        kept[unit] = 0.0 if is_drawn(of_row, unit, rate) else scale


@inlined
def drop(source, kept, to, n):
    """Multiply numbers by their factors, in whole vectors."""
    for i in range(0, n, LANES):
        vstore(to, i, vload(source, i) * vload(kept, i))
