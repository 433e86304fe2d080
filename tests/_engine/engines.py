"""Fits of an estimator by a given engine, and the comparison of two of them."""

import contextlib
import logging

import numpy as np
import pytest
from conftest import make
from numpy.testing import assert_allclose

BY_TORCH = "trains by torch on the CPU: SKRNN_ENGINE=torch"


@contextlib.contextmanager
def one_thread_of_torch():
    """Let torch use one thread: for tiny networks, several take longer."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class _Lines(logging.Handler):
    """Messages of a logger."""

    def __init__(self):
        super().__init__()
        self.lines = []

    def emit(self, record):
        self.lines.append(record.getMessage())


@contextlib.contextmanager
def trained_with(engine):
    """Use an engine for the fits and predictions of a block, and assert that it trains."""
    logger, handler = logging.getLogger("skrnn"), _Lines()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SKRNN_ENGINE", engine)
            yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
    lines = [line for line in handler.lines if " trains " in line]
    assert lines
    assert all((BY_TORCH in line) == (engine == "torch") for line in lines), lines


def fit_with(engine, name, X, y, sample_weight=None, **params):
    """Fit an estimator with an engine, and keep its outputs."""
    with trained_with(engine):
        estimator = make(name, **params).fit(X, y, sample_weight=sample_weight)
        estimator.outputs = estimator.predict_proba(X) if hasattr(estimator, "classes_") else estimator.predict(X)
    return estimator


def fit_both(*args, **params):
    """Fit an estimator natively and with torch."""
    return [fit_with(engine, *args, **params) for engine in ("native", "torch")]


def sequences_of_many_lengths():
    """Forty sequences of three features, padded at either end."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(40, 11, 3))
    X[np.arange(11) >= rng.integers(1, 12, size=(40, 1))] = np.nan
    X[3] = np.roll(X[3], 2, axis=0)
    return X


def assert_same(fits, rtol, atol):
    """Assert that two fits have the same history, state and predictions."""
    natively, by_torch = fits
    assert by_torch.history_.keys() == natively.history_.keys()
    for key, values in natively.history_.items():
        assert_allclose(by_torch.history_[key], values, rtol=rtol, atol=atol, err_msg=key)
    assert by_torch.best_epoch_ == natively.best_epoch_
    assert by_torch.outputs.dtype == natively.outputs.dtype
    assert_allclose(by_torch.outputs, natively.outputs, rtol=rtol, atol=atol)
    for name in ("weights", "optimizer"):
        ours, theirs = getattr(by_torch._state, name), getattr(natively._state, name)
        for a, b in zip(ours, theirs, strict=True):
            assert (a.dtype, a.shape) == (b.dtype, b.shape)
            assert_allclose(a, b, rtol=rtol, atol=atol)
