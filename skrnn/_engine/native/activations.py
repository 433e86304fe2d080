"""Activations of dense layers and their gradients, for the first ``n_out`` numbers of each row."""

from __future__ import annotations

import math

import numpy as np

from skrnn._engine.native.compiling import inlined, kernel
from skrnn._engine.native.pointers import at


@inlined
def sigmoid(z):
    """Return 1 / (1 + exp(-z)) without overflow."""
    if z < 0.0:
        e = math.exp(z)
        return e / (1.0 + e)
    return 1.0 / (1.0 + math.exp(-z))


@inlined
def largest(z, n):
    """Return the largest of one or more numbers."""
    found = np.float64(z[0])
    for j in range(1, n):
        if z[j] > found:
            found = np.float64(z[j])
    return found


@kernel("FFIII")
def activation_sigmoid(z, p, n_rows, n_out, row):
    """Write the sigmoid of z to p, and zeros beyond n_out. For all activations, z and p may be the same memory."""
    for i in range(n_rows):
        for j in range(row):
            p[i * row + j] = sigmoid(np.float64(z[i * row + j])) if j < n_out else 0.0


@kernel("FFIII")
def activation_softmax(z, p, n_rows, n_out, row):
    """Write the softmax of each row of z to p."""
    for i in range(n_rows):
        start, total = i * row, 0.0
        highest = largest(at(z, start), n_out)
        for j in range(n_out):
            e = math.exp(z[start + j] - highest)
            p[start + j] = e
            total += e
        for j in range(row):
            p[start + j] = p[start + j] / total if j < n_out else 0.0


@kernel("FFIII")
def activation_relu(z, p, n_rows, n_out, row):
    """Write the positive part of z to p; NaN remains NaN."""
    for i in range(n_rows):
        for j in range(row):
            value = z[i * row + j]
            p[i * row + j] = 0.0 if j >= n_out or value < 0.0 else value


@kernel("FFIII")
def activation_back_sigmoid(p, d, n_rows, n_out, row):
    """Convert the gradient d with respect to the sigmoids p to that with respect to their arguments, in place."""
    for i in range(n_rows):
        for j in range(row):
            value = np.float64(p[i * row + j])
            d[i * row + j] = d[i * row + j] * (value * (1.0 - value)) if j < n_out else 0.0


@kernel("FFIII")
def activation_back_softmax(p, d, n_rows, n_out, row):
    """Convert the gradient d with respect to the probabilities p to that with respect to their logits, in place."""
    for i in range(n_rows):
        start, mean = i * row, 0.0
        for j in range(n_out):
            mean += np.float64(d[start + j]) * p[start + j]
        for j in range(row):
            d[start + j] = p[start + j] * (d[start + j] - mean) if j < n_out else 0.0


@kernel("FFIII")
def activation_back_relu(p, d, n_rows, n_out, row):
    """Set the gradient d to zero where p is not positive."""
    for i in range(n_rows):
        for j in range(row):
            if j >= n_out or p[i * row + j] <= 0.0:
                d[i * row + j] = 0.0
