"""Warnings of training that gets nowhere, against the loss of the best constant."""

import warnings

import numpy as np
import pytest
from conftest import SMALL
from numpy.testing import assert_allclose
from scipy.optimize import minimize
from sklearn.exceptions import ConvergenceWarning

from skrnn import GRUClassifier, GRURegressor
from skrnn._engine.constant_predictions import LossTerms, mean_loss
from skrnn._engine.distribution_losses import GaussianLoss, QuantileLoss

NOTHING_LEARNED = "the network has learned nothing from X"


def noise(n_samples=60, n_timesteps=4, n_outputs=None, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n_samples, n_timesteps, 1)), rng.normal(size=(n_samples, *[n_outputs] * bool(n_outputs)))


def weights_of(n_samples):
    return np.random.default_rng(1).uniform(0.5, 2, size=n_samples)


@pytest.mark.parametrize(
    ("loss", "arguments", "n_outputs"),
    [
        ("mse", {}, 2),
        ("mae", {}, 2),
        ("huber", {"delta": 0.3}, 2),
        ("log_cosh", {}, 2),
        (QuantileLoss((0.1, 0.5, 0.8)), {}, 6),
        (GaussianLoss(), {}, 4),
    ],
    ids=str,
)
def test_no_constant_is_better(loss, arguments, n_outputs):
    """A general minimizer, from several starts, finds no lower loss."""
    y, weights = np.random.default_rng(0).exponential(size=(41, 2)), weights_of(41)
    y[3, 0] = np.nan
    terms = LossTerms.of(loss, arguments, None)

    def total(constant):
        return mean_loss(terms(y, constant[None]), weights)

    best = terms.best_constant(y, weights, n_outputs)
    assert best.shape == (1, n_outputs)
    found = [minimize(total, start, method="Nelder-Mead", options={"maxiter": 4000, "fatol": 1e-10}).fun
             for start in (best[0] + 0.1, np.full(n_outputs, 0.5))]  # fmt: skip
    assert min(found) > total(best[0]) - 1e-6
    assert min(found) == pytest.approx(total(best[0]), abs=1e-3)


def test_constants_of_classes_are_their_weights():
    weights = np.array([1.0, 2.0, 3.0, 2.0])
    several = LossTerms.of("sparse_categorical_crossentropy", {}, "softmax")
    y = np.array([[0], [2], [1], [2]])
    share = np.array([1, 3, 4]) / 8
    assert_allclose(several.best_constant(y, weights, 3), [share])
    assert mean_loss(several(y, share[None]), weights) == pytest.approx(-np.sum(share * np.log(share)))
    one_hot = LossTerms.of("categorical_crossentropy", {}, "softmax")
    assert mean_loss(one_hot(np.eye(3)[y[:, 0]], share[None]), weights) == pytest.approx(-np.sum(share * np.log(share)))
    two = LossTerms.of("binary_crossentropy", {}, "sigmoid")
    labels = np.array([[1.0], [0.0], [1.0], [0.0]])
    assert_allclose(two.best_constant(labels, weights, 1), [[0.5]])
    assert mean_loss(two(labels, np.array([[0.5]])), weights) == pytest.approx(np.log(2))


@pytest.mark.parametrize("loss", ["poisson", "cosine_similarity", "mean_absolute_percentage_error"])
def test_losses_that_are_not_judged(loss):
    assert LossTerms.of(loss, {}, None) is None
    assert LossTerms.of("binary_crossentropy", {"label_smoothing": 0.1}, "sigmoid") is None
    assert LossTerms.of(lambda y, p: 0, {}, None) is None


@pytest.mark.parametrize("loss", ["mse", "mae", "quantile", "gaussian"])
@pytest.mark.parametrize("weighted", [False, True])
def test_loss_of_a_network_is_that_of_its_terms(loss, weighted):
    """What the warning compares is the loss in the history: of one batch that is not trained on yet."""
    X, y = noise()
    weights = weights_of(60) if weighted else None
    net = GRURegressor(4, loss=loss, epochs=1, batch_size=None, random_state=0).fit(X, y, weights)
    fresh = GRURegressor(4, loss=loss, epochs=1, batch_size=None, random_state=0, optimizer__learning_rate=1e-12)
    fresh.fit(X, y, weights)
    outputs, _ = fresh._outputs(X)
    terms = LossTerms.of(fresh._targets.loss, {}, None)
    expected = mean_loss(terms(y[:, None], outputs.astype(float)), np.ones(60) if weights is None else weights)
    assert net.history_["loss"][0] == pytest.approx(expected, rel=1e-5)


def test_a_rate_that_is_too_low():
    X, y = noise()
    with pytest.warns(ConvergenceWarning, match=NOTHING_LEARNED) as caught:
        GRURegressor(**SMALL | {"epochs": 20}, optimizer__learning_rate=1e-9).fit(X, y)
    assert len(caught) == 1
    assert f"{y.var():.4g}, that of" not in str(caught[0].message)  # the sentence names it the other way round
    assert f"best constant prediction, {y.var():.4g}" in str(caught[0].message)
    assert "It trained for 40 gradient steps only: increase epochs, or lower batch_size." in str(caught[0].message)
    assert caught[0].filename == __file__


def test_remedies():
    X, y = np.zeros((64, 150, 1)), np.arange(64) % 2
    params = {"epochs": 32, "batch_size": 2, "random_state": 0, "units": 2}
    with pytest.warns(
        ConvergenceWarning, match=r"Sequences of 150 time steps .* set patch_size, for example to 6, or pool"
    ):
        GRUClassifier(**params).fit(X, y)
    with pytest.warns(ConvergenceWarning, match=r"Raise optimizer__learning_rate, for example to 0.01, or set optim"):
        GRUClassifier(**params).fit(X[:, :20], y)


@pytest.mark.parametrize("column", [0, 1])
def test_sequences_that_are_not_standardized(column):
    X, y = noise()
    X = np.concatenate([X, X], axis=2)
    X[..., column] += 100
    X[0, :2] = np.nan  # padded time steps have no scale
    with pytest.warns(ConvergenceWarning, match=rf"Feature {column} of X has mean 100 and .*: standardize X"):
        GRURegressor(4, epochs=20, random_state=0, optimizer__learning_rate=1e-9).fit(X, y)
    X, y = X[1:], y[1:]
    X[..., column] = 100  # a constant feature has no scale either
    with pytest.warns(ConvergenceWarning, match="It trained for 40 gradient steps only"):
        GRURegressor(4, epochs=20, random_state=0, optimizer__learning_rate=1e-9).fit(X, y)


def test_targets_that_are_not_standardized():
    X, y = noise()
    net = GRURegressor(4, epochs=20, random_state=0)
    with pytest.warns(ConvergenceWarning, match=r"y has mean 49\.9 and .* 1\.05, a scale .*: standardize it"):
        net.fit(X, y + 50)
    with pytest.warns(ConvergenceWarning, match=r"standardize it .* X has mean -22\.4 and .*: standardize X as well"):
        net.fit(1000 * X, y + 50)
    outputs = np.column_stack([y, np.full(60, 7.0), y + 30])
    outputs[0, 2] = np.nan
    with pytest.warns(ConvergenceWarning, match=r"Output 2 of y has mean 29\.9 and standard deviation 1\.04, a scale"):
        net.set_params(loss="mae").fit(X, outputs)
    net.set_params(optimizer__learning_rate=1e-9)
    with pytest.warns(ConvergenceWarning, match=r"y has mean -1\.79 and standard deviation 21, a scale that"):
        net.fit(X, 20 * y)
    with pytest.warns(ConvergenceWarning, match="only: increase epochs"):
        net.fit(X, 9 * y)


def test_nothing_to_learn():
    """Nearly all weight is on one class: the loss of the best constant is nearly 0, which no network undercuts."""
    X, _ = noise()
    y = np.arange(60) % 2
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        GRUClassifier(4, epochs=20, random_state=0, class_weight={0: 1000, 1: 0.0001}).fit(X, y)


@pytest.mark.parametrize(
    "params",
    [
        {"epochs": 9, "batch_size": 1},
        {"epochs": 19, "batch_size": 60},
        {"epochs": 20, "early_stopping": True, "validation_split": 0.5},
        {"epochs": 20, "loss": "mean_absolute_percentage_error"},
    ],
    ids=str,
)
def test_fits_that_are_not_judged(params):
    X, y = noise()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        GRURegressor(4, random_state=0, optimizer__learning_rate=1e-9, **params).fit(X, 1 + np.abs(y))
        net = GRURegressor(4, random_state=0, optimizer__learning_rate=1e-9, epochs=20)
        net.partial_fit(X, y)
        net.fit(X, np.full(60, 3.0))  # targets that do not vary: no constant is worse than the network


def test_what_was_learned_is_not_warned_of():
    X, _ = noise(n_timesteps=2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        GRURegressor(**SMALL | {"epochs": 40}, optimizer__learning_rate=0.02).fit(X, X[:, -1, 0])
        # Dropout raises the training loss above that of a constant; without it, the network is better.
        X = np.random.default_rng(0).normal(size=(600, 2, 1))
        dropped = GRURegressor(8, epochs=12, dropout=0.99, optimizer__learning_rate=0.002, random_state=0)
        dropped.fit(X, X[:, -1, 0])
    assert min(dropped.history_["loss"]) > np.var(X[:, -1, 0])


@pytest.mark.parametrize("per_step", [False, True])
def test_targets_per_step_and_members_warn_once(per_step):
    X, _ = noise()
    y = np.random.default_rng(5).normal(size=(60, 4) if per_step else 60)
    net = GRURegressor(4, epochs=20, n_members=2, return_sequences=per_step, optimizer__learning_rate=1e-9, dropout=0.1)
    with pytest.warns(ConvergenceWarning, match=NOTHING_LEARNED) as caught:
        net.set_params(random_state=0).fit(X, y)
    assert len(caught) == 1


def test_the_limit_of_auto_epochs():
    X, y = noise(8)
    net = GRURegressor(4, epochs="auto", random_state=0)
    with pytest.warns(
        ConvergenceWarning, match=r"reached the limit of 1000 epochs .*, after 1000 gradient steps\. Lower"
    ):
        net.fit(X, y)
    assert net.n_iter_ == 1000
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert net.set_params(batch_size=2).fit(X, y).n_iter_ == 500


@pytest.mark.filterwarnings("error")  # also the warnings of this module, which pyproject.toml ignores
@pytest.mark.parametrize("loss", ["mse", "mae", "huber", "quantile", "gaussian"])
def test_a_target_that_is_missing_everywhere(loss):
    X, _ = noise(n_timesteps=2)
    y = np.column_stack([X[:, -1, 0], np.full(60, np.nan)])
    net = GRURegressor(4, epochs=40, loss=loss, optimizer__learning_rate=0.02, random_state=0).fit(X, y)
    assert net.history_["loss"][-1] < net.history_["loss"][0]


def test_a_thousand_epochs_of_two_batches_are_all_steps():
    X, y = noise(64)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert GRURegressor(4, epochs="auto", tol=0.0, random_state=0).fit(X, y).n_iter_ == 1000
