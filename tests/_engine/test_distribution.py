"""One network on several devices: training in the scope of a ``tf.distribute`` strategy."""

import os

import numpy as np
import pytest
from children import VERY_LONG, run_code
from conftest import data
from numpy.testing import assert_allclose

from skrnn import RecurrentRegressor

ON_TWO_DEVICES = """
import logging, sys
import numpy as np
import pytest
import tensorflow as tf

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)

from conftest import data
from test_distribution import N_SAMPLES, estimator

logging.basicConfig(level=logging.INFO)
logging.getLogger("skrnn").setLevel(logging.DEBUG)
strategy = tf.distribute.MirroredStrategy(["cpu:0", "cpu:1"])
X, y = data(N_SAMPLES)
with strategy.scope():
    fitted = estimator().fit(X, y)
    weights = type(fitted.model_.weights[0].value).__name__
    within = fitted.predict(X)
padded = np.where(np.arange(5)[:, None] < 3, X, np.nan)
padded[1::3] = X[1::3]
with strategy.scope():
    losses = [estimator(epochs=3).fit(padded, y).history_["val_loss"] for _ in range(4)]
np.savez(sys.argv[1], losses=losses, within=within, outside=fitted.predict(X), val_loss=fitted.history_["val_loss"])
print(strategy.num_replicas_in_sync, weights)
"""


def estimator(**changes):
    params = {"epochs": 2, "batch_size": 8, "optimizer": "sgd", "validation_split": 0.2, "random_state": 0}
    return RecurrentRegressor("rnn", 4, **(params | changes))


# 31 to train on and 8 to validate on: the last batch holds 7, which two devices cannot share evenly.
N_SAMPLES = 39


@pytest.mark.slow
def test_two_devices_train_what_one_does(tmp_path):
    results_file = tmp_path / "results.npz"
    process = run_code(ON_TWO_DEVICES, results_file, seconds=VERY_LONG)
    assert process.stdout.splitlines()[-1] == "2 MirroredVariable"
    if os.environ.get("SKRNN_ENGINE") != "keras":  # which would be named as the reason instead
        assert "trains through keras.Model.fit: a strategy of tf.distribute is in scope" in process.stderr
    results = np.load(results_file)
    X, y = data(N_SAMPLES)
    one = estimator().fit(X, y)
    assert_allclose(results["within"], one.predict(X), rtol=0, atol=1e-5)
    assert_allclose(results["outside"], one.predict(X), rtol=0, atol=1e-5)
    assert_allclose(results["val_loss"], one.history_["val_loss"], rtol=1e-5)
    padded = np.where(np.arange(5)[:, None] < 3, X, np.nan)
    padded[1::3] = X[1::3]
    # TensorFlow must not change the validation data of later epochs, as it did in some fits.
    assert_allclose(results["losses"], [estimator(epochs=3).fit(padded, y).history_["val_loss"]] * 4, rtol=1e-5)
    one.set_params(epochs=1).fit(X, y)
    assert np.abs(results["within"] - one.predict(X)).max() > 1e-3  # more than one epoch was compared
