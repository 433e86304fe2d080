"""`compare_cells` against fits by hand on the same folds and seeds, and against the formulas of its statistics."""

import numpy as np
import pytest
from conftest import needs_kernels
from joblib import parallel_config
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import stdtr, stdtrit
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import RandomForestRegressor, VotingRegressor
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.metrics import mean_absolute_error
from sklearn.model_selection import GridSearchCV, KFold, StratifiedKFold, TimeSeriesSplit
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skrnn import GRURegressor, RecurrentClassifier, RecurrentRegressor, compare_cells
from skrnn._engine.native.library import LIBRARIES
from skrnn._estimators import network_estimator

N_SAMPLES, EPOCHS = 31, 4
FOLDS = list(KFold(3).split(np.empty(N_SAMPLES)))  # 11, 10 and 10 of 31 samples are tested
SEEDS = np.random.RandomState(0).randint(2**31 - 1, size=2)
FITS = [(seed, fold) for seed in range(2) for fold in range(3)]


def network(cell="gru", **params):
    return RecurrentRegressor(cell, **{"units": 3, "epochs": EPOCHS, "optimizer__learning_rate": 0.02, **params})


@pytest.fixture(scope="module")
def Xy():
    X = np.random.default_rng(0).normal(size=(N_SAMPLES, 4))
    return X, X[:, -1] + 0.5 * X[:, -2]


@pytest.fixture(scope="module")
def by_hand(Xy):
    """For each cell the fitted networks and their scores, seed after seed and fold after fold."""
    X, y = Xy
    fitted = {"gru": [], "lstm": []}
    for cell, of_cell in fitted.items():
        for seed, fold in FITS:
            train, test = FOLDS[fold]
            estimator = network(cell, random_state=int(SEEDS[seed])).fit(X[train], y[train])
            of_cell.append((estimator, estimator.score(X[test], y[test])))
    return fitted


BASELINES = {
    "linear": LinearRegression(),
    "neighbors": KNeighborsRegressor(),
    "forest": RandomForestRegressor(5),
    "ridge": Ridge(random_state=7),
}


@pytest.fixture(scope="module")
def comparison(Xy):
    return compare_cells(network(), *Xy, cv=KFold(3), n_repeats=2, random_state=0, baselines=BASELINES)


def scores_of(comparison, name):
    return comparison.scores.loc[comparison.scores["estimator"] == name, "test_score"].to_numpy()


def test_scores_are_those_of_fits_by_hand(comparison, by_hand):
    assert comparison.scores.columns.tolist() == ["estimator", "seed", "fold", "test_score"]
    assert comparison.scores["estimator"].unique().tolist() == ["gru", "lstm", *BASELINES]
    for cell, fitted in by_hand.items():
        rows = comparison.scores[comparison.scores["estimator"] == cell]
        assert list(zip(rows["seed"], rows["fold"], strict=True)) == FITS
        assert_array_equal(rows["test_score"], [score for _, score in fitted])
        assert rows["test_score"].nunique() == 6
    assert comparison.scoring == "score"


def test_baselines_are_fitted_once_a_fold_or_once_a_seed(Xy, comparison):
    X, y = Xy
    for name, baseline in BASELINES.items():
        expected = []
        for seed in SEEDS if name == "forest" else SEEDS[:1]:
            fresh = clone(baseline).set_params(random_state=seed) if name == "forest" else clone(baseline)
            expected += [fresh.fit(X[train], y[train]).score(X[test], y[test]) for train, test in FOLDS]
        assert_allclose(scores_of(comparison, name), expected)
    assert not hasattr(BASELINES["linear"], "coef_")
    assert BASELINES["forest"].random_state is None


def test_histories_are_those_of_the_fits(comparison, by_hand):
    assert list(comparison.histories) == ["gru", "lstm"]
    for cell, fitted in by_hand.items():
        assert comparison.histories[cell] == [estimator.history_ for estimator, _ in fitted]


def test_summary(comparison, by_hand):
    summary = comparison.summary
    assert summary.index.tolist() == ["gru", "lstm", *BASELINES]
    assert summary.columns.tolist() == [
        "n_parameters",
        "mean_fit_time",
        "mean_epoch_time",
        "mean_final_loss",
        "loss_volatility",
        "mean_test_score",
        "std_test_score",
    ]
    for cell, fitted in by_hand.items():
        row = summary.loc[cell]
        assert row["n_parameters"] == fitted[0][0].model_.count_params()
        assert row["mean_epoch_time"] == pytest.approx(row["mean_fit_time"] / EPOCHS)
        losses = [np.array(estimator.history_["loss"]) for estimator, _ in fitted]
        assert row["mean_final_loss"] == pytest.approx(np.mean([loss[-1] for loss in losses]))
        changes = [loss[1:] - loss[:-1] for loss in losses]
        volatility = [
            np.sqrt(np.mean((change - change.mean()) ** 2)) / loss.mean()
            for change, loss in zip(changes, losses, strict=True)
        ]
        assert row["loss_volatility"] == pytest.approx(np.mean(volatility))
        assert 0 < row["loss_volatility"] < 1
    assert summary["n_parameters"]["gru"] < summary["n_parameters"]["lstm"]
    for name in summary.index:
        scores = scores_of(comparison, name)
        assert summary["mean_test_score"][name] == pytest.approx(scores.mean())
        deviation = np.sqrt(((scores - scores.mean()) ** 2).sum() / (len(scores) - 1))
        assert summary["std_test_score"][name] == pytest.approx(deviation)
    assert (summary["mean_fit_time"] > 0).all()
    absent = summary.loc[[*BASELINES], ["n_parameters", "mean_epoch_time", "mean_final_loss", "loss_volatility"]]
    assert absent.isna().all(axis=None)


def test_parameters_are_counted_without_a_keras_model(Xy, monkeypatch):
    monkeypatch.setattr(network_estimator, "fitted_model", lambda *args: pytest.fail("A Keras model was built."))
    deep = compare_cells(network(units=(3, 2), bidirectional=True), *Xy, cv=FOLDS[:1], n_repeats=1)
    # GRU: 3 gates, two biases a gate; LSTM: 4 gates, one bias. Both directions, and the output with its bias.
    gru = 2 * 3 * (3 * (1 + 3 + 2) + 2 * (6 + 2 + 2)) + 5
    lstm = 2 * 4 * (3 * (1 + 3 + 1) + 2 * (6 + 2 + 1)) + 5
    assert deep.summary["n_parameters"].tolist() == [gru, lstm]


def corrected_t_test(first, second, folds):
    """Nadeau and Bengio, section 4: J differences of mean m and variance v; m / sqrt((1 / J + n2 / n1) v)."""
    differences = np.array(first) - np.array(second)
    J = len(differences)
    m = differences.sum() / J
    v = ((differences - m) ** 2).sum() / (J - 1)
    ratio = sum(len(test) / len(train) for train, test in folds) / len(folds)
    error = ((1 / J + ratio) * v) ** 0.5
    reach = stdtrit(J - 1, 0.975) * error
    return [m, m - reach, m + reach, 2 * stdtr(J - 1, -abs(m) / error)]


def test_differences(comparison):
    names = ["gru", "lstm", *BASELINES]
    pairs = [(first, second) for number, first in enumerate(names) for second in names[number + 1 :]]
    assert comparison.differences.index.tolist() == pairs
    assert comparison.differences.columns.tolist() == ["mean_difference", "ci_low", "ci_high", "p_value"]
    for first, second in pairs:
        scores = [scores_of(comparison, name) for name in (first, second)]
        n = max(len(s) for s in scores)  # three folds, times two seeds where either has one
        expected = corrected_t_test(*(np.tile(s, n // len(s)) for s in scores), FOLDS)
        assert_allclose(comparison.differences.loc[(first, second)], expected, rtol=1e-6)
    assert len(scores_of(comparison, "linear")) == len(scores_of(comparison, "ridge")) == 3


def test_growing_folds_and_single_scores(Xy):
    X, y = Xy
    cv = TimeSeriesSplit(2, test_size=10)
    grown = compare_cells(network(), X, y, cells=["gru"], cv=cv, n_repeats=1, baselines={"ridge": Ridge()})
    scores = [scores_of(grown, name) for name in ("gru", "ridge")]
    assert_allclose(grown.differences.loc[("gru", "ridge")], corrected_t_test(*scores, list(cv.split(X))), rtol=1e-6)
    single = compare_cells(network(), X, y, cv=iter(FOLDS[:1]), n_repeats=1)
    difference, *others = single.differences.loc[("gru", "lstm")]
    assert difference == np.subtract(*single.scores["test_score"])
    assert np.isnan(others).all()
    alone = compare_cells(network(), X, y, cells=["gru"], cv=iter(FOLDS[:1]), n_repeats=1)
    assert alone.differences.empty


WRAPPERS = {
    "pipeline": lambda estimator: make_pipeline(StandardScaler(), estimator),
    "target": lambda estimator: TransformedTargetRegressor(estimator, transformer=StandardScaler()),
    "target of pipeline": lambda estimator: TransformedTargetRegressor(
        make_pipeline(StandardScaler(), estimator), transformer=StandardScaler()
    ),
    "search": lambda estimator: GridSearchCV(estimator, {"epochs": [EPOCHS]}, cv=[(np.arange(20), np.arange(20))]),
}


@pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)
def test_estimators_that_hold_a_network(Xy, by_hand, wrap):
    X, y = Xy
    X, y = 3 + 5 * X, 50 * y
    wrapped = compare_cells(wrap(network()), X, y, cv=KFold(3), n_repeats=2, random_state=0)
    for cell in ("gru", "lstm"):
        expected = []
        for seed, fold in FITS:
            train, test = FOLDS[fold]
            fitted = wrap(network(cell, random_state=int(SEEDS[seed]))).fit(X[train], y[train])
            expected.append(fitted.score(X[test], y[test]))
        assert_allclose(scores_of(wrapped, cell), expected)
        assert [len(history["loss"]) for history in wrapped.histories[cell]] == [EPOCHS] * 6
        assert wrapped.summary["n_parameters"][cell] == by_hand[cell][0][0].model_.count_params()


def test_scoring_and_classifiers(Xy):
    X, y = Xy
    errors = compare_cells(
        network(), X, y, cells=["gru"], cv=FOLDS, n_repeats=1, random_state=0, scoring="neg_mean_absolute_error"
    )
    assert errors.scoring == "neg_mean_absolute_error"
    train, test = FOLDS[0]
    fitted = network(random_state=int(SEEDS[0])).fit(X[train], y[train])
    assert errors.scores["test_score"][0] == pytest.approx(-mean_absolute_error(y[test], fitted.predict(X[test])))

    labels = np.repeat(["a", "b"], [20, 11])  # folds that are not stratified would lack a class
    classifier = RecurrentClassifier(units=3, epochs=EPOCHS)
    classified = compare_cells(classifier, X, labels, cells=["rnn"], cv=3, n_repeats=1, random_state=0)
    classifier.set_params(cell="rnn", random_state=int(SEEDS[0]))
    expected = [
        clone(classifier).fit(X[train], labels[train]).score(X[test], labels[test])
        for train, test in StratifiedKFold(3).split(X, labels)
    ]
    assert_allclose(classified.scores["test_score"], expected)


def test_jobs_change_no_score(Xy, comparison):
    with parallel_config(backend="threading"):
        at_once = compare_cells(network(), *Xy, cells=["gru"], cv=KFold(3), n_repeats=2, random_state=0, n_jobs=2)
    assert_array_equal(scores_of(at_once, "gru"), scores_of(comparison, "gru"))
    assert at_once.histories["gru"] == comparison.histories["gru"]


# ---------------------------------------------------------------- times


class CountingRegressor(RecurrentRegressor):
    """Counts the fits of all its instances, and marks some as fits that compiled a kernel."""

    n_fits = 0
    fits_that_compile: set = set()  # noqa: RUF012  (shared by all clones on purpose)

    def fit(self, X, y):
        CountingRegressor.n_fits += 1
        if self.n_fits in self.fits_that_compile:
            LIBRARIES["float32"].n_compiled += 1
        return super().fit(X, y)


@needs_kernels
def test_fits_that_compile_are_repeated(Xy, comparison, monkeypatch):
    def count(**params):
        monkeypatch.setattr(CountingRegressor, "n_fits", 0)
        estimator = CountingRegressor(units=3, epochs=EPOCHS, optimizer__learning_rate=0.02, **params)
        found = compare_cells(estimator, *Xy, cells=["gru"], cv=KFold(3), n_repeats=2, random_state=0)
        # A fit that is repeated, even if it would continue the one before, leaves the same network.
        assert_array_equal(found.scores["test_score"], scores_of(comparison, "gru"))
        return CountingRegressor.n_fits

    monkeypatch.setattr(CountingRegressor, "fits_that_compile", {1})
    assert count(warm_start=True) == 7
    monkeypatch.setattr(CountingRegressor, "fits_that_compile", set())
    assert count() == 6
    monkeypatch.setattr(CountingRegressor, "fits_that_compile", set(range(20)))
    assert count() == 12


# ---------------------------------------------------------------- pictures


def test_plot(comparison):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    _, axes = plt.subplots(1, 2)
    display = comparison.plot(ax=axes)
    assert display.ax_.tolist() == axes.tolist()
    for name in ("gru", "lstm", *BASELINES):
        assert_allclose(display.points_[name].get_offsets()[:, 0], scores_of(comparison, name))
    for cell in ("gru", "lstm"):
        losses = np.mean([history["loss"] for history in comparison.histories[cell]], axis=0)
        assert_allclose(display.lines_[cell].get_ydata(), losses)
    assert display.ax_[0].get_xlabel().startswith("score")
    plt.close("all")


# ---------------------------------------------------------------- errors


def cell_of_a_name(units, **options):
    raise AssertionError("no layer is asked for")


@pytest.mark.parametrize(
    ("estimator", "params", "message"),
    [
        (Ridge(), {}, r"takes a RecurrentRegressor or .* Ridge contains 0 recurrent estimators"),
        (VotingRegressor([("a", network()), ("b", network())]), {}, "VotingRegressor contains 2 recurrent estimators"),
        (GRURegressor(), {}, "GRURegressor contains one without a 'cell' parameter"),
        (make_pipeline(GRURegressor()), {}, "Pipeline contains one without a 'cell' parameter"),
        (
            network(),
            {"baselines": {"gru": Ridge()}},
            "Names of baselines must differ from those of cells, but 'gru' names both",
        ),
        (network(), {"cells": [cell_of_a_name, cell_of_a_name]}, "two cells are named 'cell_of_a_name'"),
        (network(), {"cells": ["gru", "gru"]}, "two cells are named 'gru'"),
        (network(), {"cells": "gru"}, "The 'cells' parameter of compare_cells must be an array-like. Got 'gru'"),
        (network(), {"cells": ["gruu"]}, r"The 'cell' parameter of .* must be a str among .* Got 'gruu'"),
        (network(), {"n_repeats": 0}, r"The 'n_repeats' parameter of compare_cells must be an int in the range"),
        (network(), {"baselines": [Ridge()]}, "The 'baselines' parameter of compare_cells must be"),
    ],
)
def test_wrong_arguments(Xy, estimator, params, message):
    with pytest.raises(ValueError, match=message):
        compare_cells(estimator, *Xy, **{"cv": 2, "n_repeats": 1, **params})
