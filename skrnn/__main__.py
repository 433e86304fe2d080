"""``python -m skrnn``: a report for bug reports with a self test, and the user guide."""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import sys
import time

import joblib

import skrnn
from skrnn._common.guide import read_page, read_section, table_of_contents

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
OPTIONAL = ("torch", "matplotlib", "distributed", "skops")
# Prefixes of variables that change how networks run. Not all variables that start with TF_ are TensorFlow's.
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


def main(arguments=()):
    """Run the command with these arguments; return its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m skrnn",
        description="Without a command: print a report for bug reports, with versions and the result of a self test.",
    )
    commands = parser.add_subparsers(dest="command", metavar="command")
    guide = commands.add_parser("guide", help="print the user guide", description="Print the user guide.")
    guide.add_argument("page", nargs="?", help="page to print; without it, all pages are listed")
    guide.add_argument("section", nargs="?", help="section to print; without it, the whole page is printed")
    given = parser.parse_args(arguments)
    return _report() if given.command is None else _guide(guide, given.page, given.section)


def _guide(parser, page, section):
    """Print the list of pages, a page, or a section; return the exit status."""
    try:
        if page is None:
            text = f'Pages of the guide, to be printed by "python -m skrnn guide PAGE":\n\n{table_of_contents()}'
        else:
            text = read_page(page) if section is None else read_section(page, section)
    except ValueError as error:
        parser.error(str(error))
    try:
        print(text.rstrip(), flush=True)
    except BrokenPipeError:  # of a reader that has seen enough, such as head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _report():
    """Print the report; return the exit status, which is 0 if the self test passes."""
    print(f"skrnn {skrnn.__version__}, Python {platform.python_version()}, {platform.platform()}")
    for name in (*REQUIRED, *OPTIONAL):
        print(f"  {name:13} {_version(name)}")
    given = {name: value for name, value in sorted(os.environ.items()) if name.startswith(VARIABLES)}
    print("environment   " + (", ".join(f"{name}={value}" for name, value in given.items()) or "-"))
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # otherwise TensorFlow logs between the lines of the report

    from skrnn._engine.fallback import process_reason
    from skrnn._self_test import checks

    try:
        process_reason()
    except ValueError as error:  # of a variable that the user has set: no bug to report
        print(f"\n{error}")
        return 1
    start = time.perf_counter()
    results = list(_until_one_raises(checks()))
    seconds = time.perf_counter() - start
    for passed, line in _until_one_raises((True, line) for line in _machine()):
        print(line if passed else f"FAILED {line}")
    print(f"\nself test, {seconds:.0f} s")
    for passed, what in results:
        print(f"  {'ok    ' if passed else 'FAILED'} {what}")
    failed = sum(not passed for passed, _ in results)
    print("All checks passed." if not failed else f"{failed} of {len(results)} failed: please report all of the above.")
    return int(failed > 0)


def _until_one_raises(results):
    """Yield results; if an error is raised, yield it as a failed result, since such errors are to be reported."""
    try:
        yield from results
    except Exception as error:  # whatever it is, the rest of the report is still printed
        yield False, f"{type(error).__name__}: {error}"


def _version(name):
    """Return the installed version of a distribution."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _machine():
    """Yield lines about the cores, the engine, the processor and the cache folders of kernels."""
    from skrnn._engine.fallback import chosen_engine, process_reason
    from skrnn._engine.native.cache import cache_folder, host_target
    from skrnn._engine.native.library import LIBRARIES
    from skrnn._engine.threads import n_threads
    from skrnn._engine.torch.device import device_of_process

    yield f"cores         {joblib.cpu_count()} for this process, {n_threads()} threads per fit"
    reason = process_reason()
    if reason is not None:
        yield f"engine        Keras's built-in training loop, because {reason}"
        return
    if chosen_engine() == "torch":
        choice = device_of_process()
        yield f"engine        torch {_version('torch')} on {choice.label}, because the environment sets {choice.reason}"
    else:
        yield "engine        native kernels"
    yield f"processor     {host_target()[0]}"
    for dtype in LIBRARIES:
        yield f"kernels       {cache_folder(dtype) or 'not cached, as no folder is writable'}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
