"""Outputs of a trained network by torch, in large batches."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from skrnn._data.sequences import Sequences
from skrnn._engine.network import NetworkSpec
from skrnn._engine.torch.data import DeviceSequences
from skrnn._engine.torch.network import TorchNetwork
from skrnn._engine.torch.session import Session
from skrnn._engine.torch.steps import is_padded
from skrnn._engine.torch.training import rows_at_once
from skrnn._engine.trained_state import TrainedState

# Networks of trained states that still exist, with the session that each was created in.
_NETWORKS: weakref.WeakKeyDictionary[TrainedState, tuple[Session, TorchNetwork]] = weakref.WeakKeyDictionary()


def torch_outputs(spec: NetworkSpec, state: TrainedState, sequences: Sequences, device: str) -> NDArray[Any]:
    """Return outputs: (n_samples, n_outputs) or (n_samples, n_steps, n_outputs), zero at masked steps."""
    session, network = _network_of(spec, state, device)
    n = len(sequences)
    steps = (-(-sequences.n_timesteps // spec.patch_size),) if spec.return_sequences else ()
    outputs = np.zeros((n, *steps, spec.n_outputs), spec.dtype)
    with session.active(), torch.no_grad():
        data = DeviceSequences(sequences, spec, session)
        for samples in torch.arange(n, device=session.device).split(rows_at_once(spec, data.n_steps, session)):
            first, last = int(samples[0]), int(samples[-1]) + 1
            batch = data.batch(samples)
            rows = network.activated(network.logits(batch, trains=False))
            if not spec.return_sequences:
                outputs[first:last] = rows.cpu().numpy()
                continue
            by_step = rows.view(data.n_steps, len(samples), -1)
            if batch.lengths is not None:
                by_step = by_step.masked_fill(is_padded(data.n_steps, batch.lengths)[..., None], 0)
            outputs[first:last, : data.n_steps] = by_step.transpose(0, 1).cpu().numpy()
    return outputs


def _network_of(spec, state, device):
    """Return the network with the weights of a state, which is created once per state."""
    found = _NETWORKS.get(state)
    if found is None or found[0].device.type != device:
        session = Session(device)
        with session.active():
            network = TorchNetwork(spec, session)
            network.load(state.weights)
        session.synchronize()
        found = _NETWORKS[state] = session, network
    return found
