import copy
import pickle
import warnings
from pathlib import Path

import joblib
import numpy as np
import pytest
import sklearn
from children import run_code
from conftest import N_SAMPLES, N_TIMESTEPS, data
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import InconsistentVersionWarning, NotFittedError
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skrnn
from skrnn import GRUClassifier, GRURegressor, RecurrentRegressor, SequenceWindower

ROOT = Path(skrnn.__file__).parents[1]

UNITS = 4  # of every network here


def with_padding(X):
    X = X.copy()
    X[::3, :2] = np.nan
    X[1::3, 3:] = np.nan
    return X


def regressor(**changes):
    return GRURegressor(UNITS, **({"epochs": 2, "optimizer__learning_rate": 0.05, "random_state": 0} | changes))


@pytest.fixture(scope="module")
def fitted():
    return regressor().fit(*data())


def by_pickle(estimator, tmp_path):
    return pickle.loads(pickle.dumps(estimator))


def by_joblib(estimator, tmp_path):
    joblib.dump(estimator, tmp_path / "estimator.joblib")
    return joblib.load(tmp_path / "estimator.joblib")


def by_deepcopy(estimator, tmp_path):
    return copy.deepcopy(estimator)


# Keras converts its own variables so while it saves. Remove once Variable.__array__ takes `copy` (missing in 3.15).
converts_variables = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
)

WAYS = pytest.mark.parametrize("travel", [by_pickle, by_joblib, by_deepcopy])


# ---------------------------------------------------------------- in one process


@WAYS
def test_unfitted(travel, tmp_path):
    estimator = regressor(dropout=0.1).set_params(units=(3, 2))
    again = travel(estimator, tmp_path)
    assert again.get_params() == estimator.get_params()
    assert again.optimizer__learning_rate == 0.05
    with pytest.raises(NotFittedError):
        again.predict(data()[0])


@WAYS
def test_unfitted_fits_as_the_original(travel, tmp_path, fitted):
    X, y = data()
    assert_array_equal(travel(regressor(), tmp_path).fit(X, y).predict(X), fitted.predict(X))


@WAYS
def test_fitted(travel, tmp_path, fitted):
    X, y = data()
    again = travel(fitted, tmp_path)
    assert_array_equal(again.predict(X), fitted.predict(X))
    assert again.score(X, y) == fitted.score(X, y)
    assert again.history_ == fitted.history_
    for name in ("n_iter_", "best_epoch_", "n_features_in_", "n_outputs_"):
        assert getattr(again, name) == getattr(fitted, name)
    for weight, other in zip(again.model_.get_weights(), fitted.model_.get_weights(), strict=True):
        assert_array_equal(weight, other)


@WAYS
def test_fitted_classifier(travel, tmp_path):
    X, y = data()
    labels = np.array(["down", "up"])[(y > 0).astype(int)]
    classifier = GRUClassifier(UNITS, epochs=2, random_state=0).fit(X, labels)
    again = travel(classifier, tmp_path)
    assert_array_equal(again.predict_proba(X), classifier.predict_proba(X))
    assert again.predict(X).tolist() == classifier.predict(X).tolist()
    assert again.classes_.tolist() == ["down", "up"]


@WAYS
def test_training_goes_on_as_it_would_have(travel, tmp_path):
    X, y = data()
    original = regressor().fit(X, y)
    again = travel(original, tmp_path)
    for estimator in (original, again):
        estimator.partial_fit(X, y).partial_fit(X, y)
    assert original.n_iter_ == again.n_iter_ == 4
    assert original.history_ == again.history_
    assert_array_equal(again.predict(X), original.predict(X))
    # Only with the optimizer's moments and the count of epochs is it as if nothing had come between.
    assert_array_equal(again.predict(X), regressor(epochs=4).fit(X, y).predict(X))


@WAYS
def test_copies_do_not_share_weights(travel, tmp_path):
    X, y = data()
    original = regressor().fit(X, y)
    model = original.model_
    again = travel(original, tmp_path)
    before = original.predict(X)
    again.partial_fit(X, -y)
    assert np.abs(again.predict(X) - before).max() > 1e-3
    assert_array_equal(original.predict(X), before)
    assert again.model_ is not model
    again.model_.set_weights([np.zeros_like(w) for w in again.model_.get_weights()])
    assert_array_equal(original.predict(X), before)
    for mine, other in zip(original._state.weights, again._state.weights, strict=True):
        assert not np.shares_memory(mine, other)


@WAYS
def test_warm_start_after_travel(travel, tmp_path):
    X, y = data()
    original = regressor(warm_start=True).fit(X, y)
    again = travel(original, tmp_path)
    assert_array_equal(again.fit(X, y).predict(X), original.fit(X, y).predict(X))
    assert again.n_iter_ == 4


@WAYS
def test_pipeline(travel, tmp_path):
    rows = np.random.default_rng(1).normal(size=(N_SAMPLES, 2))
    pipeline = make_pipeline(StandardScaler(), SequenceWindower(N_TIMESTEPS), regressor()).fit(rows, rows[:, 0])
    assert_array_equal(travel(pipeline, tmp_path).predict(rows), pipeline.predict(rows))


@WAYS
def test_search(travel, tmp_path):
    X, y = data()
    search = GridSearchCV(regressor(), {"optimizer__learning_rate": [0.001, 0.1]}, cv=KFold(2)).fit(X, y)
    again = travel(search, tmp_path)
    assert again.best_params_ == search.best_params_
    assert_array_equal(again.cv_results_["mean_test_score"], search.cv_results_["mean_test_score"])
    assert_array_equal(again.predict(X), search.predict(X))


@WAYS
def test_what_a_random_state_would_draw_next_travels(travel, tmp_path):
    X, y = data()
    original = regressor(random_state=np.random.RandomState(3))
    again = travel(original, tmp_path)
    first = original.fit(X, y).predict(X)
    assert_array_equal(again.fit(X, y).predict(X), first)
    assert np.abs(original.fit(X, y).predict(X) - first).max() > 1e-3


# ---------------------------------------------------------------- size


def test_pickle_is_small_and_holds_no_keras_model():
    X, y = data()
    estimator = GRURegressor(32, epochs=1, random_state=0).fit(X, y)
    size = len(pickle.dumps(estimator))
    n_weights = 3 * 32 * (X.shape[-1] + 32 + 2) + 33
    # Weights and Adam's two moments, four bytes each, cannot be left out.
    assert 3 * 4 * n_weights < size < 100_000
    assert estimator.model_.count_params() == n_weights
    assert len(pickle.dumps(estimator)) == size
    assert_array_equal(pickle.loads(pickle.dumps(estimator)).predict(X), estimator.predict(X))


def test_pickle_does_not_grow_with_the_data():
    X, y = data()
    small = len(pickle.dumps(regressor().fit(X, y)))
    large = len(pickle.dumps(regressor().fit(np.tile(X, (4, 1, 1)), np.tile(y, 4))))
    assert abs(large - small) < 100


# ---------------------------------------------------------------- in other processes


@pytest.mark.slow
def test_a_fresh_process_predicts_the_same_bits_and_trains_on(tmp_path, fitted):
    X, y = data()
    rows = X[:, 0]
    composed = {
        "pipeline": make_pipeline(StandardScaler(), SequenceWindower(N_TIMESTEPS), regressor()).fit(rows, y),
        "search": GridSearchCV(regressor(), {"optimizer__learning_rate": [0.001, 0.1]}, cv=KFold(2)).fit(X, y),
    }
    joblib.dump((fitted, composed, regressor(), X, y), tmp_path / "estimators.joblib")
    (tmp_path / "fitted.pickle").write_bytes(pickle.dumps(fitted))
    code = """
import pickle, sys
from pathlib import Path
import joblib, numpy as np

there = Path(sys.argv[1])
estimator, composed, unfitted, X, y = joblib.load(there / "estimators.joblib")
assert "tensorflow" not in sys.modules and "keras" not in sys.modules  # until they are needed
unpickled = pickle.loads((there / "fitted.pickle").read_bytes())
np.savez(
    there / "results.npz",
    joblib=estimator.predict(X),
    pickle=unpickled.predict(X),
    pipeline=composed["pipeline"].predict(X[:, 0]),
    search=composed["search"].predict(X),
    further=estimator.partial_fit(X, y).predict(X),
    anew=estimator.fit(X, y).predict(X),
    first=unfitted.fit(X, y).predict(X),
)
"""
    run_code(code, tmp_path)
    results = np.load(tmp_path / "results.npz")
    for name in ("joblib", "pickle", "anew", "first"):
        assert_array_equal(results[name], fitted.predict(X), err_msg=name)
    assert_array_equal(results["pipeline"], composed["pipeline"].predict(rows))
    assert_array_equal(results["search"], composed["search"].predict(X))
    assert_array_equal(results["further"], copy.deepcopy(fitted).partial_fit(X, y).predict(X))


OLDEST = Path(__file__).parent / "data" / "oldest.pickle"  # made by the script beside it


def test_a_pickle_of_the_oldest_dependencies_works():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        saved = pickle.loads(OLDEST.read_bytes())
    assert saved["versions"]["scikit-learn"].startswith("1.6.")
    if saved["versions"]["scikit-learn"] != sklearn.__version__:  # which its own estimators say
        assert {warning.category for warning in caught} == {InconsistentVersionWarning}
        assert {warning.message.estimator_name for warning in caught} == {"GridSearchCV", "Pipeline", "StandardScaler"}
    else:
        assert caught == []
    for name, (estimator, inputs, expected) in saved["cases"].items():
        outputs = estimator.predict_proba(inputs) if name == "classifier" else estimator.predict(inputs)
        assert expected.std() > 1e-2, name
        assert_allclose(outputs, expected, rtol=0, atol=1e-6, err_msg=name)
    regressor, X, y = saved["further"]
    assert regressor.get_params()["quantile"] == 0.5  # a parameter that was added later
    n_epochs = regressor.n_iter_
    regressor.partial_fit(X, y)
    assert regressor.n_iter_ == n_epochs + 1
    assert_allclose(regressor.predict(X), saved["expected_further"], rtol=0, atol=1e-6)


# ---------------------------------------------------------------- files of Keras


@pytest.mark.slow
@converts_variables
def test_saved_model_predicts_the_same_where_skrnn_cannot_be_imported(tmp_path, fitted):
    X, y = data()
    Xa = with_padding(X)
    tokens = np.random.default_rng(2).integers(1, 6, size=(N_SAMPLES, N_TIMESTEPS))
    tokens[::3, -2:] = 0
    of_tokens = GRUClassifier(3, embedding_dim=2, epochs=1, random_state=0).fit(tokens, y > 0)
    codes = np.concatenate([Xa, np.where(Xa[..., :1] > 0, 2.0, np.abs(Xa[..., :1]) // 2)], axis=2)  # NaN where padded
    of_codes = GRURegressor(3, categorical_features=[2], bidirectional=True, epochs=1, random_state=0).fit(codes, y)
    deep = GRURegressor((3, 2), bidirectional=True, dropout=0.1, dense_units=2, epochs=1, random_state=0)
    of_patches = GRURegressor(3, patch_size=2, pooling="max", bidirectional=True, epochs=1, random_state=0).fit(Xa, y)
    of_means = GRURegressor(3, patch_size=2, pooling="mean", epochs=1, random_state=0).fit(Xa, y)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SKRNN_ENGINE", "keras")  # who trained a network does not matter here
        deep.fit(Xa, y)
        of_deep = deep.predict(Xa)
    cases = {
        "whole": (fitted, X, fitted.predict(X)),
        "padded": (fitted, Xa, fitted.predict(Xa)),
        "tokens": (of_tokens, tokens, of_tokens.predict_proba(tokens)[:, 1]),
        "codes": (of_codes, codes, of_codes.predict(codes)),
        "patches": (of_patches, Xa, of_patches.predict(Xa)),
        "means": (of_means, Xa, of_means.predict(Xa)),
        "deep": (deep, Xa, of_deep),
    }
    for name, (estimator, inputs, _) in cases.items():
        estimator.model_.save(tmp_path / f"{name}.keras")
        np.save(tmp_path / f"{name}.npy", estimator.model_input(inputs))
    code = """
import sys
import warnings
from pathlib import Path
sys.modules["skrnn"] = None  # importing it raises from here on
try:
    import skrnn
except ImportError:
    pass
else:
    raise SystemExit("skrnn can be imported")
import keras, numpy as np

for saved in Path().glob("*.keras"):
    model = keras.saving.load_model(saved)
    outputs = model.predict_on_batch(np.load(saved.with_suffix(".npy")))
    np.save(f"{saved.stem}-predicted.npy", outputs)
assert [name for name, module in sys.modules.items() if name.startswith("skrnn") and module] == []
"""
    run_code(code, cwd=tmp_path)
    assert len(list(tmp_path.glob("*-predicted.npy"))) == len(cases)
    for name, (_, _, expected) in cases.items():
        predicted = np.load(tmp_path / f"{name}-predicted.npy")
        assert predicted.shape == (N_SAMPLES, 1)
        assert expected.std() > 1e-3
        assert_allclose(predicted[:, 0], expected, atol=1e-5, err_msg=name)
    assert np.abs(cases["padded"][2] - cases["whole"][2]).max() > 1e-2


@converts_variables
def test_keras_loads_a_saved_model_in_its_safe_mode(tmp_path, fitted):
    import keras

    fitted.model_.save(tmp_path / "model.keras")
    model = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    X, _ = data()
    assert_allclose(model.predict_on_batch(fitted.model_input(X))[:, 0], fitted.predict(X), atol=1e-5)


@converts_variables
# Keras says at every save what the test shows at the load.
@pytest.mark.filterwarnings("ignore:The object being serialized includes a `lambda`:UserWarning")
def test_keras_refuses_to_load_code_that_a_callable_cell_brought_in(tmp_path):
    import keras

    def cell(units, **options):
        return keras.Sequential([keras.layers.Lambda(lambda x: x / 2), keras.layers.SimpleRNN(units, **options)])

    X, y = data()
    X = X[:, :, 0]  # without a masking layer, for the one of the lambda passes no masks on
    estimator = RecurrentRegressor(cell, UNITS, epochs=1, random_state=0).fit(X, y)
    estimator.model_.save(tmp_path / "model.keras")
    for arguments in ({}, {"safe_mode": True}):
        with pytest.raises(ValueError, match=r"(?s)lambda.*safe_mode=False"):
            keras.saving.load_model(tmp_path / "model.keras", **arguments)
    model = keras.saving.load_model(tmp_path / "model.keras", safe_mode=False)
    outputs = model.predict_on_batch(estimator.model_input(X))[:, 0]
    assert_allclose(outputs, estimator.predict(X), atol=1e-5)
