import copy
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import tensorflow as tf
from numpy.testing import assert_allclose, assert_array_equal
from test_cells import N_FEATURES, N_SAMPLES, N_TIMESTEPS, last_state, logistic, sequences

from skrnn import GRUClassifier, GRURegressor, LSTMRegressor, RecurrentClassifier, RecurrentRegressor
from skrnn._engine.cells import CELLS
from skrnn._engine.network import NetworkSpec, build_network, fresh_values, network_variables, signature, variables_of

PLAIN = NetworkSpec(
    cell="gru",
    units=(4,),
    bidirectional=False,
    dropout=0.0,
    recurrent_dropout=0.0,
    dense_units=(),
    return_sequences=False,
    n_features=N_FEATURES,
    embedding=None,
    n_outputs=1,
    output_activation=None,
    dtype="float32",
)


def network(mask=None, seed=0, **changes):
    return build_network(replace(PLAIN, **changes), seed, mask=mask)


def tokens():
    ids = np.random.default_rng(0).integers(1, 7, size=(N_SAMPLES, N_TIMESTEPS))
    ids[::3, 3:] = 0
    ids[1::3, :2] = 0
    return ids


def classes_of(X):
    return np.digitize(X[:, -1, 0], [-0.5, 0.5])


FEW_EPOCHS = {"epochs": 2, "optimizer__learning_rate": 0.05, "random_state": 0}


# ---------------------------------------------------------------- parameters of the layers


@pytest.mark.parametrize(
    ("cls", "in_the_layer", "in_all"), [(GRURegressor, 5160, 5201), (LSTMRegressor, 6720, 6761)], ids=["gru", "lstm"]
)
def test_parameters_of_40_units_on_one_feature(cls, in_the_layer, in_all):
    X = sequences()[..., 0]  # 2-D: one univariate sequence a row
    model = cls(40, epochs=1).fit(X, X[:, 0]).model_
    assert model.get_layer("recurrent_0").count_params() == in_the_layer
    assert model.count_params() == in_all


@pytest.mark.parametrize(
    ("cell", "n_parameters"),
    [
        # Per unit: one weight for each feature and each unit, and one bias (two for the gates of the GRU).
        ("rnn", 7 * (3 + 7 + 1)),
        ("gru", 3 * 7 * (3 + 7 + 2)),
        ("lstm", 4 * 7 * (3 + 7 + 1)),
    ],
)
def test_parameters_by_formula(cell, n_parameters):
    model = network(cell=cell, units=(7,), n_features=3)
    assert model.get_layer("recurrent_0").count_params() == n_parameters
    assert model.count_params() == n_parameters + 7 + 1
    both = network(cell=cell, units=(7,), n_features=3, bidirectional=True)
    assert both.get_layer("bidirectional_0").count_params() == 2 * n_parameters
    assert both.count_params() == 2 * n_parameters + 2 * 7 + 1


# ---------------------------------------------------------------- layers


def classes_of_layers(model):
    return [type(layer).__name__ for layer in model.layers]


def test_layers_of_the_plainest_network():
    model = network()
    assert classes_of_layers(model) == ["InputLayer", "GRU", "Dense"]
    assert model.input_shape == (None, None, N_FEATURES)
    assert model.output_shape == (None, 1)
    assert model.get_layer("output").activation.__name__ == "linear"


def test_layers_of_a_deep_network():
    model = network(
        cell="lstm", units=(5, 4, 3), dense_units=(6, 2), n_outputs=3, output_activation="softmax", mask="layer"
    )
    expected = ["InputLayer", "Masking", "LSTM", "LSTM", "LSTM", "Dense", "Dense", "Dense"]
    assert classes_of_layers(model) == expected
    recurrent, dense = model.layers[2:5], model.layers[5:]
    assert [layer.units for layer in recurrent] == [5, 4, 3]
    assert [layer.return_sequences for layer in recurrent] == [True, True, False]
    assert [layer.units for layer in dense] == [6, 2, 3]
    assert [layer.activation.__name__ for layer in dense] == ["relu", "relu", "softmax"]
    assert [tuple(layer.output.shape) for layer in model.layers[2:]] == [
        (None, None, 5),
        (None, None, 4),
        (None, 3),
        (None, 6),
        (None, 2),
        (None, 3),
    ]


def test_layers_with_one_output_per_time_step():
    model = network(units=(4, 3), return_sequences=True, dense_units=(2,), n_outputs=2)
    assert [layer.return_sequences for layer in model.layers[1:3]] == [True, True]
    assert model.output_shape == (None, None, 2)


def test_layers_in_both_directions():
    model = network(units=(4, 3), bidirectional=True, recurrent_dropout=0.25)
    assert classes_of_layers(model) == ["InputLayer", "Bidirectional", "Bidirectional", "Dense"]
    for layer, units, every_step in zip(model.layers[1:3], (4, 3), (True, False), strict=True):
        assert layer.merge_mode == "concat"
        assert layer.output.shape[-1] == 2 * units
        assert not layer.forward_layer.go_backwards
        assert layer.backward_layer.go_backwards
        for direction in (layer.forward_layer, layer.backward_layer):
            assert (direction.units, direction.return_sequences) == (units, every_step)
            assert (direction.dropout, direction.recurrent_dropout) == (0.0, 0.25)


def test_dropout_sits_on_the_output_of_every_recurrent_layer():
    model = network(units=(4, 3), dropout=0.3, dense_units=(2,))
    assert classes_of_layers(model) == ["InputLayer", "GRU", "Dropout", "GRU", "Dropout", "Dense", "Dense"]
    for depth in (0, 1):
        recurrent, dropout = model.get_layer(f"recurrent_{depth}"), model.get_layer(f"dropout_{depth}")
        assert dropout.rate == 0.3
        assert dropout.input is recurrent.output
        assert (recurrent.dropout, recurrent.recurrent_dropout) == (0.0, 0.0)
    assert model.get_layer("recurrent_1").input is model.get_layer("dropout_0").output
    assert model.get_layer("dense_0").input is model.get_layer("dropout_1").output


def test_dropout_layers_draw_different_masks():
    model = network(units=(4, 4), dropout=0.5)
    ones = np.ones((8, 4), dtype="float32")
    first, second = (np.asarray(model.get_layer(f"dropout_{depth}")(ones, training=True)) for depth in (0, 1))
    assert set(np.unique(first)) == {0.0, 2.0}
    assert (first != second).any()


def test_recurrent_dropout_is_that_of_keras():
    layer = network(cell="lstm", recurrent_dropout=0.4).get_layer("recurrent_0")
    assert (layer.dropout, layer.recurrent_dropout) == (0.0, 0.4)


def test_layers_of_token_ids():
    model = network(embedding=(9, 3), mask="layer", n_features=1)
    assert classes_of_layers(model) == ["InputLayer", "Embedding", "GRU", "Dense"]
    embedding = model.get_layer("embedding")
    assert (embedding.input_dim, embedding.output_dim, embedding.mask_zero) == (9, 3, True)
    assert model.input_shape == (None, None)
    assert embedding.output.shape == (None, None, 3)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_weight_has_the_dtype_that_was_asked_for(dtype):
    model = network(units=(4, 3), bidirectional=True, dense_units=(2,), mask="layer", dtype=dtype)
    assert {weight.dtype for weight in model.weights} == {dtype}
    assert {layer.compute_dtype for layer in model.layers[1:]} == {dtype}


# ---------------------------------------------------------------- initial weights


@pytest.mark.parametrize("cell", ["gru", "lstm", "rnn"])
def test_initializers_are_the_defaults_of_keras(cell):
    import keras

    stock = {"gru": keras.layers.GRU, "lstm": keras.layers.LSTM, "rnn": keras.layers.SimpleRNN}[cell](4)
    layer = network(cell=cell).get_layer("recurrent_0")
    assert type(layer) is type(stock)
    ours, theirs = layer.get_config(), stock.get_config()
    for name in [name for name in theirs if name.endswith("_initializer")]:
        assert ours[name]["class_name"] == theirs[name]["class_name"]
    assert ours["kernel_initializer"]["class_name"] == "GlorotUniform"
    # What is not seeded or named here is as Keras has it: activations, bias, unit_forget_bias, reset_after.
    seeded = {"kernel_initializer", "recurrent_initializer", "seed", "name", "dtype"}
    assert {k: v for k, v in ours.items() if k not in seeded} == {k: v for k, v in theirs.items() if k not in seeded}


def test_initial_weights():
    kernel, recurrent, bias = (np.asarray(w) for w in network(cell="lstm", units=(8,)).get_layer("recurrent_0").weights)
    assert np.abs(kernel).max() <= np.sqrt(6 / (N_FEATURES + 4 * 8))
    assert_allclose(recurrent @ recurrent.T, np.eye(8), atol=1e-5)  # orthogonal
    assert_array_equal(bias, np.repeat([0, 1, 0, 0], 8))  # input, forget, candidate, output
    head = network().get_layer("output")
    assert type(head.kernel_initializer).__name__ == "GlorotUniform"
    assert_array_equal(np.asarray(head.bias), [0])


def test_no_two_layers_start_alike():
    model = network(units=(4, 4, 4), n_features=4, bidirectional=False, dense_units=(4, 4), n_outputs=4)
    kernels = [np.asarray(w) for w in model.weights if "recurrent_kernel" not in w.path and w.path.endswith("kernel")]
    assert len(kernels) == 6
    for i, kernel in enumerate(kernels):
        for other in kernels[:i]:
            assert kernel.shape != other.shape or (kernel != other).all()


def test_two_directions_start_from_different_weights():
    layer = network(bidirectional=True).get_layer("bidirectional_0")
    pairs = list(zip(layer.forward_layer.weights, layer.backward_layer.weights, strict=True))
    assert len(pairs) == 3
    for forward, backward in pairs[:2]:  # the biases are zeros
        assert (np.asarray(forward) != np.asarray(backward)).any()


def test_the_seed_determines_the_initial_weights():
    first, again, other = (network(units=(4, 3), seed=seed).get_weights() for seed in (5, 5, 6))
    for a, b in zip(first, again, strict=True):
        assert_array_equal(a, b)
    assert (first[0] != other[0]).all()


# ---------------------------------------------------------------- variables without a network


def specs(cell):
    """Specifications of networks that differ in everything but their cell."""
    for units, bidirectional, dropout, recurrent_dropout, dense_units in product(
        [(4,), (5, 3), (3, 4, 2)], [False, True], [0.0, 0.2], [0.0, 0.3], [(), (6, 2)]
    ):
        spec = replace(
            PLAIN,
            cell=cell,
            units=units,
            bidirectional=bidirectional,
            dropout=dropout,
            recurrent_dropout=recurrent_dropout,
            dense_units=dense_units,
        )
        yield spec
        yield replace(spec, return_sequences=True, embedding=(9, 3), n_features=1, n_outputs=3, dtype="float64")


# Building networks takes seconds for each cell.
ONE_CELL = pytest.mark.parametrize(
    "cell", ["gru", *(pytest.param(c, marks=pytest.mark.slow) for c in CELLS if c != "gru")]
)


def without_numbers_of_generators(variables):
    """Variables whose random generators, which Keras numbers through all of a process, have no numbers."""
    return [
        (path.rsplit("/", 1)[-1] if path.startswith("seed_generator") else path, shape, dtype)
        for path, shape, dtype in variables
    ]


@ONE_CELL
def test_variables_are_known_before_the_network(cell):
    for spec in specs(cell):
        variables = variables_of(spec)
        assert without_numbers_of_generators(variables) == without_numbers_of_generators(
            signature(build_network(spec, None))
        )
        assert len({path for path, *_ in variables}) == len(variables)


@ONE_CELL
def test_values_are_known_before_the_network(cell):
    for spec in list(specs(cell))[::7]:
        expected = [np.asarray(variable) for variable in network_variables(build_network(spec, 11))]
        for value, held in zip(fresh_values(variables_of(spec), 11), expected, strict=True):
            assert value.dtype == held.dtype
            assert_array_equal(value, held)


def test_variables_of_a_cell_that_declares_none_are_those_of_its_network(monkeypatch):
    monkeypatch.setitem(CELLS, "lstm", replace(CELLS["lstm"], variables=None))
    spec = replace(PLAIN, cell="lstm", bidirectional=True, dropout=0.2)
    built = variables_of(spec)
    assert without_numbers_of_generators(built) == without_numbers_of_generators(signature(build_network(spec, None)))
    monkeypatch.undo()
    assert without_numbers_of_generators(built) == without_numbers_of_generators(variables_of(spec))


# ---------------------------------------------------------------- the fitted model

FITS = {
    "gru": lambda: GRURegressor(4, **FEW_EPOCHS),
    "lstm": lambda: LSTMRegressor(4, **FEW_EPOCHS),
    "rnn": lambda: RecurrentRegressor("rnn", 4, **FEW_EPOCHS),
}


@pytest.fixture(scope="module")
def fitted():
    """Estimators of each cell, fitted on sequences without padded time steps."""
    X = sequences()
    return {cell: make().fit(X, X[:, -1, 0] - X[:, -2, 1]) for cell, make in FITS.items()}


def predicted_by_model(est, X):
    outputs = est.model_.predict_on_batch(est.model_input(X))
    return outputs[..., 0] if outputs.shape[-1] == 1 else outputs


@pytest.mark.slow
def test_model_of_a_deep_network_with_several_outputs():
    X = sequences(padded=True)
    Y = np.stack([np.nansum(X[..., 0], axis=1), np.nanmax(X[..., 1], axis=1)], axis=1)
    est = RecurrentRegressor("rnn", (4, 3), dense_units=3, dropout=0.2, **FEW_EPOCHS).fit(X, Y)
    assert est.predict(X).shape == (N_SAMPLES, 2)
    assert est.predict(X).std(axis=0).min() > 1e-3
    assert_allclose(predicted_by_model(est, X), est.predict(X), atol=1e-5)


@pytest.mark.slow
def test_model_with_one_output_per_time_step():
    X = sequences(padded=True)
    present = ~np.isnan(X).all(axis=2)
    y = np.cumsum(np.nan_to_num(X[..., 0]), axis=1)
    est = GRURegressor(4, return_sequences=True, **FEW_EPOCHS).fit(X, y)
    predictions = est.predict(X)
    assert_array_equal(np.isnan(predictions), ~present)
    # The model takes valid time steps first, so its outputs are those of the valid time steps, in their order.
    outputs = predicted_by_model(est, X)
    for sample in range(N_SAMPLES):
        n_present = present[sample].sum()
        assert_allclose(outputs[sample, :n_present], predictions[sample, present[sample]], atol=1e-5)


def test_model_of_a_classifier_of_token_ids():
    X = tokens()
    y = (X == 3).any(axis=1)
    est = RecurrentClassifier("rnn", 4, embedding_dim=3, **FEW_EPOCHS).fit(X, y)
    outputs = predicted_by_model(est, X)
    assert_allclose(outputs, est.predict_proba(X)[:, 1], atol=1e-5)
    table, kernel, recurrent, bias, head, head_bias = est.model_.get_weights()
    assert table.shape == (7, 3)
    for ids, output in zip(X[:6], outputs[:6], strict=True):
        h = last_state("rnn", (kernel, recurrent, bias), table[ids[ids != 0]])
        assert_allclose(output, logistic(h @ head + head_bias)[0], atol=1e-5)


@pytest.mark.slow
def test_model_of_a_classifier_of_several_classes():
    X = sequences()
    est = GRUClassifier(4, **FEW_EPOCHS).fit(X, classes_of(X))
    assert est.model_.get_layer("output").activation.__name__ == "softmax"
    assert_allclose(predicted_by_model(est, X), est.predict_proba(X), atol=1e-5)


def all_layers(model):
    """Layers of a model, those inside other layers included."""
    inner = [getattr(layer, name, None) for layer in model.layers for name in ("forward_layer", "backward_layer")]
    layers = [*model.layers, *(layer for layer in inner if layer is not None)]
    return layers + [layer.cell for layer in layers if hasattr(layer, "cell")]


def test_model_holds_stock_layers_of_keras_only(fitted):
    deep = network(units=(4, 3), bidirectional=True, dropout=0.1, dense_units=(2,), mask="layer")
    for model in (deep, *(est.model_ for est in fitted.values())):
        parts = [model, *all_layers(model)]
        assert {"Functional", "Masking", "Dense"} <= {type(part).__name__ for part in parts}
        assert {type(part).__module__.split(".")[0] for part in parts} == {"keras"}
    assert {"GRUCell", "Dropout"} <= {type(part).__name__ for part in all_layers(deep)}


def test_model_is_a_copy_that_stays(fitted):
    est, X = fitted["gru"], sequences()
    before = est.predict(X)
    model = copy.deepcopy(est).model_
    model.set_weights([np.zeros_like(w) for w in model.get_weights()])
    assert_array_equal(est.predict(X), before)
    assert est.model_ is est.model_
    owner = copy.deepcopy(est)
    owner.model_.set_weights([np.zeros_like(w) for w in owner.model_.get_weights()])
    assert_array_equal(owner.predict(X), before)


def test_model_follows_a_second_fit():
    X = sequences()
    est = GRURegressor(4, **FEW_EPOCHS).fit(X, X[:, -1, 0])
    first = est.model_
    est.fit(X, -X[:, -1, 0])
    assert est.model_ is not first
    assert_allclose(predicted_by_model(est, X), est.predict(X), atol=1e-5)


def test_model_has_the_time_axis_of_2d_input(fitted):
    X = sequences()
    rows = GRURegressor(4, **FEW_EPOCHS).fit(X[..., 0], X[:, -1, 0])
    assert rows.model_.input_shape == (None, N_TIMESTEPS, 1)
    assert_allclose(predicted_by_model(rows, X[..., 0]), rows.predict(X[..., 0]), atol=1e-5)
    ids = GRURegressor(4, embedding_dim=2, **FEW_EPOCHS).fit(tokens(), X[:, -1, 0])
    assert ids.model_.input_shape == (None, N_TIMESTEPS)
    assert_allclose(predicted_by_model(ids, tokens()), ids.predict(tokens()), atol=1e-5)
    assert fitted["gru"].model_.input_shape == (None, None, N_FEATURES)  # whose length may differ at predict


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["rows", "sequences"])
def test_model_can_be_exported_at_once_as_trained(layout, tmp_path):
    X, y = sequences(), sequences()[:, -1, 0]
    X = X[..., 0] if layout == "rows" else X
    est = GRURegressor(4, dropout=0.2, recurrent_dropout=0.2, **FEW_EPOCHS).fit(X, y)
    expected, global_state = est.predict(X), np.random.get_state()[1].copy()
    model = est.model_
    for variable, value in zip(network_variables(model), est._state.weights, strict=True):
        assert_array_equal(variable.numpy(), value)  # those of the random generators, too
    assert_array_equal(np.random.get_state()[1], global_state)
    model.export(tmp_path / "network", verbose=False)  # Keras would say that it has never been called
    exported = tf.saved_model.load(tmp_path / "network")
    assert_allclose(exported.serve(est.model_input(X))[:, 0], expected, rtol=0, atol=1e-5)


# ---------------------------------------------------------------- callable cells


def test_callable_gets_what_a_layer_needs():
    calls = []

    def cell(units, **options):
        import keras

        calls.append((units, options))
        return keras.layers.GRU(units, **options)

    model = network(cell=cell, units=(5, 3), dtype="float64")
    assert calls == [
        (5, {"return_sequences": True, "dtype": "float64", "name": "recurrent_0"}),
        (3, {"return_sequences": False, "dtype": "float64", "name": "recurrent_1"}),
    ]
    assert classes_of_layers(model) == ["InputLayer", "GRU", "GRU", "Dense"]


def test_callable_determines_the_layer():
    import keras

    def cell(units, **options):
        return keras.layers.GRU(units, reset_after=False, use_bias=False, **options)

    layer = network(cell=cell).get_layer("recurrent_0")
    assert not layer.reset_after
    assert layer.count_params() == 3 * 4 * (N_FEATURES + 4)


def stock_gru(units, **options):
    import keras

    return keras.layers.GRU(units, **options)


@pytest.mark.slow
def test_callable_equals_the_named_cell_with_the_same_weights(fitted):
    X = sequences()
    y = X[:, -1, 0] - X[:, -2, 1]
    est = RecurrentRegressor(stock_gru, 4, **FEW_EPOCHS).fit(X, y)
    assert_allclose(predicted_by_model(est, X), est.predict(X), atol=1e-5)
    named = RecurrentRegressor("gru", 4, **FEW_EPOCHS).fit(X, y)
    assert np.abs(named.predict(X) - est.predict(X)).max() > 0.01  # they started from different weights
    named._state = copy.deepcopy(est._state)
    assert_allclose(named.predict(X), est.predict(X), atol=1e-5)
    assert_allclose(named.predict(sequences(padded=True)), est.predict(sequences(padded=True)), atol=1e-5)
    # One more epoch of kernels is one more epoch of Keras's own loop.
    before = est.predict(X)
    named.partial_fit(X, y)
    est.partial_fit(X, y)
    assert np.abs(est.predict(X) - before).max() > 0.01
    assert_allclose(named.predict(X), est.predict(X), atol=1e-5)
