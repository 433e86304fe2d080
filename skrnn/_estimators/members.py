"""Several networks with different seeds: trained side by side on the same data, and averaged."""

from __future__ import annotations

from copy import copy
from functools import partial as partial_call
from threading import Lock

import numpy as np

from skrnn._common.warnings import collected, warn
from skrnn._engine.callbacks import check_callbacks_of_members
from skrnn._engine.checkpoint import Checkpoint, without_checkpoint
from skrnn._engine.distribution_losses import GaussianLoss, point_predictions
from skrnn._engine.metrics import as_list
from skrnn._engine.threads import run_side_by_side
from skrnn._engine.training import needs_all_cores
from skrnn._estimators.network_spec import network_spec
from skrnn._estimators.training_plan import seed_of, training_plan


def members_of(estimator):
    """Return the fitted estimators with one network each, of which an estimator consists: itself if it has one."""
    return getattr(estimator, "members_", [estimator])


def mean_outputs(outputs):
    """Return the mean of the outputs of members, in their dtype."""
    if len(outputs) == 1:
        return outputs[0]
    return np.mean(outputs, axis=0, dtype=np.float64).astype(outputs[0].dtype)


def std_of_outputs(loss, outputs):
    """Return the standard deviation that the outputs of members describe: (..., n_targets).

    It is that of their predictions or, for normal distributions, of the mixture of these.
    """
    is_gaussian = isinstance(loss, GaussianLoss)
    if len(outputs) == 1:
        return loss.std(outputs[0])
    predictions = [point_predictions(loss, of_member).astype(np.float64) for of_member in outputs]
    variance = np.var(predictions, axis=0)
    if is_gaussian:
        variance += np.mean([loss.std(of_member) ** 2 for of_member in outputs], axis=0)
    return np.sqrt(variance)


def seeds_of_members(seed, n_members):
    """Return the seeds of members. That of the first is the given one; no seed depends on the number of members."""
    others = np.random.SeedSequence(seed).spawn(n_members - 1)
    return [seed, *(int(sequence.generate_state(1)[0]) for sequence in others)]


def train_members(estimator, training, validation, all_samples, *, resumes, epochs, partial):
    """Train all networks of an estimator, and set the fitted attributes.

    Parameters
    ----------
    estimator : BaseRecurrent
        Its schema and its targets are known.
    training : Dataset
    validation : Dataset or None
    all_samples : Dataset or None
        Data to train on again after early stopping.
    resumes : bool
        Whether the networks of an earlier fit are trained further.
    epochs : int or "auto"
        Largest number of epochs.
    partial : bool
        Whether the data are only a part of the training data.
    """
    fitted = members_of(estimator) if resumes else []
    if resumes and len(fitted) != estimator.n_members:
        raise ValueError(
            f"{type(estimator).__name__} cannot resume training with n_members={estimator.n_members}: it was fitted "
            f"with n_members={len(fitted)}. Keep n_members, or set warm_start=False."
        )
    options = {"resumes": resumes, "epochs": epochs, "partial": partial}
    if estimator.n_members == 1:
        estimator._train(training, validation, all_samples, **options)
        vars(estimator).pop("members_", None)
        return
    check_callbacks_of_members(estimator.callbacks, type(estimator).__name__)
    if not resumes:
        estimator._seed = seed_of(estimator.random_state)
    seeds = seeds_of_members(estimator._seed, estimator.n_members)
    members = [_member(estimator, seed, *fitted[k : k + 1]) for k, seed in enumerate(seeds)]
    spec = network_spec(estimator, estimator._schema, estimator._targets)
    # The plan of the estimator itself, whose random_state may not be an int, which a checkpoint requires.
    state = fitted[0]._state if resumes else None
    plan = training_plan(estimator, spec, len(training), state=state, epochs=epochs, first_epoch=0, partial=partial)
    records = _train_all(members, plan, (training, validation, all_samples), options)
    for member, record in zip(members, records, strict=True):
        member.callbacks = estimator.callbacks
        for file in record.files:
            if not plan.checkpoint.keep:
                file.remove()
    vars(estimator).pop("_state", None)
    vars(estimator).pop("_model", None)
    estimator.members_ = members
    estimator._spec, estimator.n_outputs_ = members[0]._spec, members[0].n_outputs_
    estimator.history_ = _mean_history([member.history_ for member in members])
    estimator.n_iter_ = max(member.n_iter_ for member in members)
    estimator.best_epoch_ = max(member.best_epoch_ for member in members)


def _member(estimator, seed, fitted=None):
    """Return an estimator with one network, not trained yet or with the state of one that is trained further."""
    member = copy(estimator)
    vars(member).pop("members_", None)
    member.n_members, member.random_state = 1, seed
    if fitted is not None:
        names = ("_seed", "_spec", "_state", "history_", "n_iter_", "best_epoch_")
        vars(member).update({name: getattr(fitted, name) for name in names})
    callbacks, checkpoint = without_checkpoint(estimator.callbacks, type(estimator).__name__)
    if checkpoint is not None:
        # Files of members that are trained are kept until all are, so that a fit that is killed does not repeat them.
        kept = Checkpoint(checkpoint.folder, every=checkpoint.every, keep=True)
        member.callbacks = {**callbacks, "": kept} if isinstance(callbacks, dict) else [*as_list(callbacks), kept]
    return member


def _train_all(members, plan, data, options):
    """Train members, side by side unless each needs all cores, and return the records of their fits."""
    records, warnings = {}, {}
    report = _Report(members, plan.verbose)

    def train(k):
        # The progress line is that of the first member.
        member, verbose = members[k], members[k].verbose
        member.verbose = verbose if k == 0 else 0
        with collected() as warnings[k]:
            records[k] = member._train(*data, **options)
        member.verbose = verbose
        report.add(k)

    calls = [partial_call(train, k) for k in range(len(members))]
    if needs_all_cores(plan, *data[:2]):
        for call in calls:
            call()
    else:
        run_side_by_side(calls)
    _warn_once([warnings[k] for k in range(len(members))])
    return [records[k] for k in range(len(members))]


class _Report:
    """Lines about members that are trained, in their order, for ``verbose``."""

    def __init__(self, members, verbose):
        self._members, self._verbose, self._lock = members, verbose, Lock()
        self._trained, self._n_shown = set(), 0

    def add(self, k):
        """Add a member, and print the lines of those whose predecessors are trained, too."""
        with self._lock:
            self._trained.add(k)
            while self._verbose and self._n_shown in self._trained:
                member = self._members[self._n_shown]
                self._n_shown += 1
                values = "  ".join(f"{name} {values[-1]:.4g}" for name, values in member.history_.items())
                print(f"Member {self._n_shown}/{len(self._members)}  {member.n_iter_} epochs  {values}", flush=True)


def _warn_once(warnings):
    """Emit the warnings of members: of each category, those of the first member that has any."""
    seen = set()
    for of_member in warnings:
        for message, category in of_member:
            if category not in seen:
                warn(message, category)
        seen |= {category for _, category in of_member}


def _mean_history(histories):
    """Return the mean history: in each epoch that of the members that trained in it."""
    names = dict.fromkeys(name for history in histories for name in history)
    return {name: _means([history.get(name, []) for history in histories]) for name in names}


def _means(rows):
    """Return the means of the columns of rows that differ in length."""
    return [float(np.mean([row[k] for row in rows if k < len(row)])) for k in range(max(map(len, rows)))]
