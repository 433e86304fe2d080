"""Metrics computed from stored outputs equal what Keras reports for a compiled model."""

import inspect

import children
import keras
import numpy as np
import pytest
import tensorflow as tf
from problems import row_count

from skrnn._engine import metrics as native
from skrnn._engine.keras_compile import _check_metrics
from skrnn._engine.metrics import KerasMetrics, NativeMetrics, make_metrics

N_ROWS = 1500  # more than a chunk

# Metric, activation of the outputs, and number of outputs; targets are indices of classes where it says so.
CASES = [
    *((name, None, n) for name in ("mae", "mse", "MAPE", "msle", "RootMeanSquaredError") for n in (1, 3)),
    ("root_mean_squared_error", None, 2),
    ("mean_absolute_error", "sigmoid", 2),
    ("cosine_similarity", None, 3),
    ("log_cosh_error", None, 3),
    ("poisson", None, 2),
    ("accuracy", None, 1),
    ("accuracy", "sigmoid", 1),
    ("acc", "sigmoid", 3),
    ("Accuracy", "softmax", 4),
    ("accuracy", "indices", 4),
    ("binary_accuracy", "sigmoid", 3),
    ("BinaryAccuracy", "softmax", 3),
    ("categorical_accuracy", "softmax", 4),
    ("sparse_categorical_accuracy", "indices", 4),
    ("bce", "sigmoid", 1),
    ("binary_crossentropy", "sigmoid", 3),
    ("BinaryCrossentropy", "softmax", 3),
    ("categorical_crossentropy", "softmax", 4),
    ("sparse_categorical_crossentropy", "indices", 4),
    ("kl_divergence", "softmax", 3),
    ("hinge", "sigmoid", 3),
    ("hinge", None, 3),
    ("squared_hinge", "sigmoid", 1),
    ("categorical_hinge", "softmax", 4),
]


def drawn(activation, n_outputs, dtype, spread=2.0):
    """Targets, outputs, weights and logits of an epoch."""
    rng = np.random.default_rng(n_outputs)
    z = (spread * rng.normal(size=(N_ROWS, n_outputs))).astype(dtype)
    w = rng.uniform(0.5, 2.0, size=N_ROWS).astype(dtype)
    w[::9] = 0
    classes = rng.integers(n_outputs, size=N_ROWS)
    if activation is None:
        return rng.poisson(2.0, size=z.shape).astype(dtype), np.abs(z), w, np.abs(z)
    if activation == "sigmoid":
        return rng.integers(2, size=z.shape).astype(dtype), keras.activations.sigmoid(z).numpy(), w, z
    y = classes[:, None].astype("int32") if activation == "indices" else np.eye(n_outputs, dtype=dtype)[classes]
    return y, keras.activations.softmax(tf.constant(z)).numpy(), w, z


def of_keras(metrics, activation, y, p, w, z=None):
    """The history of a model of one activation, which is given the logits; without these, the outputs."""
    inputs = keras.Input(p.shape[1:], dtype=p.dtype)
    form = {"indices": "softmax"}.get(activation, activation) if z is not None else None
    model = keras.Model(inputs, keras.layers.Activation(form or "linear", dtype=p.dtype.name)(inputs))
    model.compile(loss="mse" if activation is None else None, weighted_metrics=metrics, jit_compile=False)
    for start in range(0, len(p), 500):
        rows = slice(start, start + 500)
        outputs = model((p if z is None else z)[rows])
        results = model.compute_metrics(None, tf.constant(y[rows]), outputs, tf.constant(w[rows]))
    return {name: float(value) for name, value in results.items() if name != "loss"}


_SINGLE = {"targets_dtype": "float32", "dtype": "float32"}


def made(metrics, activation, n_outputs, y, dtype="float32"):
    form = {"indices": "softmax"}.get(activation, activation)
    arguments = {"activation": form, "n_outputs": n_outputs, "targets_dtype": y.dtype, "dtype": dtype}
    found = make_metrics(metrics, **arguments, name="GRURegressor")
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(map(str, case)))
def test_values_equal_the_history_of_keras(case, dtype):
    name, activation, n_outputs = case
    y, p, w, _ = drawn(activation, n_outputs, dtype)
    metric = made(name, activation, n_outputs, y, dtype)
    assert isinstance(metric, NativeMetrics)
    expected = of_keras([name], activation, y, p, w)
    assert metric.compute(y, p, w) == pytest.approx(expected, rel=1e-5)
    assert list(expected) == [name]
    assert expected[name] != 0


@pytest.mark.parametrize("metric", ["name", "instance"])
@pytest.mark.parametrize(
    ("name", "activation", "n_outputs"),
    [
        ("BinaryCrossentropy", "sigmoid", 2),
        ("CategoricalCrossentropy", "softmax", 3),
        ("SparseCategoricalCrossentropy", "indices", 3),
    ],
)
def test_cross_entropies_of_large_logits(name, activation, n_outputs, metric):
    metrics = [name] if metric == "name" else [getattr(keras.metrics, name)()]
    y, p, w, z = drawn(activation, n_outputs, "float32", spread=60.0)
    found = made(metrics, activation, n_outputs, y)
    assert isinstance(found, NativeMetrics if metric == "name" else KerasMetrics)
    expected = of_keras(metrics, activation, y, p, w, z)
    assert found.compute(y, p, w, z) == pytest.approx(expected, rel=1e-5)
    clipped = found.compute(y, p, w)
    assert next(iter(clipped.values())) < 0.9 * next(iter(expected.values()))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_other_metrics_are_computed_by_keras(dtype):
    def largest_error(y_true, y_pred):
        return keras.ops.max(keras.ops.abs(y_true - y_pred), axis=-1)

    y, p, w, _ = drawn("sigmoid", 2, dtype)
    metrics = [
        "mae",
        keras.metrics.AUC(name="area"),
        largest_error,
        "TruePositives",
        row_count("rows"),
        keras.metrics.Hinge,
    ]
    metrics.append(keras.metrics.BinaryAccuracy(threshold=0.7))
    metric = made(metrics, "sigmoid", 2, y, dtype)
    assert isinstance(metric, KerasMetrics)
    first = metric.compute(y, p, w)
    assert first == pytest.approx(of_keras(metrics, "sigmoid", y, p, w), rel=1e-5)
    names = ["mae", "area", "largest_error", "TruePositives", "rows", "hinge", "binary_accuracy"]
    assert list(first) == names
    assert first["rows"] == N_ROWS
    assert first["largest_error"] == pytest.approx(np.average(np.abs(y - p).max(axis=1), weights=w), rel=1e-5)
    assert metric.compute(y, p, w) == first  # nothing is left of the epoch before
    assert metric.compute(y[:100], p[:100], w[:100])["rows"] == 100


def test_names_that_occur_twice():
    y, p, w, _ = drawn(None, 2, "float32")
    metrics = ["mae", "mse", "mae", "mean_absolute_error", "mae", "mae"]
    assert made(metrics, None, 2, y).compute(y, p, w) == pytest.approx(of_keras(metrics, None, y, p, w), rel=1e-5)


@pytest.mark.parametrize("metrics", ["mse", "accuracy", ["AUC"]])
def test_weights_that_are_all_zero(metrics):
    y, p, w, _ = drawn("sigmoid", 2, "float32")
    assert set(made(metrics, "sigmoid", 2, y).compute(y, p, 0 * w).values()) == {0.0}


def test_no_metrics():
    for metrics in (None, [], ()):
        assert make_metrics(metrics, activation=None, n_outputs=1, **_SINGLE, name="X") == []


@pytest.mark.parametrize("metrics", ["nope", ["mae", "nope"], "ACC", "huber", "rmse"])
def test_unknown_names_raise_as_with_keras(metrics):
    with pytest.raises(ValueError) as expected:
        _check_metrics(metrics, "GRURegressor")
    with pytest.raises(ValueError) as raised:
        make_metrics(metrics, activation=None, n_outputs=1, **_SINGLE, name="GRURegressor")
    assert str(raised.value) == str(expected.value)


def test_metrics_that_fit_no_outputs():
    def rmse(y_true, y_pred):
        return keras.ops.sqrt(keras.ops.mean(keras.ops.square(y_true - y_pred)))

    for metrics in ([rmse], ["sparse_categorical_accuracy"], "IoU"):
        with pytest.raises(ValueError, match="'metrics' parameter of GRURegressor holds one that cannot be computed"):
            made(metrics, None, 3, np.zeros(1))
    of_top = ["sparse_top_k_categorical_accuracy"]  # whose operation takes outputs of float32 alone
    made(of_top, "softmax", 6, np.zeros(1, int))
    with pytest.raises(ValueError, match="holds one that cannot be computed"):
        made(of_top, "softmax", 6, np.zeros(1, int), "float64")
    with pytest.raises(ValueError, match="GRURegressor holds 'f1_score', which has several values"):
        made([keras.metrics.F1Score()], "softmax", 3, np.zeros(1))


def test_the_table_holds_the_metrics_of_the_installed_keras():
    newer = {"ConcordanceCorrelation", "PearsonCorrelation"}

    def is_known(name):
        try:
            keras.metrics.get(name)
        except ValueError:
            return False
        except TypeError:  # a class with arguments that have no default
            return True
        return True

    unknown = {name for name in native.NAMES if not is_known(name)}
    assert {native.NAMES[name] for name in unknown} <= {native.NAMES[name] for name in newer}
    public = {name for name in dir(keras.metrics) if inspect.isclass(getattr(keras.metrics, name))}
    functions = {name for name in dir(keras.metrics) if inspect.isfunction(getattr(keras.metrics, name))}
    names = (public | functions) - {"get", "serialize", "deserialize"}
    assert {name for name in names if is_known(name)} <= native.NAMES.keys()


def test_keras_is_not_imported():
    code = """
import sys
import numpy as np
from skrnn._engine.metrics import make_metrics
of_outputs = {"n_outputs": 1, "targets_dtype": "float64", "dtype": "float64"}
metrics, = make_metrics(["mae", "accuracy"], activation=None, **of_outputs, name="X")
print(metrics.compute(np.zeros((2, 1)), np.full((2, 1), 0.5), np.ones(2)), *({"keras", "tensorflow"} & {*sys.modules}))
"""
    process = children.run("-c", code)
    assert process.returncode == 0, process.stderr
    out = process.stdout.strip()
    assert out == "{'mae': 0.5, 'accuracy': 1.0}"
