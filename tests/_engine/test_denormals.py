"""Kernels compute without denormal numbers, and leave the thread as it was."""

import numpy as np
import pytest
from numba import njit

from skrnn._engine.native.compiling import IS_X86
from skrnn._engine.native.denormals import set_floating_point, without_denormals


@njit
def products_of(x):
    """The products of two numbers: as they are, without denormal numbers, and as they are again."""
    result = np.empty(3, dtype=x.dtype)
    result[0] = x[0] * x[1]
    before = without_denormals()
    result[1] = x[2] * x[3]
    set_floating_point(before)
    result[2] = x[4] * x[5]
    return result


@pytest.mark.skipif(not IS_X86, reason="other processors compute with denormal numbers at full speed")
def test_denormal_products_are_zero():
    smallest = np.finfo(np.float32).tiny
    small = np.array([smallest, 0.5] * 3, dtype=np.float32)
    expected = np.float32(smallest / 2)
    assert products_of(small).tolist() == [expected, 0, expected]
    normal = np.array([3, 0.5] * 3, dtype=np.float32)
    assert products_of(normal).tolist() == [1.5, 1.5, 1.5]
