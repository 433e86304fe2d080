"""SequenceAutoencoder: codes, reconstructions and their errors, for every layout."""

import inspect
import pickle

import numpy as np
import pandas as pd
import pytest
from children import run_code
from conftest import needs_kernels, with_padded_steps
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline

import skrnn
from skrnn import Checkpoint, RecurrentRegressor, SequenceAutoencoder, SequenceScaler, sliding_windows
from skrnn._engine.saved_fit import SavedFit
from skrnn.exceptions import UnscaledTargetWarning

SMALL = {"units": 6, "n_components": 2, "epochs": 2, "random_state": 0}


def autoencoder(**params):
    return SequenceAutoencoder(**SMALL | params)


def oscillations(n_samples, seed, n_timesteps=50):
    """Damped oscillations of random decay, phase and amplitude, one per row."""
    rng = np.random.default_rng(seed)
    decay, phase = rng.uniform(2, 10, (n_samples, 1)), rng.uniform(0, 2 * np.pi, (n_samples, 1))
    x = np.linspace(0, 5 * np.pi, n_timesteps)
    return rng.uniform(1, 3, (n_samples, 1)) * np.exp(-x / decay) * np.cos(x + phase)


# ---------------------------------------------------------------------- what it learns


@pytest.mark.slow
@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_damped_oscillations_are_reconstructed(cell):
    X, X_test = oscillations(500, 0), oscillations(200, 1)
    model = SequenceAutoencoder(cell, n_components=4, random_state=0).fit(X)
    r2 = r2_score(X_test.ravel(), model.reconstruct(X_test).ravel())
    assert r2 >= 0.98
    assert model.score(X_test) == pytest.approx(-(1 - r2) * X_test.var(), rel=1e-6)


def test_short_oscillations_are_reconstructed():
    X, X_test = oscillations(300, 0, 15), oscillations(100, 1, 15)
    model = autoencoder(units=24, n_components=4, epochs=80, optimizer__learning_rate=0.01).fit(X)
    assert r2_score(X_test.ravel(), model.reconstruct(X_test).ravel()) >= 0.95


def test_white_noise_cannot_be_compressed():
    X = np.random.default_rng(0).normal(size=(200, 60))
    with pytest.warns(ConvergenceWarning, match="best constant reconstruction"):
        autoencoder(n_components=1, units=2, epochs=10).fit(X)


# ---------------------------------------------------------------------- layouts


def test_univariate_rows(X):
    X = X[..., 0]
    model = autoencoder().fit(X)
    assert model.n_features_in_ == 5
    assert model.transform(X).shape == (40, 2)
    assert model.reconstruct(X).shape == X.shape
    assert model.inverse_transform(model.transform(X)).shape == X.shape
    assert model.inverse_transform(model.transform(X), n_timesteps=8).shape == (40, 8)
    assert_allclose(model.score_samples(X), -((model.reconstruct(X) - X) ** 2).mean(axis=1), rtol=1e-5)


def test_padded_time_steps(X, X_masked):
    model = autoencoder().fit(X_masked)
    reconstruction = model.reconstruct(X_masked)
    assert_array_equal(np.isnan(reconstruction), np.isnan(X_masked))
    per_step = model.score_samples(X_masked, per_step=True)
    assert_array_equal(np.isnan(per_step), np.isnan(X_masked[..., 0]))
    errors = (reconstruction - X_masked) ** 2
    assert_allclose(per_step, -errors.mean(axis=2), rtol=1e-5)
    assert_allclose(model.score_samples(X_masked), -np.nanmean(errors, axis=(1, 2)), rtol=1e-5)
    assert model.score(X_masked) == pytest.approx(model.score_samples(X_masked).mean())
    # Padding has no effect on the codes: those of the valid time steps alone are the same.
    assert_allclose(model.transform(X_masked[1:2]), model.transform(X[1:2, 2:]), atol=1e-6)
    with pytest.raises(ValueError, match="differ in length, so that inverse_transform requires n_timesteps"):
        model.inverse_transform(model.transform(X_masked))
    assert_allclose(model.inverse_transform(model.transform(X[:1]), 5), model.reconstruct(X[:1]), atol=1e-6)


def test_lists_of_sequences(X, X_masked):
    sequences = [sequence[~np.isnan(sequence[:, 0])] for sequence in X_masked]
    model, of_array = autoencoder().fit(sequences), autoencoder().fit(X_masked)
    assert_array_equal(model.transform(sequences), of_array.transform(X_masked))
    reconstruction = model.reconstruct(sequences)
    assert reconstruction.dtype == object
    assert [r.shape for r in reconstruction] == [s.shape for s in sequences]
    assert_array_equal(reconstruction[1], of_array.reconstruct(X_masked)[1, 2:])
    assert model.score_samples(sequences, per_step=True).shape == (40, 5)


@needs_kernels
def test_windows_are_not_copied(monkeypatch):
    rows = np.random.default_rng(0).normal(size=(60, 2)).cumsum(axis=0) / 5
    windows = sliding_windows(rows, 10)
    expected = autoencoder(epochs=12).fit(windows.to_numpy())
    copied = []
    gather = skrnn.Sequences.gather
    monkeypatch.setattr(skrnn.Sequences, "gather", lambda *args: copied.append(len(args[1])) or gather(*args))
    model = autoencoder(epochs=12).fit(windows)
    assert copied == []
    assert_array_equal(model.transform(windows), expected.transform(windows.to_numpy()))
    assert copied == []
    monkeypatch.setattr("skrnn._estimators.reconstruction_scores._NUMBERS_AT_ONCE", 400)
    scores = model.score_samples(windows)
    assert copied == [20, 20, 20]
    assert_allclose(scores, expected.score_samples(windows.to_numpy()), rtol=1e-12)


def test_validation_windows_are_the_last_ones():
    windows = sliding_windows(np.random.default_rng(0).normal(size=(60, 2)), 10)
    model = autoencoder(validation_split=0.25).fit(windows)
    expected = autoencoder().fit(windows[:45], X_val=windows[45:])
    assert model.history_ == expected.history_


# ---------------------------------------------------------------------- scikit-learn


def test_search_without_targets(X):
    pipeline = make_pipeline(SequenceScaler(), autoencoder())
    search = GridSearchCV(pipeline, {"sequenceautoencoder__n_components": [1, 3]}, cv=2).fit(X)
    assert search.cv_results_["mean_test_score"].max() == search.best_score_ < 0
    assert search.transform(X).shape == (40, search.best_params_["sequenceautoencoder__n_components"])


def test_output_names_and_frames(X):
    model = autoencoder(n_components=3).fit(X)
    names = [f"sequenceautoencoder{k}" for k in range(3)]
    assert list(model.get_feature_names_out()) == names
    frame = clone(model).set_output(transform="pandas").fit_transform(X)
    assert list(frame.columns) == names
    assert_array_equal(frame.to_numpy(), model.transform(X))
    with pytest.raises(NotFittedError):
        autoencoder().get_feature_names_out()


def test_defaults_are_those_of_regressors():
    shared = inspect.signature(RecurrentRegressor).parameters
    for name, parameter in inspect.signature(SequenceAutoencoder).parameters.items():
        assert name == "n_components" or parameter.default == shared[name].default


def test_html_describes_encoder_and_decoder(X):
    html = autoencoder(units=(6, 4)).fit(X)._repr_html_()
    assert "encoder of GRU with 6 and 4 units, 2 components, decoder with 4 and 6 units" in html


# ---------------------------------------------------------------------- training


@pytest.mark.parametrize("container", ["pandas", "polars"])
def test_frames_of_codes_have_the_columns_in_order(container, X):
    pytest.importorskip(container)
    model = autoencoder().set_output(transform=container).fit(X)
    codes = model.transform(X)
    expected = model.reconstruct(X)
    assert_allclose(model.inverse_transform(codes), expected, atol=1e-6)
    with pytest.raises(ValueError, match=r"columns .* but SequenceAutoencoder.transform returns .* in this order"):
        model.inverse_transform(codes[list(codes.columns)[::-1]])
    renamed = pd.DataFrame(np.asarray(codes), columns=["a", "b"])
    assert_allclose(model.inverse_transform(renamed), expected, atol=1e-6)


def test_warm_start_resumes(X):
    once = autoencoder(epochs=4, shuffle=False).fit(X)
    twice = autoencoder(shuffle=False, warm_start=True).fit(X).fit(X)
    assert (twice.n_iter_, twice.history_) == (4, once.history_)
    assert_array_equal(twice.transform(X), once.transform(X))
    with pytest.raises(ValueError, match="a parameter that determines the architecture"):
        twice.set_params(n_components=3).fit(X)


def test_partial_fit_of_other_lengths(X):
    model = autoencoder().partial_fit(X)
    codes = model.transform(X)
    assert model.inverse_transform(codes).shape == X.shape
    model.partial_fit(X[:, :3])
    assert model.n_iter_ == 2
    with pytest.raises(ValueError, match="differ in length"):
        model.inverse_transform(codes)


def test_early_stopping_keeps_the_best_epoch(X):
    model = autoencoder(epochs=60, early_stopping=True, patience=2, validation_split=KFold(2), optimizer="sgd")
    model.set_params(optimizer__learning_rate=1.0).fit(X)
    losses = model.history_["val_loss"]
    assert model.best_epoch_ == int(np.argmin(losses)) < model.n_iter_ - 1
    assert model.score(X[:20]) == pytest.approx(-min(losses), rel=1e-5)


def test_refit_full_trains_on_all_samples(X):
    model = autoencoder(epochs=3, early_stopping=True, refit_full=True, validation_split=KFold(2)).fit(X)
    halves = autoencoder(epochs=3, early_stopping=True, validation_split=KFold(2)).fit(X)
    assert model.history_ == halves.history_
    assert np.abs(model.transform(X) - halves.transform(X)).max() > 1e-6


@needs_kernels
def test_checkpoint_resumes(X, tmp_path):
    expected = autoencoder(epochs=4).fit(X)

    class Interruption(Exception):
        pass

    write = SavedFit.write

    def interrupted(self, *arguments):
        write(self, *arguments)
        raise Interruption

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SavedFit, "write", interrupted)
        with pytest.raises(Interruption):
            autoencoder(epochs=4, callbacks=[Checkpoint(tmp_path, every=2)]).fit(X)
    resumed = autoencoder(epochs=4, callbacks=[Checkpoint(tmp_path, every=2)]).fit(X)
    assert resumed.history_ == expected.history_
    assert_array_equal(resumed.transform(X), expected.transform(X))


@needs_kernels
def test_number_of_threads_has_no_effect(monkeypatch):
    X = with_padded_steps(np.random.default_rng(0).normal(size=(300, 12, 3)))
    kwargs = {"units": 24, "batch_size": 150, "dropout": 0.1, "recurrent_dropout": 0.1}
    codes = []
    for n in ("1", "2", "3"):
        monkeypatch.setenv("OMP_NUM_THREADS", n)
        monkeypatch.setattr("skrnn._engine.native_pass.WORK_OF_A_THREAD", 1)
        codes.append(autoencoder(**kwargs).fit(X).transform(X))
    assert_array_equal(codes[0], codes[1])
    assert_array_equal(codes[0], codes[2])


def test_pickles_and_copies_are_equal(X_masked):
    model = autoencoder(bidirectional=True).fit(X_masked)
    copy = pickle.loads(pickle.dumps(model))
    assert_array_equal(copy.transform(X_masked), model.transform(X_masked))
    assert_array_equal(copy.reconstruct(X_masked), model.reconstruct(X_masked))
    assert copy.partial_fit(X_masked).n_iter_ == 3


@pytest.mark.parametrize("layout", ["rows", "padded"])
def test_model_returns_codes_and_reconstructions(layout, X, X_masked):
    import keras

    X = X[..., 0] if layout == "rows" else X_masked[2:4]
    model = autoencoder(units=(6, 4), bidirectional=True).fit(X)
    inputs = model.model_input(X)
    expected = np.atleast_3d(model.reconstruct(X))
    assert_allclose(model.model_.predict_on_batch(inputs), expected, atol=1e-5)
    encoder = keras.Model(model.model_.input, model.model_.get_layer("codes").output)
    assert_allclose(encoder.predict_on_batch(inputs), model.transform(X), atol=1e-5)
    assert ("repeat" in [layer.name for layer in model.model_.layers]) == (layout == "rows")


# ---------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"n_components": 0}, "'n_components' parameter of SequenceAutoencoder must be an int"),
        ({"n_components": 2.0}, "'n_components' parameter of SequenceAutoencoder must be an int"),
        ({"n_components": None}, "'n_components' parameter of SequenceAutoencoder must be an int"),
        ({"cell": "transformer"}, "'cell' parameter of SequenceAutoencoder must be"),
        ({"units": (3, 0)}, "'units' parameter of SequenceAutoencoder must be"),
        ({"units": ()}, "'units' parameter of SequenceAutoencoder must be"),
        ({"epochs": 0}, "'epochs' parameter of SequenceAutoencoder must be"),
        ({"dropout": 1.0}, "'dropout' parameter of SequenceAutoencoder must be"),
        ({"loss__delta": 2.0}, "loss"),
        ({"optimizer__lerning_rate": 0.1}, "lerning_rate"),
        ({"refit_full": True}, "refit_full=True of SequenceAutoencoder follows early stopping"),
        ({"early_stopping": True, "validation_split": 0}, "no X_val. Set validation_split"),
    ],
)
def test_bad_parameters(params, message, X):
    with pytest.raises(ValueError, match=message):
        autoencoder(**params).fit(X)


@pytest.mark.parametrize("name", ["embedding_dim", "n_tokens", "categorical_features"])
def test_codes_of_tokens_and_categories_are_not_supported(name):
    with pytest.raises(TypeError, match=f"{name!r}: it reconstructs numbers, and supports neither token ids nor"):
        SequenceAutoencoder(**{name: 3})
    with pytest.raises(ValueError, match=f"Invalid parameter {name!r}"):
        SequenceAutoencoder().set_params(**{name: 3})


def test_unknown_parameters():
    with pytest.raises(TypeError, match=r"unknown parameter 'n_component'. .*n_components"):
        SequenceAutoencoder(n_component=3)


def test_rows_indexed_by_time_are_warned_of(X):
    frame = pd.DataFrame(X[:, :3, 0], index=pd.date_range("2024-01-01", periods=len(X)))
    with pytest.warns(UserWarning, match="To encode windows of rows, put a SequenceWindower before it"):
        autoencoder().fit(frame)


@pytest.mark.parametrize("method", ["transform", "reconstruct", "score_samples", "score", "inverse_transform"])
def test_methods_require_fit(method, X):
    with pytest.raises(NotFittedError):
        getattr(autoencoder(), method)(X)


@pytest.mark.parametrize("method", ["fit", "partial_fit", "transform", "reconstruct", "score_samples", "score"])
def test_bad_sequences(method, X):
    model = autoencoder().fit(X)
    expected = model.transform(X)
    for bad, error, message in [
        (X.reshape(-1), ValueError, "1D|1 dimension"),
        (np.where(X[3, 2, 1] == X, np.inf, X), ValueError, "infinity, first at sample 3, time step 2, feature 1"),
        (np.where(np.arange(5)[:, None] == 2, np.nan, X), ValueError, "NaN between valid time steps"),
        (X.astype(str).astype(object) + "x", (TypeError, ValueError), "."),
        (3, TypeError, "must be array-like"),
        (X[:0], ValueError, "0 sample"),
    ]:
        with pytest.raises(error, match=message):
            getattr(model, method)(bad)
    if method != "fit":
        with pytest.raises(ValueError, match="expecting 3 features"):
            getattr(model, method)(X[..., :2])
    assert_array_equal(model.transform(X), expected)
    with pytest.raises(ValueError, match=r"In X_val: X has 2 features"):
        autoencoder().fit(X, X_val=X[..., :2])


@pytest.mark.parametrize(
    ("codes", "n_timesteps", "error", "message"),
    [
        (np.zeros((4, 3)), None, ValueError, "codes has 3 columns, .* n_components=2"),
        (np.zeros(2), None, ValueError, "1D array"),
        (np.full((4, 2), np.nan), None, ValueError, "codes contains NaN"),
        (np.full((4, 2), 1e300), None, ValueError, "infinity or a value too large"),
        ("codes", None, TypeError, "codes must be array-like"),
        (np.zeros((4, 2)), 0, ValueError, "n_timesteps must be at least 1. Got 0"),
        (np.zeros((4, 2)), 2.0, TypeError, r"n_timesteps must be an int or None. Got 2.0"),
        (np.zeros((4, 2)), True, TypeError, "n_timesteps must be an int or None. Got True"),
    ],
)
def test_bad_codes(codes, n_timesteps, error, message, X):
    model = autoencoder().fit(X)
    with pytest.raises(error, match=message):
        model.inverse_transform(codes, n_timesteps)


def test_unscaled_features_are_warned_of(X):
    with pytest.warns(UnscaledTargetWarning, match="Feature 1 of X has mean .* put a SequenceScaler before it"):
        autoencoder().fit(X * [1, 1000, 1])
    with pytest.warns(UnscaledTargetWarning, match="^X has mean"):
        autoencoder().fit(X[..., 0] + 1000)


LOADED_WITHOUT_SKRNN = """
import sys
sys.modules["skrnn"] = None  # importing it raises from here on
import keras, numpy as np

np.save("outputs.npy", keras.saving.load_model("model.keras").predict_on_batch(np.load("inputs.npy")))
"""


@pytest.mark.slow
# Keras 3.15 converts variables to arrays when it saves a model, in a way that NumPy 2 deprecates.
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning")
def test_saved_model_needs_no_skrnn(tmp_path, X_masked):
    model = autoencoder(units=(6, 4), bidirectional=True).fit(X_masked)
    model.model_.save(tmp_path / "model.keras")
    np.save(tmp_path / "inputs.npy", model.model_input(X_masked[5:]))
    run_code(LOADED_WITHOUT_SKRNN, cwd=tmp_path)
    assert_allclose(np.load(tmp_path / "outputs.npy"), model.reconstruct(X_masked[5:]), atol=1e-5)


FITTED_WITHOUT_KERAS = """
import sys
import numpy as np
from skrnn import SequenceAutoencoder

X = np.random.default_rng(0).normal(size=(40, 5, 3))
model = SequenceAutoencoder(units=6, n_components=2, epochs=2, random_state=0).fit(X)
model.inverse_transform(model.transform(X)), model.reconstruct(X), model.score(X)
print(repr(model.transform(X).tobytes()))
print([name for name in ("tensorflow", "keras", "scikeras") if name in sys.modules])
"""


@needs_kernels
def test_a_fresh_process_imports_no_keras_and_computes_the_same(X):
    codes, imported = run_code(FITTED_WITHOUT_KERAS).stdout.splitlines()[-2:]
    assert imported == "[]"
    assert codes == repr(autoencoder().fit(X).transform(X).tobytes())
