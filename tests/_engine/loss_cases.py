"""Cases of Keras's losses, random targets for them, and the value and gradient of Keras."""

import keras
import numpy as np
import tensorflow as tf
from numpy.testing import assert_allclose

from skrnn._engine import losses

TOLERANCE = {"float32": 1e-5, "float64": 1e-10}
N_ROWS = 60

# Loss, its arguments, the activation of the outputs, the kind of targets, and the number of outputs.
LOSSES = [
    ("mean_squared_error", {}, None, "numbers", 3),
    ("mean_squared_error", {}, None, "numbers", 1),
    ("mean_squared_error", {}, "sigmoid", "bits", 1),
    ("mean_squared_error", {}, "softmax", "one-hot", 4),
    ("mean_absolute_error", {}, None, "numbers", 3),
    ("mean_absolute_error", {}, "sigmoid", "bits", 9),
    ("mean_absolute_percentage_error", {}, None, "numbers", 3),
    ("mean_squared_logarithmic_error", {}, None, "counts", 2),
    ("huber", {}, None, "numbers", 3),
    ("huber", {"delta": 0.3}, None, "numbers", 3),
    ("huber", {"delta": 0.3}, "softmax", "one-hot", 3),
    ("log_cosh", {}, None, "numbers", 3),
    ("log_cosh", {}, "sigmoid", "bits", 1),
    ("poisson", {}, None, "counts", 2),
    ("kl_divergence", {}, "softmax", "one-hot", 4),
    ("hinge", {}, "sigmoid", "bits", 3),
    ("squared_hinge", {}, "sigmoid", "bits", 3),
    ("categorical_hinge", {}, "softmax", "one-hot", 4),
    ("cosine_similarity", {}, None, "numbers", 3),
    ("cosine_similarity", {}, "softmax", "one-hot", 4),
    ("binary_crossentropy", {}, "sigmoid", "bits", 1),
    ("binary_crossentropy", {"label_smoothing": 0.1}, "sigmoid", "bits", 3),
    ("binary_crossentropy", {"label_smoothing": 0.1}, None, "bits", 3),
    ("binary_focal_crossentropy", {}, "sigmoid", "bits", 3),
    ("binary_focal_crossentropy", {"gamma": 1.5, "label_smoothing": 0.2}, "sigmoid", "bits", 1),
    ("binary_focal_crossentropy", {"apply_class_balancing": True, "alpha": 0.7}, "sigmoid", "bits", 2),
    ("binary_focal_crossentropy", {"apply_class_balancing": True, "gamma": 3}, None, "bits", 2),
    ("categorical_crossentropy", {}, "softmax", "one-hot", 2),
    ("categorical_crossentropy", {"label_smoothing": 0.1}, "softmax", "one-hot", 5),
    ("categorical_crossentropy", {"label_smoothing": 0.1}, None, "one-hot", 5),
    ("categorical_focal_crossentropy", {}, "softmax", "one-hot", 4),
    ("categorical_focal_crossentropy", {"alpha": 0.4, "gamma": 1, "label_smoothing": 0.1}, None, "one-hot", 4),
    ("sparse_categorical_crossentropy", {}, "softmax", "index", 3),
    ("sparse_categorical_crossentropy", {}, "softmax", "index", 9),
    ("sparse_categorical_crossentropy", {}, None, "index", 4),
]
ACTIVATIONS = {"sigmoid": keras.activations.sigmoid, "softmax": keras.activations.softmax}


def case_id(case):
    name, arguments, *others = case
    return "-".join(map(str, [name, *(f"{key}={value}" for key, value in arguments.items()), *others]))


def class_name(loss):
    return losses.NAMES[loss] if loss != "kl_divergence" else "KLDivergence"


def relatively_close(actual, expected, dtype):
    assert_allclose(actual, expected, rtol=0, atol=TOLERANCE[dtype] * np.abs(expected).max())


def drawn(kind, n_rows, n_out, rng):
    """Targets."""
    classes = rng.integers(n_out, size=n_rows)
    return {
        "numbers": lambda: rng.normal(size=(n_rows, n_out)),
        "counts": lambda: rng.poisson(2.0, size=(n_rows, n_out)).astype(float),
        "bits": lambda: rng.integers(2, size=(n_rows, n_out)).astype(float),
        "one-hot": lambda: np.eye(n_out)[classes],
        "index": lambda: classes[:, None].astype(float),
    }[kind]()


def logits_of(case, spread, dtype, rng):
    """Random logits of the outputs of a case, or its outputs if there is no activation."""
    _, _, activation, kind, n_out = case
    z = (spread * rng.normal(size=(N_ROWS, n_out))).astype(dtype)
    if activation is None and kind != "numbers":
        z = rng.uniform(1e-3, 1 - 1e-3, size=z.shape).astype(dtype)
        z[:5, 0] = [0.0, 1.0, 1e-9, 1 - 1e-9, 0.5]  # at both ends, and beyond what Keras clips to
        if kind == "counts":
            z = spread * z
    return z


def by_keras(case, z, y, w):
    """Outputs, the weighted sum of the losses, and a quarter of its gradient with respect to the logits."""
    name, arguments, activation, *_ = case
    loss = getattr(keras.losses, class_name(name))(**arguments)
    logits = tf.constant(z)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        outputs = ACTIVATIONS[activation](logits) if activation else logits
        total = tf.reduce_sum(loss.call(tf.constant(y), outputs) * w)
        scaled = total * 0.25
    return outputs.numpy(), float(total), tape.gradient(scaled, logits).numpy()
