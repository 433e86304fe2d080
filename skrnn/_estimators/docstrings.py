"""Sections that the docstrings of all estimators share, and the decorator that puts them in."""

from __future__ import annotations

import inspect

from skrnn._engine.cells import CELLS

_CELL = """
cell : {{{names}}} or callable, default="gru"
    The recurrent layer: {labels}; the first three are those of [1]_, [2]_ and [3]_. A callable
    ``cell(units, return_sequences=..., dtype=..., name=...)`` returns a Keras recurrent layer of its own, which trains
    through Keras's own loop.
"""

_NETWORK = """
units : int or tuple of int, default=32
    Hidden units of each recurrent layer; a tuple stacks layers.
bidirectional : bool, default=False
    Whether every recurrent layer reads its sequence in both directions and joins the outputs.
dropout : float in [0, 1), default=0.0
    Fraction of the outputs of every recurrent layer to drop in training. This is dropout between layers, as in torch,
    and not Keras's argument of that name, which drops inputs. The draws depend on `random_state` and the place of a
    unit alone; they are not those of a Keras layer.
recurrent_dropout : float in [0, 1), default=0.0
    Fraction of the units of the state to drop in training where a step multiplies it by the recurrent kernel: the same
    units at all steps of a sequence, and for all gates of a layer. What a GRU carries along by itself is whole.
dense_units : int or tuple of int, default=()
    Units of hidden dense layers (ReLU) between the recurrent layers and the output layer.
return_sequences : bool, default=False
    Whether there is one output per time step. Then `y` has shape (n_samples, n_timesteps){y_per_step}, predictions
    have the same, absent steps weigh nothing, and `score` is taken over the present ones.
embedding_dim : int or None, default=None
    Where given, `X` holds token ids of shape (n_samples, n_timesteps), and each is embedded in that many dimensions.
    Id 0 is padding and masked; 1 stands for unknown tokens.
n_tokens : int or None, default=None
    Size of the vocabulary; an id beyond it is an error. None infers it from the training data, and ids beyond it at
    predict count as unknown.
optimizer : str, keras.optimizers.Optimizer or class, default="adam"
    What minimises the loss, as in Keras. An instance is copied in each fit. One without a native kernel trains through
    Keras's own loop.
loss : str, callable or keras.losses.Loss, default={loss}
metrics : str, callable, list of them or None, default=None
    Further metrics for `history_`, as in Keras, but weighted as the loss is. They are computed once an epoch.
"""

_CLASS_WEIGHT = """
class_weight : {"balanced"}, dict, list of dict or None, default=None
    Weights of the classes in the loss, by label; "balanced" weighs each by the inverse of its frequency. For several
    labels a list of dicts, one a label.
"""

_TRAINING = """
epochs : int, default=100
    Passes over the training data, at most.
batch_size : int or None, default=32
    Samples a gradient step. None takes all of them as one batch.
shuffle : bool, default=True
    Whether training samples are shuffled before each epoch. Time steps never are.
validation_split : float in [0, 1), splitter or None, default=None
    What is held out to validate on: {held_out}
early_stopping : bool, default=False
    Whether training stops when the validation loss has not improved for `patience` epochs. The weights of the best
    epoch are restored in any case.
patience : int, default=10
    Epochs without improvement that early stopping waits for; 0 counts as 1.
min_delta : float, default=0.0
    By how much the validation loss must fall to count as improved.
callbacks : keras.callbacks.Callback, Checkpoint, class, list of them, dict of them or None, default=None
    Callbacks. Instances are used in place; a class is made an instance in each fit, with what ``callbacks__`` routes.
    A learning rate that one changes counts from the next epoch. One of them may be a `Checkpoint`. Those with hooks for
    batches train through Keras's own loop.
warm_start : bool, default=False
    Whether `fit` goes on from the fitted weights and optimizer state instead of starting anew.
random_state : int, RandomState instance or None, default=None
    Determines initial weights, shuffling and dropout. Equal ints give equal weights, in every process. None draws
    a seed from the operating system; no global random state is read or written.
dtype : {{"float32", "float64"}}, default="float32"
    Precision of weights and computation.
verbose : int, default=0
    Above 0, epochs, losses and the time left are printed.
**routed
    Arguments of the optimizer, the loss and the callbacks: ``optimizer__learning_rate=0.01``,
    ``optimizer__clipnorm=1.0``, ``loss__delta=2.0``. They are parameters like the others: searched over, cloned, shown.
    One that its target does not take is refused by `fit`.
"""

_ATTRIBUTES = """
model_ : keras.Model
    The trained network, of stock Keras layers only: ``est.model_.save("m.keras")`` loads where skrnn is not
    installed. `model_input` gives the array that it takes. It is a copy: training it changes no prediction here.
history_ : dict of str to list of float
    Loss and metrics, by name, of every epoch; the names of those on held-out data begin with ``val_``.
n_iter_ : int
    Number of epochs run, by all calls since training started anew.
best_epoch_ : int
    Index into `history_` of the epoch whose weights are kept: the last one without `early_stopping`.
n_outputs_ : int
    Number of units of the output layer.
n_features_in_ : int
    Number of features at each time step; for 2-D `X`, its number of time steps.
feature_names_in_ : ndarray of str, shape (`n_features_in_`,)
    Names of the columns of a 2-D frame; only where they are all strings.
"""

_CLASSES = """
classes_ : ndarray of shape (n_classes,)
    The labels, sorted.
"""

_RAISES = """
TypeError
    For a parameter that does not exist. Values are checked by `fit`.
"""

_LOSS_OF_REGRESSORS = """"mse"
    What is minimised, as in Keras. Keras computes a loss of your own, from the outputs of each batch."""
_LOSS_OF_CLASSIFIERS = """"auto"
    What is minimised, as in Keras. "auto" is binary cross-entropy for two classes and for several labels, sparse
    categorical cross-entropy for more classes. Labels are one-hot encoded for the losses that take them so. A loss
    that is not defined for the labels, such as categorical cross-entropy for indicators of several, raises an error."""

_HELD_OUT_BY_REGRESSORS = """a fraction of the last samples, of each series where windows were cut from several, never
    shuffled, or the first split of a scikit-learn splitter. None is 0.1 with `early_stopping`, else nothing."""
_HELD_OUT_BY_CLASSIFIERS = """a fraction of the last samples of each class (of all samples, for several labels
    and for labels of time steps) within each series that windows were cut from, never shuffled, or the first split of a
    scikit-learn splitter. None is 0.1 with `early_stopping`, else nothing."""


def document(cls):
    """Fill the places ``[parameters]``, ``[attributes]`` and ``[raises]`` in the docstring of an estimator."""
    if cls.__doc__ is None:  # python -OO
        return cls
    names = list(cls._parameter_constraints)
    classifies = "class_weight" in names
    network = _NETWORK.format(
        y_per_step="" if classifies else " or\n    (n_samples, n_timesteps, n_outputs)",
        loss=_LOSS_OF_CLASSIFIERS if classifies else _LOSS_OF_REGRESSORS,
    )
    cells = _CELL.format(
        names=", ".join(f'"{name}"' for name in CELLS), labels=", ".join(cell.label for cell in CELLS.values())
    )
    held_out = _HELD_OUT_BY_CLASSIFIERS if classifies else _HELD_OUT_BY_REGRESSORS
    parameters = [
        cells if "cell" in names else "",
        network,
        _CLASS_WEIGHT if classifies else "",
        _TRAINING.format(held_out=held_out),
    ]
    attributes = [_CLASSES if classifies else "", _ATTRIBUTES]
    text = inspect.cleandoc(cls.__doc__) + "\n"  # Python 3.13 takes the indentation off, earlier ones do not
    for place, sections in (("parameters", parameters), ("attributes", attributes), ("raises", [_RAISES])):
        text = text.replace(f"[{place}]\n", "".join(section.removeprefix("\n") for section in sections))
    cls.__doc__ = text
    return cls
