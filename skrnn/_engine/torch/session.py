"""Stream and settings of torch for one fit or prediction, and calls that are captured as CUDA graphs."""

from __future__ import annotations

import contextlib
import functools
import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

import torch

logger = logging.getLogger("skrnn")

_WARM_UPS = 3  # calls before the capture, in which libraries allocate their memory
_MIN_REPLAYS = 24  # from which the time of a capture is regained
_MAX_LAYER_STEPS = 4096  # time steps over all layers; a graph of more takes long to capture, and gains little


class _CudnnSettings:
    """Settings of cuDNN, which apply to the process: threads that fit at the same time share them."""

    def __init__(self) -> None:
        self._lock, self._n_users = threading.Lock(), 0
        self._flags: Any = None

    @contextlib.contextmanager
    def set(self) -> Iterator[None]:
        """Set them for the first user, and restore the earlier ones after the last."""
        with self._lock:
            if self._n_users == 0:
                allows_tf32 = torch.get_float32_matmul_precision() != "highest"
                self._flags = torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=allows_tf32)
                self._flags.__enter__()
            self._n_users += 1
        try:
            yield
        finally:
            with self._lock:
                self._n_users -= 1
                if self._n_users == 0:
                    self._flags.__exit__(None, None, None)


_CUDNN_SETTINGS = _CudnnSettings()


class Session:
    """Device, stream and numerical settings.

    Products of float32 numbers are exact to float32, unless the user has allowed less by
    ``torch.set_float32_matmul_precision``. All settings of torch are restored after each use.

    Parameters
    ----------
    device : {"cuda", "cpu"}
    """

    def __init__(self, device: str) -> None:
        self.device = torch.device(device)
        self.is_gpu = self.device.type == "cuda"
        self._stream = torch.cuda.Stream() if self.is_gpu else None

    @property
    def computes_in_bfloat16(self) -> bool:
        """Whether recurrent layers of float32 networks are computed in bfloat16, with weights and losses in float32."""
        return torch.get_float32_matmul_precision() == "medium" and _has_bfloat16(self.device)

    @contextlib.contextmanager
    def active(self) -> Iterator[None]:
        """Run operations on the stream, with gradients, deterministic kernels and without automatic casts."""
        with contextlib.ExitStack() as stack:
            stack.enter_context(torch.inference_mode(False))
            stack.enter_context(torch.enable_grad())
            stack.enter_context(torch.autocast(self.device.type, enabled=False))
            if self.is_gpu:
                stack.enter_context(torch.cuda.stream(self._stream))
                stack.enter_context(_CUDNN_SETTINGS.set())
            yield

    def memory(self) -> int:
        """Return the size of the memory of a GPU, or a size that fits the cache of a processor, in bytes."""
        return int(torch.cuda.get_device_properties(self.device).total_memory) if self.is_gpu else 2**29

    def synchronize(self) -> None:
        """Wait until the device has finished."""
        if self._stream is not None:
            self._stream.synchronize()

    def tensor(self, array: Any, dtype: torch.dtype | None = None) -> torch.Tensor:
        """Return a copy of an array on the device."""
        return torch.tensor(array, dtype=dtype, device=self.device)


@functools.cache
def _has_bfloat16(device):
    """Return whether cuDNN computes recurrent layers in bfloat16 (from cuDNN 9.13 on)."""
    is_of_cudnn: Any = torch.cudnn_is_acceptable
    return bool(is_of_cudnn(torch.zeros(1, dtype=torch.bfloat16, device=device)))


class RepeatedCall:
    """Function of fixed tensors without a result, which is captured as a CUDA graph if it is called often.

    Parameters
    ----------
    function : callable
    session : Session
    n_calls : int
        Number of calls to expect.
    n_layer_steps : int
        Number of time steps of a call, over all layers.
    generator : torch.Generator or None, default=None
        Random generator that the function uses.
    """

    def __init__(
        self,
        function: Callable[[], None],
        session: Session,
        *,
        n_calls: int,
        n_layer_steps: int,
        generator: torch.Generator | None = None,
    ) -> None:
        self._function, self._generator = function, generator
        self._n_done = 0
        self._graph: Any = None
        self._captures = session.is_gpu and n_calls >= _WARM_UPS + _MIN_REPLAYS and n_layer_steps <= _MAX_LAYER_STEPS

    def __call__(self) -> None:
        """Call the function, or replay its graph."""
        if self._captures and self._graph is None and self._n_done >= _WARM_UPS:
            self._graph = self._captured()
        if self._graph is not None:
            self._graph.replay()
        else:
            self._function()
        self._n_done += 1

    def _captured(self):
        """Return the graph of the function, or None if torch cannot capture it."""
        graph = torch.cuda.CUDAGraph()
        try:
            if self._generator is not None:
                graph.register_generator_state(self._generator)
            # Other threads may fit at the same time, and allocate memory meanwhile.
            with torch.cuda.graph(graph, stream=torch.cuda.current_stream(), capture_error_mode="thread_local"):
                self._function()
        except RuntimeError as error:
            self._captures = False
            logger.debug("torch cannot capture a CUDA graph, and calls each operation instead: %s", error)
            return None
        return graph
