"""``python -m skrnn``: what a bug report needs, and a self test that compiles all kernels."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
import time

import joblib

import skrnn

REQUIRED = (
    "scikit-learn",
    "numba",
    "llvmlite",
    "keras",
    "tensorflow",
    "scikeras",
    "numpy",
    "scipy",
    "pandas",
    "joblib",
)
OPTIONAL = ("matplotlib", "distributed", "skops")
# Prefixes of what changes how networks run; TF_ alone is not TensorFlow's.
VARIABLES = (
    "SKRNN_",
    "NUMBA_",
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
    """Yield lines on cores, the engine, the processor and the folders of kernels."""
    from skrnn._engine.fallback import process_reason
    from skrnn._engine.native.cache import cache_folder, host_target
    from skrnn._engine.native.library import LIBRARIES
    from skrnn._engine.threads import n_threads

    yield f"cores         {joblib.cpu_count()} for this process, {n_threads()} threads for a fit"
    reason = process_reason()
    if reason is not None:
        yield f"engine        Keras's own loop, because {reason}"
        return
    yield "engine        native kernels"
    yield f"processor     {host_target()[0]}"
    for dtype in LIBRARIES:
        yield f"kernels       {cache_folder(dtype) or 'not kept, as no folder can be written to'}"


if __name__ == "__main__":
    sys.exit(main())
