"""Compare skrnn with ``keras.Model.fit`` on a GPU, where both use Keras's cuDNN layers.

    python tests/benchmarks/gpu_tensorflow.py [--rounds 3]

Requires a GPU that TensorFlow detects. Batches are larger than on the CPU, since small ones do not use a GPU fully.
"""

import argparse
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from rivals import KerasFit, Ours
from tables import print_head, table_rows
from workloads import WORKLOADS, estimator_of, workload_data

BATCH_SIZES = {"damped": 162, "generic": 256, "btc": 256, "imdb": 300}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    import keras  # noqa: F401  (skrnn uses the GPU only if Keras has been imported)
    import tensorflow as tf

    devices = tf.config.list_physical_devices("GPU")
    if not devices:
        raise SystemExit("TensorFlow detects no GPU. Install tensorflow[and-cuda] on a machine with a GPU.")
    print(tf.config.experimental.get_device_details(devices[0]).get("device_name", devices[0].name))
    print_head()
    for name, batch_size in BATCH_SIZES.items():
        X, y = workload_data(name)
        epochs = WORKLOADS[name][-1]
        for cell in ("LSTM", "GRU"):
            ours = Ours(estimator_of(cell, name).set_params(batch_size=batch_size), X, y, epochs)
            rivals = {"Keras fit": KerasFit(ours.estimator, X, y, epochs)}
            table_rows(f"{name} {cell}, ms per batch", ours, rivals, rounds, 1e3 / -(-len(X) // batch_size))


if __name__ == "__main__":
    main()
