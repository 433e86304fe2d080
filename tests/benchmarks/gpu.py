"""Compare skrnn's training with torch on a GPU with torch alone, with kernels on the CPU, and with Keras on JAX.

    python tests/benchmarks/gpu.py [--json gpu.json] [--parts works,equality,...] [--minutes 7.5]

Requires a GPU that torch detects. Writes all results so far to the JSON file after each measurement; a measurement that
fails is reported, and the others continue.
"""

import argparse
import contextlib
import json
import logging
import math
import os
import statistics
import subprocess
import sys
import time
import traceback
from pathlib import Path

import numpy as np
from gpu_works import CELLS, DEVICE, TINY, WORKS, EpochTimes, RawTorch, data_of, estimator_of, noisy_sums

CPU_LIMIT = {"generic": 1, "btc": 1, "big": 1, "long": 1}  # epochs that kernels train for comparison
GRID = {"units": (16, 64, 256), "batch_size": (32, 128, 512), "n_timesteps": (20, 60, 200)}
GRID_BATCHES, GRID_FEATURES = 8, 4


class Results:
    """Results so far, printed as they come, and written to a file."""

    def __init__(self, path, minutes):
        self.path, self.rows, self.end = path, [], time.perf_counter() + 60 * minutes

    def add(self, **row):
        self.rows.append(row)
        print(json.dumps(row, default=_plain), flush=True)
        if self.path is not None:
            self.path.write_text(json.dumps(self.rows, indent=1, default=_plain))

    @property
    def is_late(self):
        return time.perf_counter() > self.end

    @contextlib.contextmanager
    def attempt(self, **what):
        """Report an error instead of raising it."""
        try:
            yield
        except Exception as error:
            traceback.print_exc()
            sys.stderr.flush()
            self.add(**what, error=f"{type(error).__name__}: {error}"[:400])


def _plain(number):
    """Return a number of numpy as one of Python."""
    return number.item()


@contextlib.contextmanager
def engine(name):
    before = os.environ.get("SKRNN_ENGINE")
    os.environ["SKRNN_ENGINE"] = name
    try:
        yield
    finally:
        del os.environ["SKRNN_ENGINE"]
        if before is not None:
            os.environ["SKRNN_ENGINE"] = before


@contextlib.contextmanager
def precision(name):
    """Set the precision of products: "highest" (torch's default), "high" for TF32, "medium" for bfloat16."""
    import torch

    torch.set_float32_matmul_precision(name)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision("highest")


@contextlib.contextmanager
def captures(least_replays):
    """Capture steps as CUDA graphs from this number of replays on."""
    from skrnn._engine.torch import session

    before, session._MIN_REPLAYS = session._MIN_REPLAYS, least_replays
    try:
        yield
    finally:
        session._MIN_REPLAYS = before


def ms(seconds):
    return round(1e3 * seconds, 3)


def timed(times, call, *arguments, **options):
    """Return the median seconds of a call, and its last result."""
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        result = call(*arguments, **options)
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds), result


# ---------------------------------------------------------------------- parts


def machine(results):
    """Versions, and whether kernels can be compiled."""
    import torch

    with results.attempt(part="machine"):
        properties = torch.cuda.get_device_properties(0)
        results.add(
            part="machine",
            device=properties.name,
            torch=torch.__version__,
            cudnn=torch.backends.cudnn.version(),
            numpy=np.__version__,
            cores=os.cpu_count(),
            python=sys.version.split()[0],
        )
    with results.attempt(part="machine", what="numba"):
        import numba

        results.add(part="machine", what="numba", version=numba.__version__)
    with results.attempt(part="machine", what="kernels"), engine("native"):
        seconds, _ = timed(1, _fit, "gru", "generic", *_few("generic"), 1)
        results.add(part="machine", what="kernels", first_fit_s=round(seconds, 2))


def _few(name, n=64):
    X, y = data_of(name)
    return X[:n], y[:n]


def works(results):
    """Median time of an epoch of skrnn and of torch alone, with and without TF32, and of skrnn in bfloat16."""
    import torch

    from skrnn._engine.torch.training import TorchTraining

    for name in WORKS:
        X, y = data_of(name)
        n_epochs = WORKS[name][-1]
        for cell in CELLS:
            row = {"part": "works", "work": name, "cell": cell}
            with results.attempt(**row):
                raw = RawTorch(cell, name, X, y)
                with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
                    row["torch_ms"] = ms(raw.median())
                with torch.backends.cudnn.flags(enabled=True, allow_tf32=True):
                    row["torch_tf32_ms"] = ms(raw.median())
                del raw
                torch.cuda.empty_cache()
                settings = {"skrnn_ms": "highest", "skrnn_tf32_ms": "high", "skrnn_bfloat16_ms": "medium"}
                for key, setting in settings.items():
                    with engine("torch"), precision(setting), EpochTimes(TorchTraining) as times:
                        seconds, fitted = timed(1, _fit, cell, name, X, y, 10 + n_epochs)
                    row[key], row["graphs"] = ms(times.median(n_epochs)), times.n_graphs
                    if setting == "highest":
                        row["fit_s"], row["fit_epochs"] = round(seconds, 3), 10 + n_epochs
                        row["last_loss"] = fitted.history_["loss"][-1]
                row["ratio"] = round(row["torch_ms"] / row["skrnn_ms"], 3)
                row["ratio_tf32"] = round(row["torch_tf32_ms"] / row["skrnn_tf32_ms"], 3)
                row["ratio_of_defaults"] = round(row["torch_tf32_ms"] / row["skrnn_ms"], 3)
                results.add(**row)


def bfloat16(results):
    """Time of an epoch of torch alone with layers in bfloat16 and in float32 with TF32, and errors on other data."""
    import torch

    is_of_cudnn = torch.cudnn_is_acceptable(torch.zeros(1, dtype=torch.bfloat16, device=DEVICE["torch"]))
    for name in ("generic", "big"):
        X, y = data_of(name)
        n = len(X) * 7 // 8
        for cell in CELLS:
            row = {"part": "bfloat16", "work": name, "cell": cell, "is_of_cudnn": is_of_cudnn}
            for dtype in ("float32", "bfloat16"):
                with results.attempt(**row, dtype=dtype), torch.backends.cudnn.flags(enabled=True, allow_tf32=True):
                    raw = RawTorch(cell, name, X[:n], y[:n], dtype)
                    row[f"{dtype}_ms"] = ms(raw.median())
                    row[f"{dtype}_mse"] = float(np.mean((raw.predict(X[n:]) - y[n:]) ** 2))
            results.add(**row)


def _fit(cell, name, X, y, epochs, **params):
    return estimator_of(cell, name, epochs=epochs, **params).fit(X, y)


def equality(results):
    """Largest difference of predictions from those of kernels after the same epoch, by precision of products."""
    for name, epochs in CPU_LIMIT.items():
        X, y = data_of(name)
        some = X[:512]
        for cell in CELLS:
            row = {"part": "equality", "work": name, "cell": cell}
            with results.attempt(**row):
                seconds, fitted, expected = _on_the_cpu(cell, name, X, y, epochs, some, row)
                loss = fitted.history_["loss"][-1]
                row["cpu_fit_s"] = round(seconds, 2)
                for setting in ("highest", "high", "medium"):
                    with engine("torch"), precision(setting), captures(0):
                        fitted = _fit(cell, name, X, y, epochs)
                        difference = np.abs(fitted.predict(some) - expected).max()
                    row[f"difference_{setting}"] = float(difference)
                    row[f"loss_difference_{setting}"] = abs(fitted.history_["loss"][-1] - loss)
                row["passed"] = row["difference_highest"] < 1e-4
                results.add(**row)


def _on_the_cpu(cell, name, X, y, epochs, some, row, **params):
    """Return seconds, estimator and predictions by kernels, or by torch on the CPU if numba cannot compile them."""
    from skrnn._engine.torch import device

    try:
        with engine("native"):
            seconds, fitted = timed(1, _fit, cell, name, X, y, epochs, **params)
            return seconds, fitted, fitted.predict(some)
    except ImportError as error:
        row["reference"] = f"torch on the CPU, because of {error}"[:200]
        has_gpu, device._has_gpu = device._has_gpu, lambda torch: False
        try:
            with engine("torch"):
                seconds, fitted = timed(1, _fit, cell, name, X, y, epochs, **params)
                return seconds, fitted, fitted.predict(some)
        finally:
            device._has_gpu = has_gpu


def padding(results):
    """Sequences of different lengths: equality with kernels, and time of an epoch."""
    from skrnn._engine.torch.training import TorchTraining

    X, y = data_of("generic")
    X = X.copy()
    for sample, length in enumerate(np.random.default_rng(1).integers(20, 51, size=len(X))):
        X[sample, length:] = np.nan
    for cell in CELLS:
        for params in ({}, {"bidirectional": True}, {"return_sequences": True}):
            row = {"part": "padding", "cell": cell, **params}
            targets = np.repeat(y[:, None], X.shape[1], axis=1) if params.get("return_sequences") else y
            with results.attempt(**row):
                *_, expected = _on_the_cpu(cell, "generic", X, targets, 1, X, row, **params)
                with engine("torch"):
                    difference = np.nanmax(np.abs(_fit(cell, "generic", X, targets, 1, **params).predict(X) - expected))
                    with EpochTimes(TorchTraining) as times:
                        _fit(cell, "generic", X, targets, 20, **params)
                results.add(**row, difference=float(difference), epoch_ms=ms(times.median(10)))


FEATURES = [
    {"patch_size": 4},  # does not divide the number of time steps
    {"pooling": "mean"},
    {"pooling": "max", "bidirectional": True},
    {"categorical_features": (0, 1)},
    {"categorical_features": (0,), "patch_size": 4, "pooling": "max"},
]


def features(results):
    """Patches, pooling and categorical features: equality with kernels, equal bits, and time of an epoch."""
    from skrnn._engine.torch.training import TorchTraining

    X, y = data_of("generic")
    codes = np.random.default_rng(1).integers(0, 20, size=(*X.shape[:2], 2))
    for cell in CELLS:
        for params in FEATURES:
            row = {"part": "features", "cell": cell, **params}
            columns = list(params.get("categorical_features", ()))
            inputs = X.copy()
            inputs[..., columns] = codes[..., columns]
            with results.attempt(**row):
                seconds, _, expected = _on_the_cpu(cell, "generic", inputs, y, 1, inputs, row, **params)
                row["cpu_fit_s"] = round(seconds, 2)
                with engine("torch"):
                    predictions = _fit(cell, "generic", inputs, y, 1, **params).predict(inputs)
                    states = []
                    for _ in range(2):
                        with EpochTimes(TorchTraining) as times:
                            states.append(_fit(cell, "generic", inputs, y, 20, **params)._state.weights)
                row["difference"] = float(np.abs(predictions - expected).max())
                row["equal_bits"] = all(np.array_equal(a, b) for a, b in zip(*states, strict=True))
                results.add(**row, epoch_ms=ms(times.median(10)), graphs=times.n_graphs)


def autoencoder(results):
    """Autoencoder: equality with kernels, equal bits, and time of an epoch."""
    from skrnn import SequenceAutoencoder
    from skrnn._engine.native_training import NativeTraining
    from skrnn._engine.torch.training import TorchTraining

    X, _ = data_of("generic")
    *_, units, batch_size, _ = WORKS["generic"]

    def fitted(cell, epochs):
        params = {"units": units, "n_components": 8, "batch_size": batch_size, "random_state": 0}
        return SequenceAutoencoder(cell, epochs=epochs, **params).fit(X)

    for cell in CELLS:
        row = {"part": "autoencoder", "cell": cell}
        with results.attempt(**row):
            with engine("torch"):
                reconstructed, states = fitted(cell, 1).reconstruct(X), []
                for _ in range(2):
                    with EpochTimes(TorchTraining) as times:
                        states.append(fitted(cell, 20)._state.weights)
            row["epoch_ms"], row["graphs"] = ms(times.median(10)), times.n_graphs
            row["equal_bits"] = all(np.array_equal(a, b) for a, b in zip(*states, strict=True))
            with contextlib.suppress(ImportError), engine("native"):  # of numba
                row["difference"] = float(np.abs(fitted(cell, 1).reconstruct(X) - reconstructed).max())
                with EpochTimes(NativeTraining) as times:
                    fitted(cell, 3)
                row["cpu_epoch_ms"] = ms(times.median(2))
            results.add(**row)


def graphs(results):
    """Largest difference of weights with and without captured steps, for two shapes of batches and with dropout."""
    X, y = (array[:-48] for array in data_of("generic"))
    for cell in CELLS:
        for params in ({}, {"dropout": 0.2}, {"optimizer": "rmsprop", "optimizer__clipnorm": 0.1}):
            with results.attempt(part="graphs", cell=cell, **params), engine("torch"):
                weights = []
                for least in (0, 10**9):
                    with captures(least):
                        weights.append(_fit(cell, "generic", X, y, 6, **params)._state.weights)
                difference = max(np.abs(a - b).max() for a, b in zip(*weights, strict=True) if a.dtype.kind == "f")
                results.add(part="graphs", cell=cell, difference=float(difference), **params)


def bits(results):
    """Equal seeds have to give equal bits."""
    X, y = (array[:-48] for array in data_of("generic"))
    for cell in CELLS:
        for params in ({}, {"dropout": 0.2}, {"units": (64, 32), "bidirectional": True}):
            with results.attempt(part="bits", cell=cell), engine("torch"):
                states = [_fit(cell, "generic", X, y, 30, **params)._state.weights for _ in range(2)]
                is_equal = all(np.array_equal(a, b) for a, b in zip(*states, strict=True))
                results.add(part="bits", cell=cell, equal=is_equal, **params)


def validation(results):
    """Time of an epoch with validation data and early stopping."""
    from skrnn._engine.torch.training import TorchTraining

    for name in ("generic", "btc"):
        X, y = data_of(name)
        for cell in CELLS:
            with results.attempt(part="validation", work=name, cell=cell), engine("torch"):
                with EpochTimes(TorchTraining) as times:
                    params = {"early_stopping": True, "patience": 100, "validation_split": 0.2}
                    fitted = _fit(cell, name, X, y, 40, **params)
                best = fitted.history_["val_loss"][fitted.best_epoch_]
                held_out = slice(-math.ceil(0.2 * len(X)), None)
                again = float(np.mean((fitted.predict(X[held_out]) - y[held_out]) ** 2))
                epoch = ms(times.median(20))
                results.add(part="validation", work=name, cell=cell, epoch_ms=epoch, best=best, mse_of_best=again)


def prediction(results):
    """Time of a prediction for 256 rows, and for 16,384."""
    for name in ("generic", "btc", "big"):
        _, n_timesteps, n_features, *_ = WORKS[name]
        X, y = noisy_sums(16384, n_timesteps, n_features)
        for cell in CELLS:
            row = {"part": "prediction", "work": name, "cell": cell}
            with results.attempt(**row):
                with engine("torch"):
                    fitted = _fit(cell, name, X[:1024], y[:1024], 1)
                raw = RawTorch(cell, name, X[:64], y[:64])
                for n in (256, 16384):
                    with engine("torch"):
                        fitted.predict(X[:n])
                        row[f"skrnn_{n}_ms"] = ms(timed(5, fitted.predict, X[:n])[0])
                    raw.predict(X[:n])
                    row[f"torch_{n}_ms"] = ms(timed(5, raw.predict, X[:n])[0])
                    with contextlib.suppress(ImportError), engine("native"):  # of numba
                        row[f"kernels_{n}_ms"] = ms(timed(3, fitted.predict, X[:n])[0])
                results.add(**row)


def grid(results):
    """Time of an epoch on the GPU and by kernels, for the rule in ``skrnn._engine.torch.device``."""
    from skrnn._engine.native_training import NativeTraining
    from skrnn._engine.torch.device import _gains
    from skrnn._engine.torch.training import TorchTraining

    for cell in CELLS:
        for units in GRID["units"]:
            for batch_size in GRID["batch_size"]:
                for n_timesteps in GRID["n_timesteps"]:
                    row = {"part": "grid", "cell": cell, "units": units, "batch": batch_size, "steps": n_timesteps}
                    if results.is_late:
                        results.add(**row, error="no time left")
                        return
                    with results.attempt(**row):
                        X, y = noisy_sums(GRID_BATCHES * batch_size, n_timesteps, GRID_FEATURES)
                        params = {"units": units, "batch_size": batch_size}
                        with engine("torch"), EpochTimes(TorchTraining) as times:
                            fitted = _fit(cell, "generic", X, y, 10, **params)
                        row["gpu_ms"] = ms(times.median(5))
                        row["rule"] = _gains(fitted._spec, batch_size, 10**12, 0.0)
                        with contextlib.suppress(ImportError):  # of numba
                            with engine("native"), EpochTimes(NativeTraining) as times:
                                _fit(cell, "generic", X, y, 3, **params)
                            row["cpu_ms"] = ms(times.median(2))
                            row["gpu_gains"] = row["gpu_ms"] < row["cpu_ms"]
                        results.add(**row)


JAX = """
import sys
from gpu_works import keras_epoch, skrnn_keras_epoch
measure = {"keras": keras_epoch, "skrnn": skrnn_keras_epoch}[sys.argv[1]]
print("SECONDS", measure(sys.argv[2], "generic"))
"""


def jax(results):
    """Time of an epoch of Keras on JAX alone, and of skrnn by Keras's loop on JAX, in processes of their own."""
    environment = {**os.environ, "KERAS_BACKEND": "jax", "SKRNN_ENGINE": "keras"}
    environment["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"
    here = str(Path(__file__).parent)
    environment["PYTHONPATH"] = os.pathsep.join([here, environment.get("PYTHONPATH", str(Path(here).parents[1]))])
    for cell in CELLS:
        row = {"part": "jax", "work": "generic", "cell": cell}
        for runner in ("keras", "skrnn"):
            with results.attempt(**row, runner=runner):
                if results.is_late:
                    raise TimeoutError("no time left")
                command = [sys.executable, "-c", JAX, runner, cell]
                done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
                lines = [line for line in done.stdout.splitlines() if line.startswith("SECONDS")]
                if not lines:
                    raise RuntimeError(done.stderr[-300:])
                row[f"{runner}_ms"] = ms(float(lines[0].split()[1]))
        if "keras_ms" in row and "skrnn_ms" in row:
            results.add(**row, ratio=round(row["keras_ms"] / row["skrnn_ms"], 3))


def long_ratio(results):
    """Ratio of the times of GRU and LSTM on long sequences."""
    found = {row["cell"]: row for row in results.rows if row.get("work") == "long" and "skrnn_ms" in row}
    if len(found) == 2:
        ratios = {key: round(found["gru"][key] / found["lstm"][key], 3) for key in ("skrnn_ms", "torch_ms")}
        results.add(part="long", gru_over_lstm=ratios)


_ALL = [machine, works, long_ratio, equality, graphs, bits, padding, features, autoencoder, validation, prediction]
_ALL += [bfloat16, grid, jax]
PARTS = {part.__name__: part for part in _ALL}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--minutes", type=float, default=7.5, help="time after which no further part begins")
    parser.add_argument("--tiny", action="store_true", help="try this program with tiny networks, without a GPU")
    given = parser.parse_args()
    import torch

    if given.tiny:
        WORKS.update(TINY)
        DEVICE["torch"] = "cpu"
        GRID.update(units=(4,), batch_size=(8,), n_timesteps=(5, 6))
    elif not torch.cuda.is_available():
        raise SystemExit("torch detects no GPU.")
    logging.basicConfig(format="%(message)s")
    logging.getLogger("skrnn").setLevel(logging.DEBUG)
    logging.getLogger("skrnn").addFilter(lambda record: "capture" in record.getMessage())
    results = Results(given.json, given.minutes)
    for name in given.parts.split(","):
        if results.is_late:
            results.add(part=name, error="no time left")
            continue
        start = time.perf_counter()
        with results.attempt(part=name):
            PARTS[name](results)
        print(f"-- {name}: {time.perf_counter() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main()
