"""Faults that are planted in a wave are detected, and by which detector."""

import runpy

import numpy as np
import pytest
from children import ROOT

from skrnn import SequenceOutlierDetector

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def benchmark():
    return runpy.run_path(str(ROOT / "tests" / "benchmarks" / "anomalies.py"))


def test_wave_has_twenty_faults(benchmark):
    train, wave, faults = benchmark["make_wave"](0)
    assert train.shape == (2000, 1)
    assert wave.shape == (5000, 1)
    starts = np.flatnonzero(np.diff(faults, prepend=0) > 0)
    assert np.bincount(faults[starts])[1:].tolist() == [4] * 5
    clean = np.sin(2 * np.pi * (np.arange(2000) / 40))
    phase = np.angle(np.fft.fft(train[:, 0])[50]) - np.angle(np.fft.fft(clean)[50])
    residual = train[:, 0] - np.sin(2 * np.pi * np.arange(2000) / 40 + phase)
    assert residual.std() == pytest.approx(0.1, rel=0.1)


@pytest.mark.parametrize(
    ("params", "lowest"), [({"method": "prediction"}, 0.95), ({"window": 40}, 0.97)], ids=["prediction", "windows"]
)
def test_area_under_the_roc_curve(benchmark, params, lowest):
    train, wave, faults = benchmark["make_wave"](0)
    detector = SequenceOutlierDetector(**params, random_state=0).fit(train)
    aucs = benchmark["auc_by_fault"](-detector.score_samples(wave), faults)
    assert aucs["all"] > lowest
    assert min(aucs.values()) > 0.9
