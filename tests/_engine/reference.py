"""Recurrent networks in plain numpy and float64, a sequence and a step at a time: for the tests to compare with."""

import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def gru_step(x, state, kernel, recurrent, bias, kept):
    """A step with the reset gate after the product."""
    (h,), n = state, len(state[0])
    a, b = x @ kernel + bias[0], (h * kept) @ recurrent + bias[1]
    update, reset = sigmoid(a[:n] + b[:n]), sigmoid(a[n : 2 * n] + b[n : 2 * n])
    candidate = np.tanh(a[2 * n :] + reset * b[2 * n :])
    return (update * h + (1 - update) * candidate,)


def lstm_step(x, state, kernel, recurrent, bias, kept):
    h, c = state
    i, f, g, o = np.split(x @ kernel + (h * kept) @ recurrent + bias, 4)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def rnn_step(x, state, kernel, recurrent, bias, kept):
    return (np.tanh(x @ kernel + (state[0] * kept) @ recurrent + bias),)


STEPS = {"gru": (gru_step, 1), "lstm": (lstm_step, 2), "rnn": (rnn_step, 1)}


def recurrent(cell, x, weights, kept=1.0):
    """Outputs of every step, (n_timesteps, units); ``kept`` are factors of the state in its product."""
    step, n_states = STEPS[cell]
    state = (np.zeros(len(weights[1])),) * n_states
    outputs = []
    for row in x:
        state = step(row, state, *weights, kept)
        outputs.append(state[0])
    return np.array(outputs)


class NothingDropped:
    """The factors of dropout where it drops nothing."""

    def state(self, depth, direction):
        return 1.0

    def outputs(self, depth, n_steps):
        return 1.0


def row_of(table, code):
    """The vector of a code, whose row follows that of unknown codes."""
    return table[int(code) + 1] if 0 <= code < len(table) - 1 else table[0]


def activated(z, name):
    if name is None:
        return z
    if name == "softmax":
        z = np.exp(z - z.max(axis=-1, keepdims=True))
        return z / z.sum(axis=-1, keepdims=True)
    return {"relu": lambda z: np.maximum(z, 0), "sigmoid": sigmoid}[name](z)


def patches_of(x, size):
    """Patches of time steps, the first of which is filled up with zeros at its start."""
    n_patches = -(-len(x) // size)
    filled = np.zeros((n_patches * size, x.shape[1]))
    filled[len(filled) - len(x) :] = x
    return filled.reshape(n_patches, -1)


POOLING = {"last": lambda x: x[-1:], "mean": lambda x: x.mean(axis=0)[None], "max": lambda x: x.max(axis=0)[None]}


def outputs_of_sequence(spec, weights, x, kept=None):
    """Outputs of a network for one sequence without padding: of every step, or of the last one.

    ``weights`` come in Keras's order, ``x`` is (n_timesteps, n_features) or, for an embedding, (n_timesteps,).
    """
    kept = kept or NothingDropped()
    weights = iter([np.asarray(w, dtype=np.float64) for w in weights])
    x = next(weights)[x] if spec.embedding is not None else np.asarray(x, dtype=np.float64)
    if spec.categories:
        columns = [column for column, _, _ in spec.categories]
        tables = [(x[:, column], next(weights)) for column in columns]
        vectors = [np.array([row_of(table, code) for code in codes]) for codes, table in tables]
        x = np.concatenate([np.delete(x, columns, axis=1), *vectors], axis=1)
    x = patches_of(x, spec.patch_size)
    for depth in range(len(spec.units)):
        parts = []
        for direction in range(1 + spec.bidirectional):
            arrays = [next(weights) for _ in range(3)]
            outputs = recurrent(spec.cell, x[::-1] if direction else x, arrays, kept.state(depth, direction))
            every_step = spec.return_sequences or depth < len(spec.units) - 1
            in_order = outputs[::-1] if direction else outputs
            parts.append(in_order if every_step else POOLING[spec.pooling](outputs))
        x = np.concatenate(parts, axis=1)
        x = x * kept.outputs(depth, len(x))
    for name in ["relu"] * len(spec.dense_units) + [spec.output_activation]:
        kernel = next(weights)
        x = activated(x @ kernel + next(weights), name)
    return x if spec.return_sequences else x[0]
