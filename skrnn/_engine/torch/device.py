"""Whether torch trains and predicts with a network, and on which device, determined without importing torch."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

from skrnn._engine.architecture import architecture_of
from skrnn._engine.fallback import ENGINE_VARIABLE, chosen_engine
from skrnn._engine.network import NetworkSpec
from skrnn._engine.threads import n_threads

# Measured on 16 cores and an NVIDIA H200 (`tests/benchmarks/gpu.py`). A core does this many multiplications per second,
# if it has this many sequences of a batch.
_MULTIPLICATIONS_PER_SECOND, _SEQUENCES_PER_CORE = 2e10, 16
# A GPU does this many. A step of a layer takes it this long, however small the batch is: in total, and per unit.
_GPU_MULTIPLICATIONS_PER_SECOND = 4e12
_SECONDS_PER_STEP, _SECONDS_PER_STEP_AND_UNIT = 4e-6, 8e-8
# The time that the context of the GPU takes in a process, and the copies of a prediction.
_SECONDS_OF_A_FIT, _SECONDS_OF_A_PREDICTION = 1.0, 0.02

_FITS_ANY_GPU = 2**27  # bytes


@dataclass(frozen=True)
class DeviceChoice:
    """Device of torch, or the reason why torch is not used.

    Parameters
    ----------
    device : {"cuda", "cpu"} or None
    reason : str
        Why torch is used, or is not used.
    """

    device: str | None
    reason: str

    @property
    def label(self) -> str:
        """Name of the device."""
        if self.device != "cuda":
            return "the CPU"
        torch: Any = sys.modules["torch"]
        return str(torch.cuda.get_device_name())


def device_of_process() -> DeviceChoice:
    """Return the device of torch for networks that it supports and that are large enough."""
    engine = chosen_engine()
    if engine == "torch":
        return DeviceChoice("cuda" if _has_gpu(_required_torch()) else "cpu", f"{ENGINE_VARIABLE}=torch")
    if engine:
        return DeviceChoice(None, f"{ENGINE_VARIABLE}={engine}")
    torch: Any = sys.modules.get("torch")
    if not hasattr(torch, "cuda") or not hasattr(torch, "nn"):  # not imported, or still being imported
        return DeviceChoice(None, "torch is not imported")
    return DeviceChoice("cuda", "torch has a GPU") if _has_gpu(torch) else DeviceChoice(None, "torch has no GPU")


def _required_torch():
    try:
        import torch
    except ImportError as error:
        raise ImportError(
            f"The environment variable {ENGINE_VARIABLE} is torch, but torch cannot be imported: {error}. Install "
            f"torch, or do not set {ENGINE_VARIABLE}."
        ) from error
    return torch


def _has_gpu(torch):
    """Return whether torch can use a GPU; in a process that was forked after CUDA was initialized, it cannot."""
    is_in_bad_fork = getattr(torch.cuda, "_is_in_bad_fork", lambda: False)
    return bool(torch.cuda.is_available()) and not is_in_bad_fork()


def network_reason(spec: NetworkSpec) -> str | None:
    """Return the reason why torch does not compute a network, or None if it does."""
    from skrnn._engine.torch.network import ACTIVATIONS
    from skrnn._engine.torch.weights import CELLS

    if spec.cell not in CELLS:
        return "the cell is not one of torch's"
    if spec.recurrent_dropout:
        return "layers of torch have no recurrent dropout"
    if spec.output_activation not in ACTIVATIONS:
        return f"the output activation {spec.output_activation} is not one of those of the torch loop"
    return None


def training_device(
    spec: NetworkSpec, optimizer: Any, loss: Any, *, batch_size: int, n_steps: int, n_numbers: int
) -> DeviceChoice:
    """Return the device on which torch trains, if it does.

    Parameters
    ----------
    spec : NetworkSpec
        Network with kernels.
    optimizer : NativeOptimizer
    loss : NativeLoss or KerasLoss
    batch_size : int
    n_steps : int
        Number of time steps of all sequences in all epochs.
    n_numbers : int
        Size of the data.
    """
    choice = device_of_process()
    if choice.device is None:
        return choice
    from skrnn._engine.torch.losses import loss_reason
    from skrnn._engine.torch.optimizers import optimizer_reason

    reason = network_reason(spec) or optimizer_reason(optimizer) or loss_reason(loss)
    if reason is None and not chosen_engine() and not _gains(spec, batch_size, n_steps, _SECONDS_OF_A_FIT):
        reason = "the batches or the data are too small to gain from a GPU"
    if reason is None and choice.device == "cuda":
        reason = _memory_reason(n_numbers)
    return choice if reason is None else DeviceChoice(None, reason)


def prediction_device(spec: NetworkSpec, n_samples: int, n_steps: int, n_numbers: int) -> str | None:
    """Return the device on which torch predicts, or None.

    Parameters
    ----------
    spec : NetworkSpec
        Network with kernels.
    n_samples : int
    n_steps : int
        Number of time steps of all sequences.
    n_numbers : int
        Size of the data.
    """
    # Whether there is a GPU is asked last, because the answer takes longer than a small prediction.
    may_gain = "torch" in sys.modules and _gains(spec, n_samples, n_steps // 3, _SECONDS_OF_A_PREDICTION)
    if not chosen_engine() and not may_gain:
        return None
    choice = device_of_process()
    if choice.device is None or network_reason(spec) is not None:
        return None
    return None if choice.device == "cuda" and _memory_reason(n_numbers) is not None else choice.device


def _gains(spec, batch_size, n_steps, overhead):
    """Return whether a GPU saves more seconds of the computation than its overhead takes."""
    n_steps /= spec.patch_size  # steps of the layers
    work = architecture_of(spec).work_per_step()  # multiplications per step of a sequence, for all layers
    n_cores = min(n_threads(), -(-batch_size // _SEQUENCES_PER_CORE))
    on_cpu = work * batch_size / (n_cores * _MULTIPLICATIONS_PER_SECOND)
    latency = sum(_SECONDS_PER_STEP + _SECONDS_PER_STEP_AND_UNIT * units for units in spec.recurrent_units)
    on_gpu = latency * (1 + spec.bidirectional) + work * batch_size / _GPU_MULTIPLICATIONS_PER_SECOND
    return bool((on_cpu - on_gpu) * n_steps / batch_size > overhead)


def _memory_reason(n_numbers):
    """Return the reason why the data do not fit the memory of the GPU, or None."""
    import torch

    size = 8 * n_numbers
    if size <= _FITS_ANY_GPU:  # the question takes time, and creates the context of the process
        return None
    free, _ = torch.cuda.mem_get_info()
    if size < free / 2:
        return None
    return f"the data take {size / 2**30:.1f} GiB, of {free / 2**30:.1f} GiB of free memory of the GPU"
