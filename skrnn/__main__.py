"""``python -m skrnn``: what a bug report needs, and a self test of some ten seconds."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
import time

import joblib

import skrnn

REQUIRED = ("scikit-learn", "keras", "tensorflow", "scikeras", "numpy", "scipy", "pandas", "joblib")
OPTIONAL = ("matplotlib", "distributed", "skops")
# Prefixes of what changes how networks run; TF_ alone is not TensorFlow's.
VARIABLES = (
    "SKRNN_",
    "KERAS_",
    "TF_CPP_",
    "TF_ENABLE_",
    "TF_FORCE_",
    "TF_GPU_",
    "TF_NUM_",
    "TF_XLA_",
    "XLA_",
    "CUDA_",
    "OMP_",
)


def main():
    """Print the report, and return the exit status: 0 where the self test finds nothing wrong."""
    print(f"skrnn {skrnn.__version__}, Python {platform.python_version()}, {platform.platform()}")
    for name in (*REQUIRED, *OPTIONAL):
        print(f"  {name:13} {_version(name)}")
    given = {name: value for name, value in sorted(os.environ.items()) if name.startswith(VARIABLES)}
    print("environment   " + (", ".join(f"{name}={value}" for name, value in given.items()) or "-"))
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # or TensorFlow's C++ parts log between our lines

    from skrnn._self_test import checks

    start = time.perf_counter()
    results = list(_until_one_raises(checks()))
    seconds = time.perf_counter() - start
    for passed, line in _until_one_raises((True, line) for line in _machine()):
        print(line if passed else f"FAILED {line}")
    print(f"\nself test, {seconds:.0f} s")
    for passed, what in results:
        print(f"  {'ok    ' if passed else 'FAILED'} {what}")
    failed = sum(not passed for passed, _ in results)
    print("All is well." if not failed else f"{failed} of {len(results)} failed: please report all of the above.")
    return int(failed > 0)


def _until_one_raises(results):
    """Yield results and, where making one raises, the error as one that failed: the report is for such cases."""
    try:
        yield from results
    except Exception as error:  # whatever it is, it belongs into the report
        yield False, f"{type(error).__name__}: {error}"


def _version(name):
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _machine():
    """Lines on devices, threads, and what runs the networks; after a fit, which has set the threads."""
    import keras

    from skrnn._engine.limits import has_gpu, process_obstacle

    backend = keras.backend.backend()
    yield f"backend       {backend}"
    yield f"cores         {joblib.cpu_count()} for this process"
    if backend == "tensorflow":
        from tensorflow import config

        gpus = [gpu.name for gpu in config.list_physical_devices("GPU")]
        yield f"GPUs          {', '.join(gpus) or 'none that TensorFlow sees'}"
        threads = [
            getattr(config.threading, f"get_{kind}_op_parallelism_threads")() or "as many as cores"
            for kind in ("intra", "inter")
        ]
        yield f"threads       {threads[0]} in an operation, {threads[1]} between operations"
    obstacle = process_obstacle()
    if obstacle is not None:
        yield f"engine        Keras's own loop, because {obstacle}"
    else:
        layers = "stock layers (cuDNN)" if has_gpu() else "fused layers for CPU"
        yield f"engine        compiled programs of {layers}"


if __name__ == "__main__":
    sys.exit(main())
