"""Outputs of transformers in a forecaster: sparse ones, and those of other shapes."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

from skrnn import SequenceForecaster

RNG = np.random.default_rng(0)
Y = RNG.normal(size=(60, 2)).cumsum(axis=0)
SHELVES = RNG.integers(0, 3, size=(65, 2)).astype(float)


def forecaster(**params):
    return SequenceForecaster(Ridge(), window=4, **params)


def test_sparse_covariates():
    fitted = [
        forecaster(covariate_transformer=OneHotEncoder(sparse_output=is_sparse)).fit(SHELVES[:60], Y[:, 0])
        for is_sparse in (True, False)
    ]
    assert_allclose(fitted[0].predict(SHELVES[60:]), fitted[1].predict(SHELVES[60:]), rtol=1e-12)
    indicators = OneHotEncoder(sparse_output=False).fit_transform(SHELVES)
    expected = forecaster(covariate_transformer=None).fit(indicators[:60], Y[:, 0]).predict(indicators[60:])
    assert_allclose(fitted[0].predict(SHELVES[60:]), expected, rtol=1e-12)


def test_covariates_of_other_lengths():
    first = FunctionTransformer(lambda rows: rows[:1])
    with pytest.raises(ValueError, match=r"one row for each row of covariates.* shape \(1, 2\) for shape \(60, 2\)"):
        forecaster(covariate_transformer=first).fit(SHELVES[:60], Y[:, 0])
    flat = FunctionTransformer(lambda rows: rows[:, 0])
    with pytest.raises(ValueError, match=r"FunctionTransformer returned shape \(60,\) for shape \(60, 2\)"):
        forecaster(covariate_transformer=flat).fit(SHELVES[:60], Y[:, 0])


@pytest.mark.parametrize(
    ("transformer", "shape"),
    [(PCA(1), r"\(60, 1\)"), (FunctionTransformer(np.transpose, np.transpose), r"\(2, 60\)")],
    ids=["columns", "transposed"],
)
def test_targets_of_another_shape(transformer, shape):
    with pytest.raises(ValueError, match=rf"target_transformer must return .* transform returned shape {shape} for"):
        forecaster(target_transformer=transformer).fit(None, Y)


def test_another_shape_of_the_inverse():
    scaler = FunctionTransformer(inverse_func=lambda rows: rows[:, :1], check_inverse=False)
    with pytest.raises(ValueError, match=r"inverse_transform returned shape \(60, 1\) for shape \(60, 2\)"):
        forecaster(target_transformer=scaler).fit(None, Y)


def test_a_single_column_without_an_axis():
    flat = FunctionTransformer(lambda rows: rows[:, 0] / 2, lambda rows: 2 * rows[:, 0], check_inverse=False)
    expected = forecaster(target_transformer=FunctionTransformer(lambda rows: rows / 2, lambda rows: 2 * rows))
    forecasts = [one.fit(None, Y[:, 0]).forecast(3) for one in (forecaster(target_transformer=flat), expected)]
    assert_allclose(*forecasts, rtol=1e-12)
