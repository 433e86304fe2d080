"""Plots of importances and attributions: values, axes, labels."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from conftest import make
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.utils import Bunch

from skrnn.inspection import ImportanceDisplay, integrated_gradients, sequence_importance

pytestmark = pytest.mark.usefixtures("close_figures")


@pytest.fixture(scope="module")
def fitted():
    X = np.random.default_rng(0).normal(size=(40, 5, 2))
    y = X[:, -1, 0] - X[:, -2, 1]
    return make("GRURegressor", epochs=20).fit(X, y), X, y


def labels(axis):
    return [label.get_text() for label in axis.get_ticklabels()]


def test_heat_map(fitted):
    model, X, y = fitted
    result = sequence_importance(model, X, y, by="both", random_state=0)
    display = ImportanceDisplay.from_importances(result, feature_names=["load", "price"])
    assert_array_equal(display.image_.get_array(), result.importances_mean.T)
    assert display.image_.get_extent() == [-5.5, -0.5, 1.5, -0.5]
    assert display.image_.get_clim() == (-np.abs(result.importances_mean).max(), np.abs(result.importances_mean).max())
    assert labels(display.ax_.yaxis) == ["load", "price"]
    assert display.ax_.get_xlabel() == "time step (-1: last)"
    assert display.bars_ is None
    _, colorbar = display.figure_.axes
    assert colorbar.get_ylabel() == "decrease of the score"
    again = ImportanceDisplay.from_estimator(model, X, y, random_state=0)
    assert_array_equal(again.image_.get_array(), display.image_.get_array())
    assert labels(again.ax_.yaxis) == ["feature 0", "feature 1"]


@pytest.mark.parametrize("by", ["feature", "step"])
def test_bars(fitted, by):
    model, X, y = fitted
    _, ax = plt.subplots()
    options = {"scoring": "neg_mean_squared_error", "n_repeats": 3, "random_state": 1, "sample_weight": np.arange(40.0)}
    display = ImportanceDisplay.from_estimator(model, X, y, by=by, ax=ax, n_jobs=1, **options)
    result = sequence_importance(model, X, y, by=by, **options)
    assert display.ax_ is ax
    assert display.figure_ is ax.figure
    assert display.image_ is None
    lengths = [bar.get_width() if by == "feature" else bar.get_height() for bar in display.bars_]
    assert_allclose(lengths, result.importances_mean)
    _, _, (errors,) = display.bars_.errorbar.lines
    ends = np.array([segment[:, 0 if by == "feature" else 1] for segment in errors.get_segments()])
    assert_allclose(ends[:, 1] - ends[:, 0], 2 * result.importances_std, atol=1e-12)
    if by == "feature":
        assert labels(ax.yaxis) == ["feature 0", "feature 1"]
        assert ax.yaxis_inverted()
    else:
        assert_allclose([bar.get_x() + bar.get_width() / 2 for bar in display.bars_], [-5, -4, -3, -2, -1])


def test_attributions_are_aligned_at_the_last_step():
    ragged = [np.array([[1.0, -1.0], [2.0, 0.0], [3.0, -3.0]]), np.array([[5.0, 1.0]])]
    padded = np.full((2, 4, 2), np.nan)
    padded[0, :3], padded[1, 2:3] = ragged
    objects = np.empty(2, dtype=object)
    objects[:] = ragged
    for attributions in (ragged, padded, objects, [*padded]):
        display = ImportanceDisplay.from_attributions(attributions)
        assert_allclose(display.importances, [[1, 1], [2, 0], [4, 2]])
        steps = ImportanceDisplay.from_attributions(attributions, by="step")
        assert_allclose([bar.get_height() for bar in steps.bars_], [2, 2, 6])
        features = ImportanceDisplay.from_attributions(attributions, by="feature", feature_names=["a", "b"])
        assert_allclose([bar.get_width() for bar in features.bars_], [5.5, 2.5])
        assert features.ax_.get_xlabel() == "mean absolute attribution"


def test_attributions_of_an_estimator(fitted):
    model, X, _ = fitted
    attributions = integrated_gradients(model, X)
    display = ImportanceDisplay.from_attributions(attributions)
    assert_allclose(display.importances, np.abs(attributions).mean(axis=0))
    single = ImportanceDisplay(attributions[0], name="attribution").plot()
    assert_array_equal(single.image_.get_array(), attributions[0].T)
    table = X[..., 0].copy()
    univariate = integrated_gradients(make("GRURegressor").fit(table, X[:, 0, 0]), table)
    display = ImportanceDisplay.from_attributions(univariate)
    assert_allclose(display.importances, np.abs(univariate).mean(axis=0)[:, None])
    assert labels(display.ax_.yaxis) == [""]


def test_zeros_and_nan():
    display = ImportanceDisplay(np.zeros((3, 2))).plot()
    assert display.image_.get_clim() == (-1, 1)
    display = ImportanceDisplay([[np.nan, 2.0], [-3.0, 0.0]]).plot()
    assert display.image_.get_clim() == (-3, 3)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([1.0],), ValueError, r"one axis per part of the input, time step and feature, for by='both'. Got shape \(1,"),
        (([[1.0]], {"by": "step"}), ValueError, r"one axis .* for by='step'. Got shape \(1, 1\)"),
        (([[1.0]], {"by": "time"}), ValueError, "The 'by' parameter of ImportanceDisplay must be one of"),
        (([[1.0]], {"by": None}), ValueError, "The 'by' parameter of ImportanceDisplay must be one of"),
        (([1.0], {"by": "step", "std": [1.0, 2.0]}), ValueError, r"shape of its importances, \(1,\). Got shape \(2,\)"),
        (([[1.0]], {"feature_names": ["a", "b"]}), ValueError, "one name for each of the 1 features"),
        (([[1.0]], {"feature_names": "a"}), ValueError, "one name for each of the 1 features"),
        (("abc",), TypeError, "importances must be array-like"),
    ],
)
def test_bad_importances(arguments, error, message):
    importances, params = (*arguments, {})[:2]
    with pytest.raises(error, match=message):
        ImportanceDisplay(importances, **params).plot()


def test_bad_results():
    with pytest.raises(TypeError, match=r"result must be a result of sequence_importance. Got ndarray .* from_attrib"):
        ImportanceDisplay.from_importances(np.ones((3, 2)))
    with pytest.raises(TypeError, match="Got Bunch instead"):
        ImportanceDisplay.from_importances(Bunch(importances_mean=np.ones(2)))
    with pytest.raises(ValueError, match=r"takes attributions of shape .* Got shapes \[\(2, 2, 2\)\]"):
        ImportanceDisplay.from_attributions(np.ones((1, 2, 2, 2)))
    with pytest.raises(ValueError, match=r"Got shapes \[\(2, 1\), \(2, 2\)\]"):
        ImportanceDisplay.from_attributions([np.ones((2, 1)), np.ones((2, 2))])
    with pytest.raises(ValueError, match="The 'by' parameter of ImportanceDisplay"):
        ImportanceDisplay.from_attributions(np.ones((1, 2, 2)), by="steps")
    with pytest.raises(TypeError, match=r"attributions must be array-like or a DataFrame for .* Got None"):
        ImportanceDisplay.from_attributions(None)
