import numpy as np
import pytest
from conftest import N_SAMPLES, N_TIMESTEPS, data, needs_kernels
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import loguniform
from sklearn import config_context
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import BaggingRegressor, StackingRegressor, VotingClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401  (importing it is what enables HalvingGridSearchCV)
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LinearRegression
from sklearn.metrics import mean_absolute_error
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    KFold,
    RandomizedSearchCV,
    StratifiedKFold,
    TimeSeriesSplit,
    check_cv,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    learning_curve,
)
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_html_repr

from skrnn import (
    GRUClassifier,
    GRURegressor,
    LSTMClassifier,
    LSTMRegressor,
    RecurrentClassifier,
    RecurrentRegressor,
    SequenceWindower,
    make_supervised,
)
from skrnn._engine.native.library import Library
from skrnn.datasets import load_sunspots

ESTIMATORS = [GRUClassifier, GRURegressor, LSTMClassifier, LSTMRegressor, RecurrentClassifier, RecurrentRegressor]

WINDOW = 6
COMMON = {"epochs": 2, "optimizer__learning_rate": 0.05, "random_state": 0}


def regressor(**changes):
    return RecurrentRegressor(**({"cell": "rnn", "units": 4} | COMMON | changes))


def classifier(**changes):
    return RecurrentClassifier(**({"cell": "rnn", "units": 4} | COMMON | changes))


def forecaster(**changes):
    return Pipeline(
        [("scale", StandardScaler()), ("windower", SequenceWindower(WINDOW)), ("rnn", regressor(**changes))]
    )


@pytest.fixture(scope="module")
def sequences():
    return data()


@pytest.fixture(scope="module")
def univariate():
    """2-D input: one sequence a row, of which the last value decides."""
    X = np.random.default_rng(1).normal(size=(N_SAMPLES, N_TIMESTEPS))
    return X, X[:, -1]


@pytest.fixture(scope="module")
def sunspots():
    """Real rows in the order of time, and the number of the year that follows each."""
    X, y, _ = make_supervised(load_sunspots().iloc[-120:], "sunspots")
    return X, y / 50


def scores_by_hand(estimator, X, y, splits, metric=None):
    scores = []
    for train, test in splits:
        fitted = clone(estimator).fit(X[train], y[train])
        scores.append(fitted.score(X[test], y[test]) if metric is None else metric(y[test], fitted.predict(X[test])))
    return np.array(scores)


# ---------------------------------------------------------------- pipelines


def test_pipeline_on_the_sunspots(sunspots):
    X, y = sunspots
    pipeline = forecaster(epochs=40).fit(X[:-20], y[:-20])
    predictions = pipeline.predict(X)
    assert predictions.shape == y.shape
    by_hand = regressor(epochs=40)
    windows = SequenceWindower(WINDOW).fit_transform(StandardScaler().fit(X[:-20]).transform(X))
    by_hand.fit(windows[:-20], y[:-20])
    assert_array_equal(predictions, by_hand.predict(windows))
    # Twenty years that training did not see: better than to repeat the last one.
    error = mean_absolute_error(y[-20:], predictions[-20:])
    assert error < mean_absolute_error(y[-20:], X["sunspots"][-20:] / 50)


def test_set_output_upstream_changes_nothing(sunspots):
    X, y = sunspots
    plain = forecaster().fit(X, y)
    named = forecaster().set_output(transform="pandas").fit(X, y)
    assert list(named["scale"].transform(X).columns) == ["sunspots"]  # it did reach the scaler
    assert_array_equal(named.predict(X), plain.predict(X))


def test_names_of_flattened_windows_reach_the_estimator(sunspots):
    X, y = (part.reset_index(drop=True) for part in sunspots)
    pipeline = forecaster().set_params(windower__window=N_TIMESTEPS, windower__flatten=True)
    pipeline.set_output(transform="pandas").fit(X, y)
    assert pipeline["rnn"].feature_names_in_.tolist() == [f"sunspots_lag{lag}" for lag in (4, 3, 2, 1, 0)]


def test_sample_weight_is_routed_through_a_pipeline():
    rows = np.random.default_rng(2).normal(size=(N_SAMPLES, 1))
    y = np.roll(rows[:, 0], -1)
    weights = np.random.default_rng(3).uniform(0, 5, size=N_SAMPLES)
    windows = SequenceWindower(WINDOW).fit_transform(StandardScaler().fit_transform(rows))
    expected = regressor().fit(windows, y, sample_weight=weights).predict(windows)
    unweighted = regressor().fit(windows, y).predict(windows)
    assert np.abs(expected - unweighted).max() > 1e-3
    with config_context(enable_metadata_routing=True):
        pipeline = make_pipeline(
            StandardScaler().set_fit_request(sample_weight=False),
            SequenceWindower(WINDOW),
            regressor().set_fit_request(sample_weight=True),
        )
        assert_array_equal(pipeline.fit(rows, y, sample_weight=weights).predict(rows), expected)
        # Asked for by the scaler alone, they stay away from the network.
        pipeline = clone(pipeline)
        pipeline[0].set_fit_request(sample_weight=True)
        pipeline[-1].set_fit_request(sample_weight=False)
        found = pipeline.fit(rows, y, sample_weight=weights).predict(rows)
    windows = SequenceWindower(WINDOW).fit_transform(StandardScaler().fit(rows, sample_weight=weights).transform(rows))
    assert_array_equal(found, regressor().fit(windows, y).predict(windows))


def test_sample_weight_is_routed_through_cross_validation(sequences):
    X, y = sequences
    weights = np.random.default_rng(3).uniform(0, 5, size=N_SAMPLES)
    splits = list(KFold(2).split(X))
    expected = [
        regressor().fit(X[train], y[train], weights[train]).score(X[test], y[test], weights[test])
        for train, test in splits
    ]
    with config_context(enable_metadata_routing=True):
        estimator = regressor().set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        scores = cross_val_score(estimator, X, y, cv=KFold(2), params={"sample_weight": weights})
    assert_allclose(scores, expected)
    assert np.abs(scores - cross_val_score(regressor(), X, y, cv=KFold(2))).min() > 1e-3


# ---------------------------------------------------------------- searches


def check_search(search, make, X, y, splits):
    """Every candidate had the parameters that it is listed with, and the scores that they give."""
    results = search.cv_results_
    for index, params in enumerate(results["params"]):
        for name, value in params.items():
            assert results[f"param_{name}"][index] == value
        estimator = make().set_params(**params)
        found = [results[f"split{i}_test_score"][index] for i in range(len(splits))]
        assert_allclose(found, scores_by_hand(estimator, X, y, splits))
    best = search.best_estimator_.get_params()
    assert {name: best[name] for name in search.best_params_} == search.best_params_


@pytest.mark.slow
def test_grid_search_over_cell_units_window_and_learning_rate(sunspots):
    X, y = (part.to_numpy() for part in sunspots)
    cv = TimeSeriesSplit(2)
    grid = [
        {"rnn__cell": ["rnn", "gru"]},
        {"rnn__units": [(3, 2)]},
        {"windower__window": [3]},
        {"rnn__optimizer__learning_rate": [0.001, 0.05]},
    ]
    search = GridSearchCV(forecaster(), grid, cv=cv).fit(X, y)
    assert [list(params.values()) for params in search.cv_results_["params"]] == [
        ["rnn"],
        ["gru"],
        [(3, 2)],
        [3],
        [0.001],
        [0.05],
    ]
    check_search(search, forecaster, X, y, list(cv.split(X)))
    scores = search.cv_results_["mean_test_score"]
    assert scores[0] == scores[5]  # both say what is the default here
    assert len(set(scores)) == 5
    network = search.best_estimator_["rnn"].model_
    assert network.get_layer("recurrent_0").units == search.best_estimator_["rnn"]._spec.units[0]


def test_grid_search_finds_what_was_planted(sequences):
    X, y = sequences
    grid = {"optimizer__learning_rate": [1e-6, 0.05], "units": [4, (3, 2)]}
    search = GridSearchCV(regressor(epochs=30), grid, cv=KFold(2)).fit(X, y)
    assert search.best_params_["optimizer__learning_rate"] == 0.05
    assert search.best_estimator_.optimizer__learning_rate == 0.05
    assert search.best_estimator_.units == search.best_params_["units"]
    expected = regressor(epochs=30).set_params(**search.best_params_).fit(X, y)
    assert_array_equal(search.predict(X), expected.predict(X))


@needs_kernels
def test_a_search_over_architectures_loads_no_more_kernels_than_a_fit(sequences, monkeypatch):
    X, y = sequences
    regressor(bidirectional=True).fit(X, y).predict(X)  # which uses all kernels of the grid
    monkeypatch.setattr(Library, "_load", lambda library, *names: pytest.fail(f"{names} had to be loaded."))
    grid = {"optimizer__learning_rate": [0.001, 0.1], "units": [5, (3, 2)], "bidirectional": [False, True]}
    search = GridSearchCV(regressor(), grid, cv=KFold(3)).fit(X, y)
    assert len(set(search.cv_results_["mean_test_score"])) == 8


def test_randomized_search(sequences):
    X, y = sequences
    search = RandomizedSearchCV(
        regressor(),
        {"optimizer__learning_rate": loguniform(1e-3, 1e-1), "epochs": [1, 2, 3]},
        n_iter=3,
        cv=KFold(2),
        random_state=0,
    ).fit(X, y)
    assert len(set(search.cv_results_["param_optimizer__learning_rate"])) == 3
    check_search(search, regressor, X, y, list(KFold(2).split(X)))


def test_halving_search_with_epochs_as_its_resource(sequences):
    X, y = sequences
    search = HalvingGridSearchCV(
        regressor(),
        {"optimizer__learning_rate": [0.0001, 0.001, 0.01, 0.1]},
        resource="epochs",
        min_resources=2,
        max_resources=8,
        factor=2,
        cv=KFold(2),
        random_state=0,
    ).fit(X, y)
    assert search.n_resources_ == [2, 4, 8]
    assert search.n_candidates_ == [4, 2, 1]
    assert search.best_params_["epochs"] == search.best_estimator_.n_iter_ == 8
    check_search(search, regressor, X, y, list(KFold(2).split(X)))


# ---------------------------------------------------------------- cross-validation


def test_cross_validate_with_several_scorers(sequences):
    X, y = sequences
    scoring = ["r2", "neg_mean_absolute_error", "neg_median_absolute_error"]
    results = cross_validate(
        regressor(), X, y, cv=KFold(3), scoring=scoring, return_train_score=True, return_estimator=True
    )
    splits = list(KFold(3).split(X))
    assert_allclose(results["test_r2"], scores_by_hand(regressor(), X, y, splits))
    errors = scores_by_hand(regressor(), X, y, splits, mean_absolute_error)
    assert_allclose(results["test_neg_mean_absolute_error"], -errors)
    for estimator, (train, _), score in zip(results["estimator"], splits, results["train_r2"], strict=True):
        assert_allclose(estimator.score(X[train], y[train]), score)


def test_cross_val_predict(sequences):
    X, y = sequences
    expected = np.empty(N_SAMPLES)
    for train, test in KFold(3).split(X):
        expected[test] = regressor().fit(X[train], y[train]).predict(X[test])
    assert_array_equal(cross_val_predict(regressor(), X, y, cv=KFold(3)), expected)


def test_cross_val_predict_of_probabilities(sequences):
    X, y = sequences
    labels = np.digitize(y, [-0.5, 0.5])
    probabilities = cross_val_predict(classifier(), X, labels, cv=3, method="predict_proba")
    expected = np.empty((N_SAMPLES, 3))
    for train, test in StratifiedKFold(3).split(X, labels):
        expected[test] = classifier().fit(X[train], labels[train]).predict_proba(X[test])
    assert_array_equal(probabilities, expected)


def test_learning_curve(sequences):
    X, y = sequences
    sizes, train_scores, test_scores = learning_curve(regressor(), X, y, train_sizes=[8, 20], cv=KFold(2))
    assert sizes.tolist() == [8, 20]
    for column, (train, test) in enumerate(KFold(2).split(X)):
        for row, size in enumerate(sizes):
            part = train[:size]
            estimator = regressor().fit(X[part], y[part])
            assert_allclose(train_scores[row, column], estimator.score(X[part], y[part]))
            assert_allclose(test_scores[row, column], estimator.score(X[test], y[test]))


def test_time_series_split(sunspots):
    X, y = (part.to_numpy() for part in sunspots)
    cv = TimeSeriesSplit(4)
    scores = cross_val_score(forecaster(), X, y, cv=cv)
    assert_allclose(scores, scores_by_hand(forecaster(), X, y, cv.split(X)))


class RecordingClassifier(RecurrentClassifier):
    """Remembers the labels of each fit, of all its instances."""

    labels_of_fits = []  # noqa: RUF012  (shared by all clones on purpose)

    def fit(self, X, y):
        self.labels_of_fits.append(np.unique(y, return_counts=True))
        return super().fit(X, y)


@pytest.mark.parametrize("wrap", [lambda estimator: estimator, make_pipeline], ids=["bare", "pipeline"])
def test_folds_of_classifiers_are_stratified(sequences, wrap):
    X, _ = sequences
    y = np.repeat(["a", "b"], N_SAMPLES // 2)  # unstratified folds would lack a class
    estimator = wrap(RecordingClassifier("rnn", 4, **COMMON))
    assert is_classifier(estimator) and not is_regressor(estimator)
    assert type(check_cv(5, y, classifier=is_classifier(estimator))) is StratifiedKFold
    RecordingClassifier.labels_of_fits.clear()
    scores = cross_val_score(estimator, X, y, cv=5)
    assert len(RecordingClassifier.labels_of_fits) == 5
    for labels, counts in RecordingClassifier.labels_of_fits:
        assert labels.tolist() == ["a", "b"]
        assert counts.tolist() == [16, 16]
    assert_allclose(scores, scores_by_hand(classifier(), X, y, StratifiedKFold(5).split(X, y)))


@pytest.mark.parametrize("cls", ESTIMATORS)
def test_scikit_learn_knows_the_kind(cls):
    assert is_classifier(cls()) == cls.__name__.endswith("Classifier")
    assert is_regressor(cls()) == cls.__name__.endswith("Regressor")


# ---------------------------------------------------------------- meta-estimators


def test_transformed_target(sequences):
    X, y = sequences
    y = 1000 + 50 * y
    meta = TransformedTargetRegressor(regressor(), transformer=StandardScaler()).fit(X, y)
    scaler = StandardScaler().fit(y[:, None])
    inner = regressor().fit(X, scaler.transform(y[:, None])[:, 0])
    expected = scaler.inverse_transform(inner.predict(X)[:, None])[:, 0]
    assert_allclose(meta.predict(X), expected)


def test_stacking(sequences):
    X, y = sequences
    members = [("a", regressor()), ("b", regressor(random_state=1))]
    stack = StackingRegressor(members, final_estimator=LinearRegression(), cv=KFold(2)).fit(X, y)
    out_of_fold = np.stack([cross_val_predict(member, X, y, cv=KFold(2)) for _, member in members], axis=1)
    final = LinearRegression().fit(out_of_fold, y)
    in_sample = np.stack([clone(member).fit(X, y).predict(X) for _, member in members], axis=1)
    assert_allclose(stack.predict(X), final.predict(in_sample))


def test_soft_voting(sequences):
    X, y = sequences
    labels = np.where(y > 0, "up", "down")
    members = [("a", classifier()), ("b", classifier(random_state=1))]
    vote = VotingClassifier(members, voting="soft", weights=[1, 3]).fit(X, labels)
    first, second = (clone(member).fit(X, labels).predict_proba(X) for _, member in members)
    expected = (first + 3 * second) / 4
    assert_allclose(vote.predict_proba(X), expected, rtol=1e-6)
    assert_array_equal(vote.predict(X), np.array(["down", "up"])[expected.argmax(axis=1)])


def test_calibration(sequences):
    X, y = sequences
    labels = np.where(y > 0, "up", "down")
    raw = classifier(epochs=20)
    calibrated = CalibratedClassifierCV(raw, cv=2, ensemble=True).fit(X, labels)
    probabilities = calibrated.predict_proba(X)
    assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-6)
    splits = list(StratifiedKFold(2).split(X, labels))
    for part, (train, _) in zip(calibrated.calibrated_classifiers_, splits, strict=True):
        assert_array_equal(part.estimator.predict_proba(X), clone(raw).fit(X[train], labels[train]).predict_proba(X))
        # Platt's sigmoid keeps the order.
        order = np.argsort(part.estimator.predict_proba(X)[:, 1])
        assert (np.diff(part.predict_proba(X)[order, 1]) >= -1e-7).all()
    assert calibrated.score(X, labels) > 0.6


def test_bagging(univariate):
    X, y = univariate
    bag = BaggingRegressor(regressor(), n_estimators=3, random_state=0).fit(X, y)
    members = np.stack([member.predict(X) for member in bag.estimators_])
    assert len({member.random_state for member in bag.estimators_}) == 3
    assert (members.std(axis=0) > 0).all()
    assert_allclose(bag.predict(X), members.mean(axis=0), rtol=1e-6)


def test_permutation_importance(univariate):
    X, y = univariate
    estimator = regressor(epochs=40).fit(X, y)
    importances = permutation_importance(estimator, X, y, n_repeats=3, random_state=0).importances_mean
    assert importances.shape == (N_TIMESTEPS,)
    assert importances.argmax() == N_TIMESTEPS - 1
    assert importances[-1] > 3 * np.abs(importances[:-1]).max()


# ---------------------------------------------------------------- parameters


def other_values(cls):
    """A value that is not the default, for every parameter of a class."""
    values = {
        "cell": "lstm",
        "units": (7, 5),
        "bidirectional": True,
        "dropout": 0.1,
        "recurrent_dropout": 0.2,
        "dense_units": (3,),
        "return_sequences": True,
        "embedding_dim": 4,
        "n_tokens": 9,
        "categorical_features": [0],
        "optimizer": "sgd",
        "loss": "mae",
        "quantile": 0.9,
        "metrics": ["mae"],
        "class_weight": "balanced",
        "epochs": 3,
        "batch_size": None,
        "shuffle": False,
        "validation_split": 0.3,
        "early_stopping": True,
        "patience": 2,
        "min_delta": 0.5,
        "refit_full": True,
        "tol": 0.01,
        "n_members": 2,
        "patch_size": 3,
        "pooling": "mean",
        "callbacks": [],
        "warm_start": True,
        "random_state": 4,
        "dtype": "float64",
        "verbose": 1,
    }
    names = cls().get_params()
    return {name: value for name, value in values.items() if name in names}


ROUTED = {"optimizer__learning_rate": 0.25, "optimizer__clipnorm": 1.5, "loss__delta": 0.1}


@pytest.mark.parametrize("cls", ESTIMATORS)
def test_clone_and_parameters_round_trip(cls):
    values = other_values(cls)
    assert set(values) == set(cls().get_params())
    expected = values | ROUTED
    made = cls(**expected)
    assert made.get_params() == expected
    assert clone(made).get_params() == expected
    assert cls().set_params(**expected).get_params() == expected
    assert cls(**made.get_params()).get_params() == expected
    assert not set(ROUTED) & set(cls().get_params())
    # A clone is not bound to its original.
    copy = clone(made).set_params(optimizer__learning_rate=0.5)
    assert (copy.optimizer__learning_rate, made.optimizer__learning_rate) == (0.5, 0.25)


def test_routed_parameters_are_set_through_other_estimators():
    pipeline = forecaster().set_params(rnn__optimizer__learning_rate=0.3, rnn__optimizer__clipnorm=2.0)
    assert pipeline["rnn"].optimizer__learning_rate == 0.3
    assert clone(pipeline).get_params()["rnn__optimizer__clipnorm"] == 2.0
    meta = TransformedTargetRegressor(pipeline).set_params(regressor__rnn__optimizer__learning_rate=0.4)
    assert clone(meta).get_params()["regressor__rnn__optimizer__learning_rate"] == 0.4


def test_repr_names_what_differs_from_the_defaults():
    estimator = GRURegressor((4, 2), epochs=3, optimizer__learning_rate=0.1)
    assert repr(estimator) == "GRURegressor(epochs=3, optimizer__learning_rate=0.1, units=(4, 2))"
    assert eval(repr(estimator)).get_params() == estimator.get_params()
    assert repr(LSTMClassifier()) == "LSTMClassifier()"


@pytest.mark.parametrize("wrap", [lambda estimator: estimator, make_pipeline], ids=["bare", "pipeline"])
def test_html_shows_what_differs_from_the_defaults(wrap):
    html = estimator_html_repr(wrap(GRURegressor(77, optimizer__learning_rate=0.123)))
    for shown in ("GRURegressor", "units", "77", "optimizer__learning_rate", "0.123"):
        assert shown in html
    plain = estimator_html_repr(wrap(GRURegressor()))
    assert "optimizer__learning_rate" not in plain and "77" not in plain.split("</style>")[-1]


def test_html_of_a_fitted_estimator(sequences):
    estimator = regressor()
    assert "Not fitted" in estimator._repr_html_()
    html = estimator.fit(*sequences)._repr_html_()
    assert "Not fitted" not in html and "Fitted" in html and "0.05" in html
