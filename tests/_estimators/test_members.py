"""Estimators of several networks with different seeds, whose outputs are averaged."""

import copy
import os
import pickle
import re
import signal
import threading
import time
import warnings

import keras
import numpy as np
import pytest
import skops.io
from children import run_code
from conftest import (
    CLASSIFIER_CELLS,
    CLASSIFIERS,
    RAW,
    REGRESSOR_CELLS,
    REGRESSORS,
    cell_id,
    make,
    make_cell,
    needs_kernels,
    with_padded_steps,
)
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import norm
from sklearn.base import clone
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import GridSearchCV, KFold, cross_val_predict
from sklearn.utils import estimator_html_repr

from skrnn import SKOPS_TRUSTED, Checkpoint, SequenceForecaster, compare_cells
from skrnn._engine.native_training import NativeTraining
from skrnn._engine.saved_fit import SavedFit
from skrnn._estimators import members
from skrnn._estimators.html import network_summary
from skrnn._estimators.members import members_of

LEVELS = (0.1, 0.5, 0.9)
QUANTILES = {"loss": "quantile", "quantile": LEVELS}
EARLY = {
    "epochs": 60, "early_stopping": True, "patience": 3, "validation_split": 0.2, "optimizer__learning_rate": 0.1,
}  # fmt: skip


def seeds(n_members, seed=0):
    """The documented seeds: the given one, and the first words of the sequences spawned from it."""
    return [seed, *(int(s.generate_state(1)[0]) for s in np.random.SeedSequence(seed).spawn(n_members - 1))]


def singles(estimator, *data, n_members=3, **options):
    """Estimators of one network with the seeds of the members."""
    return [clone(estimator).set_params(n_members=1, random_state=s).fit(*data, **options) for s in seeds(n_members)]


def mean(values):
    return np.mean(values, axis=0, dtype=np.float64)


def states_of(estimator):
    return [[*member._state.weights, *member._state.optimizer] for member in estimator.members_]


def assert_equal_fits(estimator, expected):
    assert len(estimator.members_) == len(expected.members_)
    for state, wanted in zip(states_of(estimator), states_of(expected), strict=True):
        for value, other in zip(state, wanted, strict=True):
            assert_array_equal(value, other)
    for name in ("history_", "n_iter_", "best_epoch_"):
        assert getattr(estimator, name) == getattr(expected, name)


# ---------------------------------------------------------------------- predictions


@pytest.mark.parametrize("cell", REGRESSOR_CELLS, ids=cell_id)
def test_regressors_average_predictions(cell, X, y):
    regressor = make_cell(cell, n_members=3).fit(X, y)
    expected = singles(regressor, X, y)
    for member, single in zip(regressor.members_, expected, strict=True):
        assert member.get_params() == single.get_params()
        assert_array_equal(member.predict(X), single.predict(X))
        assert member.history_ == single.history_
    predictions = np.array([single.predict(X) for single in expected])
    assert not np.allclose(predictions[0], predictions[1], atol=1e-3)
    assert not np.allclose(predictions[1], predictions[2], atol=1e-3)
    assert_array_equal(regressor.predict(X), mean(predictions).astype(np.float32))
    assert regressor.predict(X).dtype == np.float64
    assert regressor.score(X, y) == pytest.approx(r2_score(y, mean(predictions)))
    same, std = regressor.predict(X, return_std=True)
    assert_array_equal(same, regressor.predict(X))
    assert_allclose(std, np.std(predictions, axis=0), rtol=1e-12)


@pytest.mark.parametrize("cell", CLASSIFIER_CELLS, ids=cell_id)
def test_classifiers_average_probabilities(cell, X, labels, binary_labels):
    indicators = np.column_stack([X[:, -1, 0] > 0, X[:, -1, 1] > 0.5, X[:, -2, 0] > 0]).astype(int)
    for target in (labels, binary_labels, indicators):
        classifier = make_cell(cell, n_members=3, optimizer__learning_rate=0.05).fit(X, target)
        expected = mean([single.predict_proba(X) for single in singles(classifier, X, target)])
        proba = classifier.predict_proba(X)
        assert_allclose(proba, expected, atol=1e-7)
        assert proba.dtype == classifier.members_[0].predict_proba(X).dtype
        if target is indicators:
            wanted = (expected > 0.5).astype(int)
        else:
            wanted = np.unique(target)[expected.argmax(axis=1)]
            assert_array_equal(classifier.classes_, np.unique(target))
            assert_allclose(proba.sum(axis=1), 1, atol=1e-6)
        assert_array_equal(classifier.predict(X), wanted)
        assert classifier.score(X, target) == accuracy_score(target, wanted)


def test_the_mean_may_differ_from_the_vote(X, labels):
    """The class is that of the largest mean probability, not the one that most members predict."""
    classifier = make("GRUClassifier", n_members=3, epochs=8, optimizer__learning_rate=0.05).fit(X, labels)
    votes = np.array([member.predict(X) for member in classifier.members_])
    is_unanimous = (votes == votes[0]).all(axis=0)
    assert not is_unanimous.all()
    assert_array_equal(classifier.predict(X), classifier.classes_[classifier.predict_proba(X).argmax(axis=1)])


def test_quantiles_are_averaged_by_level_and_then_sorted(X, y):
    for target in (y, np.column_stack([y, -2 * y])):
        regressor = make("GRURegressor", **QUANTILES, n_members=3).fit(X, target)
        outputs = mean([m.model_.predict_on_batch(m.model_input(X)) for m in singles(regressor, X, target)])
        expected = np.sort(outputs.reshape(len(X), 3, -1), axis=1)
        assert (expected != outputs.reshape(len(X), 3, -1)).any()  # some cross
        expected = expected if target.ndim == 2 else expected[..., 0]
        assert_allclose(regressor.predict_quantiles(X), expected, atol=1e-5)
        assert_allclose(regressor.predict(X), expected[:, 1], atol=1e-5)
        medians = [member.predict(X) for member in regressor.members_]
        assert_allclose(regressor.predict(X, return_std=True)[1], np.std(medians, axis=0), atol=1e-7)


def test_normal_distributions_are_mixed(X, y):
    for target in (y, np.column_stack([y, -2 * y])):
        regressor = make("GRURegressor", loss="gaussian", n_members=3).fit(X, target)
        parts = [single.predict(X, return_std=True) for single in singles(regressor, X, target)]
        means, stds = map(np.array, zip(*parts, strict=True))
        predicted, std = regressor.predict(X, return_std=True)
        assert_array_equal(predicted, means.mean(axis=0).astype(np.float32))
        assert_allclose(std, np.sqrt((stds**2).mean(axis=0) + means.var(axis=0)), rtol=1e-7)
        assert (std > stds.mean(axis=0)).all()
    draws = np.random.default_rng(0).normal(means[:, 0, 0], stds[:, 0, 0], size=(100_000, 3))
    assert draws.std() == pytest.approx(std[0, 0], rel=0.01)


def test_one_network_without_a_distribution_has_no_std(X, y):
    regressor = make("GRURegressor", n_members=2).fit(X, y)
    regressor.predict(X, return_std=True)
    message = r"return_std=True requires loss='gaussian' or n_members > 1, but this GRURegressor was fitted with loss="
    with pytest.raises(ValueError, match=message):
        regressor.set_params(n_members=1).fit(X, y).predict(X, return_std=True)
    with pytest.raises(ValueError, match="predict_quantiles requires loss='quantile', but"):
        regressor.predict_quantiles(X)


@pytest.mark.parametrize("params", [{}, QUANTILES, {"loss": "gaussian"}], ids=["mse", "quantile", "gaussian"])
def test_predictions_per_time_step(params, X, y_steps):
    X = with_padded_steps(X)
    regressor = make("GRURegressor", return_sequences=True, n_members=2, **params).fit(X, y_steps)
    predicted = regressor.predict(X)
    assert_array_equal(np.isnan(predicted), np.isnan(X[..., 0]))
    parts = [single.predict(X) for single in singles(regressor, X, y_steps, n_members=2)]
    if params != QUANTILES:  # medians of crossing quantiles are not linear
        assert_allclose(predicted, mean(parts), rtol=1e-6, equal_nan=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        std = regressor.predict(X, return_std=True)[1]
    assert_array_equal(np.isnan(std), np.isnan(X[..., 0]))
    sequences = [each[~np.isnan(each[:, 0])] for each in X]
    targets = [each[~np.isnan(rows[:, 0])] for each, rows in zip(y_steps, X, strict=True)]
    of_list = clone(regressor).fit(sequences, targets)
    values, stds = of_list.predict(sequences, return_std=True)
    assert [len(each) for each in values] == [len(each) for each in stds] == list(map(len, sequences))
    assert of_list.score(sequences, targets) == pytest.approx(
        r2_score(np.concatenate(targets), np.concatenate(list(values)))
    )


def test_labels_per_time_step(X, y_steps):
    X, steps = with_padded_steps(X), np.where(y_steps > 0, "up", "down")
    classifier = make("GRUClassifier", return_sequences=True, n_members=2).fit(X, steps)
    proba = classifier.predict_proba(X)
    parts = [single.predict_proba(X) for single in singles(classifier, X, steps, n_members=2)]
    assert_allclose(proba, mean(parts), atol=1e-7, equal_nan=True)
    is_valid = ~np.isnan(X[..., 0])
    assert_array_equal(classifier.predict(X)[is_valid], classifier.classes_[proba[is_valid].argmax(axis=1)])


def test_weights_validation_data_and_layouts(X, y, labels):
    weights = np.random.default_rng(0).uniform(size=len(X)) * (np.arange(len(X)) > 3)
    for name, target in (("LSTMRegressor", y), ("LSTMClassifier", labels)):
        data = {"sample_weight": weights[9:], "X_val": X[:9], "y_val": target[:9], "sample_weight_val": weights[:9] + 1}
        estimator = make(name, n_members=2, metrics=["mse"] if name == "LSTMRegressor" else ["accuracy"])
        estimator.fit(X[9:], target[9:], **data)
        for member, single in zip(
            estimator.members_, singles(estimator, X[9:], target[9:], n_members=2, **data), strict=True
        ):
            assert member.history_ == single.history_
            assert_array_equal(member.predict(X), single.predict(X))
        assert len(estimator.history_) == 4
    ids = np.random.default_rng(0).integers(0, 7, size=(40, 5))
    ids[:, 0] = 2
    classifier = make("GRUClassifier", embedding_dim=3, n_members=2).fit(np.sort(ids)[:, ::-1], labels)
    assert len({member.predict_proba(np.sort(ids)[:, ::-1]).tobytes() for member in classifier.members_}) == 2


# ---------------------------------------------------------------------- model_

MODELS = {
    "plain": ("GRURegressor", {}),
    "dropout": ("LSTMRegressor", {"units": (4, 3), "recurrent_dropout": 0.2, "dropout": 0.1, "bidirectional": True}),
    "float64": ("GRURegressor", {"dtype": "float64"}),
    "steps": ("GRURegressor", {"return_sequences": True}),
    "several": ("GRURegressor", QUANTILES),
    "classifier": ("GRUClassifier", {}),
}

# TensorFlow's variables do not know the copy argument of NumPy 2 (TensorFlow 2.21).
SAVES_MODELS = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

LOAD = """
import sys

import keras
import numpy as np

for name in sys.argv[1:]:
    model = keras.saving.load_model(f"{name}.keras")
    expected = np.load(f"{name}-outputs.npy")
    outputs = np.asarray(model.predict_on_batch(np.load(f"{name}.npy"))).reshape(expected.shape)
    valid = ~np.isnan(expected)
    np.testing.assert_allclose(outputs[valid], expected[valid], atol=1e-5)
    model.save(f"{name}-again.keras")
assert "skrnn" not in sys.modules
"""


@SAVES_MODELS
@pytest.mark.slow
def test_the_keras_model_predicts_the_mean_without_skrnn(X, y, y_steps, labels, tmp_path):
    X[1, -2:] = X[4, 1:] = np.nan
    for key, (name, params) in MODELS.items():
        target = labels if name == "GRUClassifier" else y_steps if key == "steps" else y
        estimator = make(name, n_members=3, **params).fit(X, target)
        expected = estimator.predict_proba(X) if name == "GRUClassifier" else estimator.predict(X)
        if key == "several":
            model = estimator.model_
            raw = np.asarray(model.predict_on_batch(estimator.model_input(X)))
            assert_allclose(np.sort(raw, axis=1), estimator.predict_quantiles(X), atol=1e-5)
            expected = raw
        assert estimator.model_.layers[-1].__class__ is keras.layers.Average
        assert {type(layer).__module__.split(".")[0] for layer in estimator.model_.layers} == {"keras"}
        assert estimator.model_ is estimator.model_
        assert estimator.model_.count_params() == 3 * estimator.members_[0].model_.count_params()
        estimator.model_.save(tmp_path / f"{key}.keras")
        np.save(tmp_path / f"{key}.npy", estimator.model_input(X))
        np.save(tmp_path / f"{key}-outputs.npy", expected)
    run_code(LOAD, *MODELS, cwd=tmp_path, env={"PYTHONPATH": ""})


def test_the_keras_model_of_normal_distributions_has_the_mean(X, y):
    regressor = make("GRURegressor", loss="gaussian", n_members=2).fit(X, y)
    outputs = np.asarray(regressor.model_.predict_on_batch(regressor.model_input(X)))
    assert_allclose(outputs[:, 0], regressor.predict(X), atol=1e-5)
    scales = [m.model_.predict_on_batch(m.model_input(X))[:, 1] for m in regressor.members_]
    assert_allclose(outputs[:, 1], np.mean(scales, axis=0), atol=1e-5)


# ---------------------------------------------------------------------- fitted attributes


def test_histories_are_means_over_the_members_that_still_run(X, y):
    regressor = make("GRURegressor", n_members=4, metrics=["mae"], **EARLY).fit(X, y)
    expected = singles(regressor, X, y, n_members=4)
    n_epochs = [single.n_iter_ for single in expected]
    assert len(set(n_epochs)) > 1
    assert regressor.n_iter_ == max(n_epochs)
    assert regressor.best_epoch_ == max(single.best_epoch_ for single in expected)
    assert [member.best_epoch_ for member in regressor.members_] == [single.best_epoch_ for single in expected]
    assert list(regressor.history_) == list(expected[0].history_) == ["loss", "mae", "val_loss", "val_mae"]
    for name, values in regressor.history_.items():
        rows = [single.history_[name] for single in expected]
        wanted = [np.mean([row[k] for row in rows if len(row) > k]) for k in range(max(n_epochs))]
        assert values == pytest.approx(wanted, rel=1e-12)
        assert all(type(value) is float for value in values)
    assert_allclose(regressor.predict(X), mean([single.predict(X) for single in expected]), rtol=1e-6)


def test_members_hold_out_the_same_samples(X, y, monkeypatch):
    given = []
    train = members.run_side_by_side
    monkeypatch.setattr(members, "run_side_by_side", lambda calls: [given.append(len(calls)), train(calls)])
    parts = []
    fit = NativeTraining.evaluation
    monkeypatch.setattr(
        NativeTraining,
        "evaluation",
        lambda self, dataset, **options: [parts.append(dataset), fit(self, dataset, **options)][1],
    )
    make("GRURegressor", n_members=3, validation_split=0.2).fit(X, y)
    if given:  # SKRNN_ENGINE=keras trains them one after the other
        assert given == [3]
        assert len(parts) == 3
        assert parts[0] is parts[1] is parts[2]
        assert len(parts[0]) == 8


def test_a_single_network_has_no_members(X, y):
    regressor = make("GRURegressor").fit(X, y)
    assert not hasattr(regressor, "members_")
    regressor.set_params(n_members=2).fit(X, y)
    assert len(regressor.members_) == 2
    several = regressor.predict(X)
    regressor.set_params(n_members=1).fit(X, y)
    assert not hasattr(regressor, "members_")
    assert_array_equal(regressor.predict(X), make("GRURegressor").fit(X, y).predict(X))
    assert not np.array_equal(regressor.predict(X), several)


@pytest.mark.parametrize("n_members", [2, 5])
def test_the_first_members_do_not_depend_on_how_many_there_are(n_members, X, y):
    fewer, more = (make("GRURegressor", n_members=n).fit(X, y) for n in (n_members, n_members + 1))
    for one, other in zip(fewer.members_, more.members_[:-1], strict=True):
        assert one.random_state == other.random_state
        assert_array_equal(one.predict(X), other.predict(X))


def test_random_states(X, y):
    drawn = [make("GRURegressor", n_members=3, random_state=None).fit(X, y) for _ in range(2)]
    assert not np.array_equal(drawn[0].predict(X), drawn[1].predict(X))
    again = clone(drawn[0]).set_params(random_state=drawn[0].members_[0].random_state).fit(X, y)
    assert_array_equal(again.predict(X), drawn[0].predict(X))
    one, other = (np.random.RandomState(3) for _ in range(2))
    assert_array_equal(
        make("GRURegressor", n_members=2, random_state=one).fit(X, y).members_[0].predict(X),
        make("GRURegressor", random_state=other).fit(X, y).predict(X),
    )
    assert one.randint(1000) == other.randint(1000)  # one seed is drawn, whatever the number of members


@pytest.mark.parametrize("travel", [copy.deepcopy, lambda fitted: pickle.loads(pickle.dumps(fitted))])
def test_copies(travel, X, y):
    regressor = make("GRURegressor", n_members=2, warm_start=True).fit(X, y)
    again = travel(regressor)
    assert_array_equal(again.predict(X, return_std=True), regressor.predict(X, return_std=True))
    assert_equal_fits(again.fit(X, y), regressor.fit(X, y))
    assert len(again.history_["loss"]) == 6


def test_skops(X, labels, tmp_path):
    classifier = make("GRUClassifier", n_members=2).fit(X, labels)
    skops.io.dump(classifier, tmp_path / "c.skops")
    loaded = skops.io.load(tmp_path / "c.skops", trusted=SKOPS_TRUSTED)
    assert_array_equal(loaded.predict_proba(X), classifier.predict_proba(X))


@pytest.mark.parametrize("name", REGRESSORS + CLASSIFIERS)
def test_parameter_and_html(name, X, y, labels):
    estimator = make(name, n_members=2)
    assert estimator.get_params()["n_members"] == clone(estimator).n_members == 2
    estimator.fit(X, y if name in REGRESSORS else labels)
    n_parameters = sum(member._n_parameters() for member in estimator.members_)
    words = network_summary(estimator)
    assert words.startswith("mean of 2 networks, ")
    assert f"; {n_parameters:,} parameters; 3 epochs" in words
    assert words in estimator_html_repr(estimator)
    assert "_model" not in vars(estimator)
    assert all(type(member) is type(estimator) and member.n_members == 1 for member in estimator.members_)


# ---------------------------------------------------------------------- further training


def test_partial_fit(X, y):
    parts = np.split(np.arange(len(X)), 4)
    regressor, several = make("GRURegressor", dropout=0.2, n_members=3), []
    for rows in parts:
        regressor.partial_fit(X[rows], y[rows])
        several.append(regressor.members_)
    assert several[0][0].n_iter_ == 1  # those of an earlier call are not changed
    expected = [make("GRURegressor", dropout=0.2, random_state=seed) for seed in seeds(3)]
    for single in expected:
        for rows in parts:
            single.partial_fit(X[rows], y[rows])
    assert regressor.n_iter_ == 4
    assert_array_equal(regressor.predict(X), mean([e.predict(X) for e in expected]).astype(np.float32))
    assert regressor.history_["loss"] == pytest.approx(mean([e.history_["loss"] for e in expected]))


def test_warm_start(X, y):
    regressor = make("GRURegressor", n_members=2, dropout=0.2, warm_start=True).fit(X, y).fit(X, y)
    whole = make("GRURegressor", n_members=2, dropout=0.2, epochs=6).fit(X, y)
    assert_equal_fits(regressor, whole)
    assert_array_equal(regressor.predict(X), whole.predict(X))
    regressor.set_params(optimizer__learning_rate=0.5).fit(X, y)
    assert regressor.members_[1].optimizer__learning_rate == 0.5
    assert regressor.n_iter_ == 9


def test_warm_start_after_members_stopped_in_different_epochs(X, y):
    regressor = make("GRURegressor", n_members=3, warm_start=True, **EARLY).fit(X, y)
    n_before = [member.n_iter_ for member in regressor.members_]
    assert len(set(n_before)) > 1
    regressor.set_params(early_stopping=False, epochs=2).fit(X, y)
    assert [member.n_iter_ for member in regressor.members_] == [n + 2 for n in n_before]
    assert len(regressor.history_["loss"]) == regressor.n_iter_ == max(n_before) + 2


def test_the_number_of_members_is_kept(X, y):
    for before, after in ((1, 2), (2, 1), (2, 3)):
        regressor = make("GRURegressor", n_members=before, warm_start=True).fit(X, y)
        attributes = dict(vars(regressor))
        regressor.set_params(n_members=after)
        message = f"GRURegressor cannot resume training with n_members={after}: it was fitted with n_members={before}"
        for again in (regressor.fit, regressor.partial_fit):
            with pytest.raises(ValueError, match=message):
                again(X, y)
        assert vars(regressor) == attributes | {"n_members": after}


@pytest.mark.parametrize("n_saves", [1, 4, 7])
@pytest.mark.parametrize("others", [False, True])
def test_a_fit_that_was_killed_is_resumed(n_saves, others, X, y, tmp_path, monkeypatch):
    def regressor(*checkpoints):
        callbacks = [*checkpoints, keras.callbacks.TerminateOnNaN()] if others else list(checkpoints)
        return make("GRURegressor", n_members=3, epochs=6, dropout=0.2, callbacks=callbacks or None)

    expected = regressor().fit(X, y)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # members one after the other: the number of saves says how far it was
    write, n_written = SavedFit.write, []

    def write_and_interrupt(file, content):
        write(file, content)
        n_written.append(file.path)
        if len(n_written) == n_saves:
            raise KeyboardInterrupt

    interrupted = regressor(Checkpoint(tmp_path, every=2))
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(SavedFit, "write", write_and_interrupt)
        interrupted.fit(X, y)
    assert not hasattr(interrupted, "n_features_in_")
    # Three saves per member, the last one of the result: files of the members that are trained remain.
    assert len(list(tmp_path.iterdir())) == len(set(n_written)) == -(-n_saves // 3)
    epochs = []
    train = NativeTraining.train
    monkeypatch.setattr(NativeTraining, "train", lambda self, epoch: [epochs.append(epoch), train(self, epoch)][1])
    resumed = regressor(Checkpoint(tmp_path, every=2)).fit(X, y)
    assert_equal_fits(resumed, expected)
    n_saved = 6 * (n_saves // 3) + 2 * (n_saves % 3)
    assert len(epochs) in (18 - n_saved, 0)  # 0 with SKRNN_ENGINE=keras
    assert list(tmp_path.iterdir()) == []
    assert all(type(member.callbacks[0]) is Checkpoint and not member.callbacks[0].keep for member in resumed.members_)


def test_kept_checkpoints_and_seeds(X, y, tmp_path):
    regressor = make("GRURegressor", n_members=2, callbacks=Checkpoint(tmp_path, keep=True)).fit(X, y)
    assert len(list(tmp_path.iterdir())) == 2
    assert_equal_fits(clone(regressor).fit(X, y), regressor)
    assert len(list(tmp_path.iterdir())) == 2
    with pytest.raises(ValueError, match=r"can only resume a fit of GRURegressor with a known seed.*Got None instead"):
        clone(regressor).set_params(random_state=None).fit(X, y)
    named = {"saved": Checkpoint(tmp_path, keep=False), "stop": keras.callbacks.EarlyStopping}
    clone(regressor).set_params(callbacks=named, callbacks__stop__monitor="loss").fit(X, y)
    assert len(list(tmp_path.iterdir())) == 2


# ---------------------------------------------------------------------- side by side

WIDE = {"units": 48, "epochs": 2, "batch_size": 256, "random_state": 0}


def wide_data():
    X = np.random.default_rng(0).normal(size=(256, 24, 4)).astype("float32")
    return X, X[:, -1, 0] - X[:, -2, 1]


@needs_kernels
def test_bits_do_not_depend_on_cores(monkeypatch):
    X, y = wide_data()
    regressor = make("GRURegressor", n_members=3, dropout=0.2, **WIDE)
    results, n_threads = {}, {}
    for n_cores in (1, 2, 3, 5, 8):
        monkeypatch.setenv("OMP_NUM_THREADS", str(n_cores))
        counts = []
        train = NativeTraining.train

        def counted(self, epoch, counts=counts, train=train):
            counts.append((threading.get_ident(), self._workers.n))
            return train(self, epoch)

        with monkeypatch.context() as patch:
            patch.setattr(NativeTraining, "train", counted)
            results[n_cores] = clone(regressor).fit(X, y).predict(X)
        n_threads[n_cores] = len({ident for ident, _ in counts}), {n for _, n in counts}
    assert len({result.tobytes() for result in results.values()}) == 1
    assert {n: kernels for n, (_, kernels) in n_threads.items()} == {1: {1}, 2: {1}, 3: {1}, 5: {1}, 8: {2}}
    assert n_threads[1][0] == 1
    assert all(n_threads[n_cores][0] <= min(n_cores, 3) for n_cores in n_threads)


@needs_kernels
def test_members_run_at_the_same_time(X, y, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    both = threading.Barrier(2)
    train = NativeTraining.train

    def meet(self, epoch):
        both.wait(60)  # raises if no other member arrives
        return train(self, epoch)

    monkeypatch.setattr(NativeTraining, "train", meet)
    make("GRURegressor", n_members=2).fit(X, y)


def test_bits_do_not_depend_on_jobs(X, y):
    regressor = make("GRURegressor", n_members=3)
    expected = cross_val_predict(regressor, X, y, cv=2)
    assert_array_equal(cross_val_predict(regressor, X, y, cv=2, n_jobs=2), expected)


def test_searches_over_the_number_of_members(X, y):
    search = GridSearchCV(make("GRURegressor"), {"n_members": [1, 3]}, cv=KFold(2)).fit(X, y)
    for n_members, score in zip((1, 3), search.cv_results_["mean_test_score"], strict=True):
        splits = KFold(2).split(X)
        scores = [make("GRURegressor", n_members=n_members).fit(X[a], y[a]).score(X[b], y[b]) for a, b in splits]
        assert score == pytest.approx(np.mean(scores))
    assert len(members_of(search.best_estimator_)) == search.best_params_["n_members"]


class Counter(keras.callbacks.Callback):
    """Counts fits, and keeps the threads that it was called in."""

    def __init__(self):
        super().__init__()
        self.events, self.threads = [], set()

    def on_train_begin(self, logs=None):
        self.events.append("begin")

    def on_epoch_end(self, epoch, logs=None):
        self.events.append(epoch)
        self.threads.add(threading.get_ident())


def huber(y_true, y_pred):
    return keras.losses.huber(y_true, y_pred)


@pytest.mark.parametrize(
    "params",
    [{}, {"loss": huber}, {"metrics": ["r2_score"]}, {"optimizer": "adafactor"}],
    ids=["callbacks", "loss", "metrics", "optimizer"],
)
def test_callbacks_and_keras_see_one_member_after_the_other(params, X, y, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    counter = Counter()
    callbacks = None if params else counter
    started = []
    with monkeypatch.context() as patch:
        patch.setattr(members, "run_side_by_side", lambda calls: started.append(calls))
        regressor = make("GRURegressor", n_members=2, callbacks=callbacks, **params).fit(X, y)
    assert started == []
    one_each = singles(make("GRURegressor", **params), X, y, n_members=2)
    for member, single in zip(regressor.members_, one_each, strict=True):
        assert_allclose(member.predict(X), single.predict(X), atol=1e-5)
    if not params:
        assert counter.events == ["begin", 0, 1, 2, "begin", 0, 1, 2]
        assert counter.threads == {threading.get_ident()}
        assert regressor.members_[1].callbacks is counter


@pytest.mark.slow
def test_keras_trains_members(X, labels, monkeypatch):
    monkeypatch.setenv("SKRNN_ENGINE", "keras")
    classifier = make("GRUClassifier", n_members=2).fit(X, labels)
    expected = mean([single.predict_proba(X) for single in singles(classifier, X, labels, n_members=2)])
    assert_allclose(classifier.predict_proba(X), expected, atol=1e-6)


# ---------------------------------------------------------------------- errors, warnings, output


@pytest.mark.parametrize("name", REGRESSORS + CLASSIFIERS)
@pytest.mark.parametrize("n_members", [0, -1, 1.5, "2", None, np.nan, (2,)])
def test_bad_values(name, n_members, X, labels):
    message = re.escape(f"The 'n_members' parameter of {name} must be an int in the range [1, inf). Got {n_members!r}")
    estimator = make(name, n_members=n_members)
    with pytest.raises(ValueError, match=message):
        estimator.fit(X, labels)
    assert not hasattr(estimator, "n_features_in_")


@pytest.mark.parametrize("n_cores", [1, 2])
def test_a_member_that_diverges_ends_the_fit(n_cores, X, y, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", str(n_cores))
    regressor = make("GRURegressor", n_members=4).fit(X, y)
    before = dict(vars(regressor))
    regressor.set_params(optimizer="sgd", optimizer__learning_rate=1e30, epochs=10_000, loss="mse")
    parameters = {name: vars(regressor)[name] for name in ("optimizer", "optimizer__learning_rate", "epochs", "loss")}
    with pytest.raises(ValueError, match=r"of GRURegressor became .* in epoch .*: training diverges"):
        regressor.fit(X, y)
    assert vars(regressor) == before | parameters


@needs_kernels
def test_one_error_ends_all_members(X, y, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    train, n_epochs = NativeTraining.train, []

    def fail(self, epoch):
        n_epochs.append(epoch)
        if self._seed == seeds(3)[1] and epoch == 2:
            raise OSError("of the second member")
        return train(self, epoch)

    monkeypatch.setattr(NativeTraining, "train", fail)
    start = time.monotonic()
    with pytest.raises(OSError, match="of the second member"):
        make("GRURegressor", n_members=3, epochs=10**6).fit(X, y)
    assert max(n_epochs) < 10**6 - 1
    assert time.monotonic() - start < 60
    assert working() == []


def working():
    """Threads of the library that still run."""
    for thread in threading.enumerate():
        if thread.name == "skrnn":
            thread.join(5)
    return [thread for thread in threading.enumerate() if thread.name == "skrnn"]


@needs_kernels
@pytest.mark.parametrize("n_cores", [1, 2])
def test_an_interrupt_ends_all_members(n_cores, X, y, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", str(n_cores))
    regressor = make("GRURegressor", n_members=3).fit(X, y)
    regressor.set_params(epochs=10**7)
    before = dict(vars(regressor))
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
    try:
        timer.start()
        start = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            regressor.fit(X, y)
    finally:
        timer.cancel()
        signal.signal(signal.SIGINT, handler)
    assert time.monotonic() - start < 30
    assert vars(regressor) == before
    assert working() == []


def test_a_warning_is_emitted_once(X, y):
    regressor = make("GRURegressor", n_members=3)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        regressor.fit(X, y, X_val=X, y_val=1e4 * y)
    assert [str(each.message)[:34] for each in caught] == ["The validation loss of GRURegresso"]
    assert caught[0].filename == __file__


def test_progress_is_that_of_the_first_member(X, y, capsys):
    regressor = make("GRURegressor", n_members=3, verbose=1).fit(X, y)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in lines] == [
        *("Epoch 1/3", "Epoch 2/3", "Epoch 3/3"),
        *("Member 1/3", "Member 2/3", "Member 3/3"),
    ]
    assert lines[-1] == f"Member 3/3  3 epochs  loss {regressor.members_[2].history_['loss'][-1]:.4g}"
    assert [member.verbose for member in regressor.members_] == [1, 1, 1]


# ---------------------------------------------------------------------- inside of others


@pytest.mark.parametrize("params", [{}, QUANTILES, {"loss": "gaussian"}], ids=["mse", "quantile", "gaussian"])
@pytest.mark.parametrize("n_series", [1, 2])
def test_forecasts_feed_back_the_mean(params, n_series):
    series = np.sin(np.arange(60.0)[:, None] / np.arange(3, 3 + n_series)).squeeze()
    regressor = make("GRURegressor", **params, n_members=2, epochs=5)
    forecaster = SequenceForecaster(regressor, window=6, output_steps=2, **RAW).fit(None, series)
    timeline, network = series.reshape(60, n_series), forecaster.estimator_
    assert len(network.members_) == 2
    for _ in range(3):
        window = timeline[None, -6:]
        steps = network.predict(window)
        if params != QUANTILES:
            assert_allclose(steps, mean([member.predict(window) for member in network.members_]), rtol=1e-6)
        timeline = np.concatenate([timeline, steps.reshape(2, n_series)])
    assert_allclose(np.asarray(forecaster.forecast(6)).reshape(6, n_series), timeline[60:], atol=1e-6)


def test_intervals_and_paths_of_forecasts_are_of_the_mixture():
    series = np.sin(np.arange(80.0) / 3) + np.random.default_rng(0).normal(scale=0.1, size=80)
    regressor = make("GRURegressor", loss="gaussian", n_members=3, epochs=5)
    forecaster = SequenceForecaster(regressor, window=6, **RAW).fit(None, series)
    center, std = forecaster.estimator_.predict(series[None, -6:, None], return_std=True)
    half = norm.ppf(0.95) * std[0]
    step = np.empty((1, 0))
    interval = np.asarray(forecaster.predict_interval(step, coverage=0.9)).ravel()
    assert_allclose(interval, [center[0] - half, center[0] + half], rtol=1e-5)
    paths = np.asarray(forecaster.sample(step, n_samples=4000, random_state=0))
    assert paths.mean() == pytest.approx(center[0], abs=0.1 * std[0])
    assert paths.std() == pytest.approx(std[0], rel=0.05)


def test_comparisons_of_cells_count_the_parameters_of_all_members(X, y):
    comparison = compare_cells(make("RecurrentRegressor", n_members=2), X, y, cv=2, n_repeats=1)
    one = make("RecurrentRegressor").fit(X, y)
    assert comparison.summary.loc["gru", "n_parameters"] == 2 * one._n_parameters()


@pytest.mark.parametrize("engine", ["native", "keras"])
def test_backup_and_restore(engine, X, y, tmp_path, use_engine):
    # Each network would resume the training of the one before it.
    use_engine(engine)
    backup = keras.callbacks.BackupAndRestore(tmp_path / "backup", delete_checkpoint=False)

    class Own(keras.callbacks.BackupAndRestore):
        pass

    message = "'callbacks' parameter of GRURegressor must not contain BackupAndRestore with n_members > 1.*Checkpoint"
    for callbacks in (
        backup,
        [keras.callbacks.TerminateOnNaN(), backup],
        {"backup": backup},
        keras.callbacks.CallbackList([backup]),
        keras.callbacks.BackupAndRestore,
        Own(tmp_path / "own"),
    ):
        with pytest.raises(ValueError, match=message):
            make("GRURegressor", n_members=2, callbacks=callbacks).fit(X, y)
    make("GRURegressor", n_members=2, callbacks=[keras.callbacks.TerminateOnNaN()]).fit(X, y)
