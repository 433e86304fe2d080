"""Random networks and data for the tests of the native kernels, and what kernels and Keras make of them."""

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st
from pytest import approx
from reference import outputs_of_sequence

from skrnn._data.sequences import Sequences
from skrnn._data.targets import Targets
from skrnn._engine.architecture import Architecture
from skrnn._engine.dataset import Dataset
from skrnn._engine.keras_batches import keras_inputs
from skrnn._engine.losses import native_loss
from skrnn._engine.native_pass import outputs_of
from skrnn._engine.native_training import NativeTraining
from skrnn._engine.network import NetworkSpec, build_network, variables_of
from skrnn._engine.optimizers import native_optimizer

TOLERANCE = {"float32": 1e-5, "float64": 1e-10}
_RATE = 2.0**20  # of the step that gradients are read from: the weights before do not round them off


def spec_of(**params):
    """The specification of a small network."""
    defaults = {
        "cell": "gru",
        "units": (6,),
        "bidirectional": False,
        "dropout": 0.0,
        "recurrent_dropout": 0.0,
        "dense_units": (),
        "return_sequences": False,
        "n_features": 3,
        "embedding": None,
        "n_outputs": 2,
        "output_activation": None,
        "dtype": "float64",
        "categories": (),
        "patch_size": 1,
        "pooling": "last",
    }
    return NetworkSpec(**defaults | params)


@st.composite
def problems(draw):
    """A specification, the number of samples and of time steps, whether lengths differ, and a seed."""
    activation = draw(st.sampled_from([None, "sigmoid", "softmax"]))
    spec = spec_of(
        cell=draw(st.sampled_from(["gru", "lstm", "rnn"])),
        units=tuple(draw(st.lists(st.integers(1, 40), min_size=1, max_size=2))),
        bidirectional=draw(st.booleans()),
        dense_units=tuple(draw(st.lists(st.integers(1, 30), max_size=2))),
        return_sequences=draw(st.booleans()),
        n_features=draw(st.integers(1, 9)),
        n_outputs=draw(st.integers(1 + (activation == "softmax"), 9)),
        output_activation=activation,
        dtype=draw(st.sampled_from(["float32", "float64"])),
    )
    return Problem(spec, draw(st.integers(1, 40)), draw(st.integers(1, 25)), draw(st.booleans()), draw(st.integers(0)))


class Problem:
    """A network of random weights, and data.

    Rows that no sequence refers to are NaN, so that nothing can come of them unseen.
    """

    def __init__(self, spec, n_samples=8, n_timesteps=5, ragged=True, seed=0):
        self.spec, self.seed = spec, seed
        self.description = spec, n_samples, n_timesteps, ragged, seed
        rng = np.random.default_rng(seed)
        self.weights = [_weight(shape, rng).astype(spec.dtype) for shape in shapes_of(spec)]
        lengths = rng.integers(1, n_timesteps + 1, n_samples) if ragged else np.full(n_samples, n_timesteps)
        lengths[rng.integers(n_samples)] = n_timesteps
        room = n_timesteps + 2
        inside = np.arange(room) < lengths[:, None]
        if spec.embedding is None:
            values = np.where(inside[..., None], rng.normal(size=(n_samples, room, spec.n_features)), np.nan)
        else:
            values = np.where(inside, rng.integers(1, spec.embedding[0], size=(n_samples, room)), -1)[..., None]
        for column, n_rows, _ in spec.categories:  # two codes are beyond the table
            values[..., column] = np.where(inside, rng.integers(0, n_rows + 1, size=(n_samples, room)), np.nan)
        values = values.reshape(n_samples * room, -1)
        starts = np.arange(n_samples) * room
        sequences = Sequences(values, starts, lengths, n_timesteps - lengths, 1, n_timesteps)
        rows = n_samples * (n_timesteps if spec.return_sequences else 1)
        targets = Targets(
            rng.normal(size=(rows, spec.n_outputs)).astype(spec.dtype),
            rng.uniform(0.2, 2.0, size=rows).astype(spec.dtype),
            np.arange(n_samples) * (n_timesteps if spec.return_sequences else 1),
            spec.return_sequences,
        )
        self.dataset = Dataset(sequences, targets)

    def __repr__(self):
        return f"Problem{self.description}"

    @property
    def sequences(self):
        return self.dataset.sequences

    def sequence(self, i):
        """The steps of a sequence, without padding."""
        start, length = self.sequences.starts[i], self.sequences.lengths[i]
        rows = self.sequences.values[start : start + length]
        return rows if self.spec.embedding is None else rows[:, 0]

    def with_values(self, values):
        """Let the sequences be cut from other rows."""
        self.dataset = replace(self.dataset, sequences=replace(self.sequences, values=values))

    def spoil(self, samples, values):
        """Fill sequences with some numbers, in turn."""
        spoilt = self.sequences.values.copy()
        for i in samples:
            start = self.sequences.starts[i]
            spoilt[start : start + self.sequences.lengths[i]] = values[i % len(values)]
        self.with_values(spoilt)

    def plain_loss(self, weights, kept_of=lambda sample: None):
        """The loss of all samples by plain numpy."""
        total = 0.0
        for i, start in enumerate(self.dataset.targets.starts):
            outputs = np.atleast_2d(outputs_of_sequence(self.spec, weights, self.sequence(i), kept_of(i)))
            rows = slice(start, start + len(outputs))
            errors = ((outputs - self.dataset.targets.values[rows]) ** 2).mean(axis=1)
            total += (errors * self.dataset.targets.weights[rows]).sum()
        return total / (len(self.dataset) * self.dataset.mean_weight)

    def outputs(self, chosen=slice(None)):
        """Native outputs, zero at padding."""
        architecture = Architecture(self.spec)
        return outputs_of(architecture, architecture.pack(self.weights), self.sequences.take(chosen))

    def training(self, optimizer="SGD", batch_size=None, shuffle=False, seed=0, keeps_outputs=False, **arguments):
        """A native training that has taken the weights; ``arguments`` are the optimizer's."""
        ours = native_optimizer(optimizer, arguments, "GRURegressor")
        training = NativeTraining(
            Architecture(self.spec),
            ours,
            native_loss("mse", {}, self.spec.output_activation),
            self.dataset,
            mean_weight=self.dataset.mean_weight,
            batch_size=batch_size or len(self.dataset),
            seed=seed,
            shuffle=shuffle,
            keeps_outputs=keeps_outputs,
        )
        shapes = [weight.shape for weight in self.weights]
        training.load([*self.weights, *ours.variables(shapes, self.spec.dtype)])
        return training

    def loss_and_gradients(self, **options):
        """Native loss of all samples in one batch, and its gradients by the weights."""
        training = self.training(learning_rate=_RATE, **options)
        loss = training.train(0)
        after = training.values()[: len(self.weights)]
        return loss, [(w.astype(np.float64) - a) / _RATE for w, a in zip(self.weights, after, strict=True)]

    def by_keras(self):
        """Outputs, loss and gradients of the stock network."""
        import keras  # not in child processes that import this module
        import tensorflow as tf

        network = build_network(self.spec, None)
        network.set_weights(self.weights)
        samples = np.arange(len(self.dataset))
        x = keras_inputs(self.sequences, samples, self.spec.embedding is not None, None, self.spec.patch_size)
        x = x.astype(self.spec.dtype if self.spec.embedding is None else "int32")
        targets, weights = self.dataset.targets.gather(samples, self.sequences.valid())
        with tf.GradientTape() as tape:
            outputs = network(x, training=False)
            errors = tf.reduce_mean((outputs - targets) ** 2, axis=-1)
            loss = tf.reduce_sum(errors * weights.astype(self.spec.dtype)) / (len(samples) * self.dataset.mean_weight)
        gradients = tape.gradient(loss, [w.value for w in network.trainable_weights])
        keras.backend.clear_session()
        return outputs.numpy(), float(loss), [tf.convert_to_tensor(g).numpy() for g in gradients]


def _weight(shape, rng):
    """Numbers with which a network neither forgets at once nor turns chaotic."""
    return rng.normal(size=shape) * (0.8 / np.sqrt(shape[0]) if len(shape) == 2 and shape[0] > 2 else 0.3)


def assert_close(actual, expected, dtype, least=0.0):
    """Assert that arrays differ by little of the largest number in what is expected, or of the least scale."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape
    np.testing.assert_allclose(actual, expected, rtol=0, atol=TOLERANCE[dtype] * max(np.abs(expected).max(), least))


def assert_gradients_close(actual, expected, dtype):
    """Assert the same of gradients; tiny ones are sums of larger terms, and have errors of their size."""
    least = 0.1 * max(np.abs(gradient).max() for gradient in expected)
    for ours, theirs in zip(actual, expected, strict=True):
        assert_close(ours, theirs, dtype, least)


def assert_slopes(problem, gradients, loss_of):
    """Assert that gradients by the weights are those of a loss, by differences."""
    step = 1e-6
    for position, gradient in enumerate(gradients):
        for index in np.ndindex(gradient.shape):
            ends = []
            for sign in (1, -1):
                moved = [w.copy() for w in problem.weights]
                moved[position][index] += sign * step
                ends.append(loss_of(moved))
            assert (ends[0] - ends[1]) / (2 * step) == approx(gradient[index], rel=1e-6, abs=1e-9)


def padding_of(architecture):
    """Which numbers of packed weights fill vectors up."""
    return architecture.pack([np.ones(shape) for shape in shapes_of(architecture.spec)]) == 0


def shapes_of(spec):
    """Shapes of the weights of a network, in Keras's order."""
    return [shape for _, shape, dtype in variables_of(spec) if dtype != "int64"]


def row_count(name):
    """Return a metric of Keras that counts rows, whatever their weights."""
    import keras

    class RowCount(keras.metrics.Metric):
        def __init__(self, name=name, **options):
            super().__init__(name=name, **options)
            self.total = self.add_weight(name="total", initializer="zeros")

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.total.assign_add(keras.ops.cast(keras.ops.shape(y_true)[0], self.dtype))

        def result(self):
            return keras.ops.copy(self.total)

    return RowCount()
