"""Sample weights of SequenceAutoencoder: in the loss, in validation, in Pipelines and in scores."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.model_selection import GridSearchCV, KFold, PredefinedSplit
from sklearn.pipeline import make_pipeline

from skrnn import SequenceAutoencoder, SequenceScaler, sliding_windows

SMALL = {"units": 4, "n_components": 2, "epochs": 2, "random_state": 0, "dtype": "float64"}
# One batch without shuffling: a fit is a function of the weighted data, whatever their order.
EXACT = {**SMALL, "batch_size": None, "shuffle": False, "optimizer__learning_rate": 0.01}
# Steps so small that the losses of an epoch are those of the initial weights.
RATE = {"optimizer": "sgd", "optimizer__learning_rate": 1e-7}
N_SAMPLES = 40
WEIGHTS = np.random.default_rng(1).integers(0, 4, N_SAMPLES).astype(float)


def autoencoder(**params):
    return SequenceAutoencoder(**SMALL | params)


def bias_of(model):
    """Bias of the output layer, which begins at zero."""
    return model.model_.get_weights()[-1]


@pytest.fixture(params=["array", "padded", "list", "rows", "windows"])
def sequences(request, X, X_masked):
    """All layouts; windows overlap, so that a row has the weights of several samples."""
    lists = np.empty(N_SAMPLES, dtype=object)
    lists[:] = [x[: 2 + i % 4] for i, x in enumerate(X)]
    layouts = {"array": X, "padded": X_masked, "list": lists, "rows": X[..., 0]}
    return layouts.get(request.param, sliding_windows(X.reshape(-1, 3)[: N_SAMPLES + 4], 5)[4:])


@pytest.mark.parametrize("engine", ["", pytest.param("keras", marks=pytest.mark.slow)])
def test_weights_are_numbers_of_repetitions(engine, sequences, use_engine):
    use_engine(engine)
    repeated = np.repeat(np.arange(N_SAMPLES), WEIGHTS.astype(int))
    expected = SequenceAutoencoder(**EXACT).fit(sequences[repeated])
    for scale in (1.0, 1e-6):  # only ratios count
        weighted = SequenceAutoencoder(**EXACT).fit(sequences, sample_weight=scale * WEIGHTS)
        assert_allclose(weighted.transform(sequences), expected.transform(sequences), rtol=1e-9)
        assert_allclose(weighted.history_["loss"], expected.history_["loss"], rtol=1e-9)
    unweighted = SequenceAutoencoder(**EXACT).fit(sequences)
    assert np.abs(unweighted.transform(sequences) - expected.transform(sequences)).max() > 1e-4


@pytest.mark.parametrize("engine", ["", "keras"])
def test_losses_are_weighted_means_over_time_steps(engine, X_masked, use_engine):
    use_engine(engine)
    held_out, val_weights = X_masked[::-1][:15], WEIGHTS[:15] + 1
    model = autoencoder(**RATE, epochs=1, batch_size=7)
    model.fit(X_masked, None, WEIGHTS, X_val=held_out, sample_weight_val=val_weights)
    for name, data, weights in (("loss", X_masked, WEIGHTS), ("val_loss", held_out, val_weights)):
        errors = -model.score_samples(data, per_step=True)
        valid = ~np.isnan(errors)
        of_steps = np.broadcast_to(weights[:, None], errors.shape)[valid]
        assert model.history_[name] == pytest.approx([np.average(errors[valid], weights=of_steps)], rel=1e-4)


def test_weights_of_ones_change_nothing(X):
    model = autoencoder(batch_size=7).fit(X, sample_weight=np.ones(N_SAMPLES))
    assert_array_equal(model.transform(X), autoencoder(batch_size=7).fit(X).transform(X))


def test_weights_of_partial_fit_are_absolute(X):
    params = {**RATE, "batch_size": None}
    once = bias_of(autoencoder(**params).partial_fit(X))
    heavy = bias_of(autoencoder(**params).partial_fit(X, sample_weight=np.full(N_SAMPLES, 19.0)))
    assert_allclose(heavy, 19 * once, rtol=1e-4)
    alone = autoencoder(**params).partial_fit(X, sample_weight=np.eye(N_SAMPLES)[3])
    assert_allclose(bias_of(alone), bias_of(autoencoder(**params).partial_fit(X[3:4])), rtol=1e-6)


def test_samples_without_weight_are_not_held_out(X):
    weights = np.where(np.arange(N_SAMPLES) >= 30, 0.0, 1.0)
    model = autoencoder(validation_split=0.2).fit(X, sample_weight=weights)
    assert model.history_ == autoencoder(validation_split=0.2).fit(X[:30]).history_


def test_a_splitter_knows_samples_without_weight(X):
    weights = np.where(np.arange(N_SAMPLES) % 4 == 0, 0.0, 1.0)
    model = autoencoder(validation_split=KFold(2)).fit(X, sample_weight=weights)
    kept = weights > 0
    expected = autoencoder().fit(X[20:][kept[20:]], X_val=X[:20][kept[:20]])
    assert model.history_ == expected.history_


def test_refit_full_trains_on_all_samples_with_their_weights(X):
    params = {**EXACT, "early_stopping": True, "validation_split": KFold(2), "refit_full": True}
    model = SequenceAutoencoder(**params).fit(X, sample_weight=WEIGHTS)
    expected = SequenceAutoencoder(**EXACT | {"epochs": model.best_epoch_ + 1}).fit(X, sample_weight=WEIGHTS)
    assert_allclose(model.transform(X), expected.transform(X), rtol=1e-9)


def test_weights_are_routed_through_a_pipeline(X):
    scaled = SequenceScaler().fit_transform(X)
    expected = autoencoder().fit(scaled, sample_weight=WEIGHTS).transform(scaled)
    pipeline = make_pipeline(SequenceScaler(), autoencoder())
    pipeline.fit(X, sequenceautoencoder__sample_weight=WEIGHTS)
    assert_array_equal(pipeline.transform(X), expected)
    assert_array_equal(pipeline.fit_transform(X, sequenceautoencoder__sample_weight=WEIGHTS), expected)
    with config_context(enable_metadata_routing=True):
        pipeline = make_pipeline(SequenceScaler(), autoencoder().set_fit_request(sample_weight=True))
        assert_array_equal(pipeline.fit(X, sample_weight=WEIGHTS).transform(X), expected)


def test_weights_in_a_search_are_those_of_each_part(X):
    fold = PredefinedSplit(np.where(np.arange(N_SAMPLES) < 20, 0, -1))
    with config_context(enable_metadata_routing=True):
        model = autoencoder().set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        search = GridSearchCV(model, {"n_components": [2]}, cv=fold, refit=False).fit(X, sample_weight=WEIGHTS)
    trained = autoencoder().fit(X[20:], sample_weight=WEIGHTS[20:])
    expected = np.average(trained.score_samples(X[:20]), weights=WEIGHTS[:20])
    assert search.cv_results_["mean_test_score"] == pytest.approx([expected], rel=1e-12)
    assert trained.score(X[:20], sample_weight=WEIGHTS[:20]) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("method", ["fit", "partial_fit", "score"])
@pytest.mark.parametrize(
    ("weights", "error", "message"),
    [
        (-np.ones(N_SAMPLES), ValueError, "Negative values in data passed to `sample_weight`: -1.0 at 0"),
        (np.zeros(N_SAMPLES), ValueError, "zero"),  # worded by scikit-learn from 1.8
        (np.full(N_SAMPLES, np.nan), ValueError, "sample_weight contains NaN, first at index 0"),
        (np.ones(N_SAMPLES - 1), ValueError, r"sample_weight.shape == \(39,\), expected \(40,\)"),
        (np.ones((N_SAMPLES, 1)), ValueError, "Sample weights must be 1D"),
        (["heavy"] * N_SAMPLES, ValueError, "contains 'heavy' at index 0"),
    ],
)
def test_bad_weights(method, weights, error, message, X):
    model = autoencoder().fit(X)
    expected = model.transform(X)
    with pytest.raises(error, match=message):
        getattr(model, method)(X, None, weights)
    assert_array_equal(model.transform(X), expected)


def test_bad_validation_weights(X):
    with pytest.raises(ValueError, match="requires X_val together with sample_weight_val, but X_val is None"):
        autoencoder().fit(X, sample_weight_val=WEIGHTS)
    with pytest.raises(ValueError, match="In X_val: Negative values"):
        autoencoder().fit(X, X_val=X, sample_weight_val=-np.ones(N_SAMPLES))


def test_a_part_of_the_data_without_weight(X):
    weights = np.where(np.arange(N_SAMPLES) < 20, 0.0, 1.0)
    with pytest.raises(ValueError, match="validation data of SequenceAutoencoder have zero total weight"):
        autoencoder(validation_split=KFold(2)).fit(X, sample_weight=weights)
