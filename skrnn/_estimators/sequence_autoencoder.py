"""Recurrent autoencoder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from sklearn.utils._param_validation import StrOptions

from skrnn._common.typing import Splitter
from skrnn._engine.cells import CELLS
from skrnn._engine.checkpoint import Checkpoint
from skrnn._estimators.autoencoder import BaseAutoencoder

if TYPE_CHECKING:
    import keras


class SequenceAutoencoder(BaseAutoencoder):
    """Recurrent autoencoder: a few numbers per sequence, from which the sequence is reconstructed.

    The encoder consists of recurrent layers, and a dense layer that converts their last output to `n_components`
    numbers, the codes. The decoder gets the codes at every time step: its recurrent layers have the units of the
    encoder in reverse order, and a dense layer returns the features of each time step. Both are trained to minimize the
    mean squared error of the reconstruction.

    The encoder reads each sequence from its last time step to its first, so that it has seen last what the decoder
    returns first [SVL14]_.

    Parameters
    ----------
    cell : {"gru", "lstm", "rnn"} or callable, default="gru"
        Recurrent cell: gated recurrent unit [1]_, long short-term memory [2]_ or simple RNN [3]_. A callable
        ``cell(units, return_sequences=..., dtype=..., name=...)`` must return a Keras recurrent layer. Such a custom
        cell is trained by Keras's built-in training loop (``keras.Model.fit``).
    units : int or tuple of int, default=32
        Number of hidden units of the recurrent layer of the encoder, and of that of the decoder. If a tuple, one
        recurrent layer per element is stacked, and the decoder has the same layers in reverse order.
    n_components : int, default=16
        Number of components of the codes, the columns that `transform` returns.
    bidirectional : bool, default=False
        Whether every recurrent layer processes its sequence in both directions and concatenates the outputs.
    dropout : float in [0, 1), default=0.0
        Fraction of the outputs of every recurrent layer to drop during training. Dropout is applied between layers, as
        in PyTorch; the argument of the same name of Keras's recurrent layers drops inputs instead. The random draws
        depend only on `random_state`, the epoch, and the positions of sample, time step and unit, and differ from those
        of a Keras layer.
    recurrent_dropout : float in [0, 1), default=0.0
        Fraction of the units of the hidden state to drop during training, in the product with the recurrent kernel. The
        same units are dropped at all time steps of a sequence and for all gates of a layer. The part of the state that
        a GRU carries over to the next time step is not dropped.
    optimizer : str, keras.optimizers.Optimizer or class, default="adam"
        Optimizer that minimizes the loss, as in Keras. "auto" is Adam with a learning rate of 0.003 and the gradient of
        all weights clipped at a norm of 1, unless routed parameters specify other values; "adam" has Keras's learning
        rate of 0.001 and no clipping. An instance is copied in each fit. If an optimizer has no native kernel, training
        uses ``keras.Model.fit``.
    epochs : int or "auto", default=100
        Maximum number of passes over the training data. If "auto", as many as result in at least 2000 gradient steps,
        but at most 1000, so that training on parts of the data, as in cross-validation, takes about as many steps as on
        all of them.
    tol : float, default=1e-3
        Tolerance of ``epochs="auto"``: after 1000 gradient steps, training ends when the training loss has not fallen
        by this fraction of its first value for `patience` epochs, and at least 100 gradient steps. Not used with
        another value of `epochs`.
    batch_size : int or None, default=32
        Number of samples per gradient update. If None, all samples form a single batch.
    shuffle : bool, default=True
        Whether to shuffle the training samples before each epoch. Time steps are never shuffled.
    validation_split : float in [0, 1), splitter or None, default=None
        Validation data to hold out from the training data. If float, the fraction of samples to hold out: the last
        samples (of each series, if windows were cut from several), without shuffling. If a scikit-learn splitter, its
        first split is used. If None, 0.1 is used with ``early_stopping=True``, and no data are held out otherwise.
    early_stopping : bool, default=False
        Whether to stop training when the validation loss has not improved for `patience` epochs. If True, the weights
        of the best epoch are always restored.
    patience : int, default=10
        Number of epochs without improvement after which early stopping ends training. 0 is treated as 1.
    min_delta : float, default=0.0
        Minimum decrease of the validation loss that counts as an improvement.
    refit_full : bool, default=False
        Whether to train again on all samples after early stopping, including those held out, with as many gradient
        steps as the best epoch had taken. `history_`, `n_iter_` and `best_epoch_` remain those of the training that was
        stopped. Callbacks are called in both trainings, but in the second one without validation values, so that those
        that monitor such a value, for example ``ReduceLROnPlateau``, have no effect in it, and custom ones must read it
        by ``logs.get("val_loss")``, which is None then. A ``ModelCheckpoint`` that saves the best model by such a
        value, or has one in its file name, and ``BackupAndRestore`` are called in the first training only.
    callbacks : keras.callbacks.Callback, Checkpoint, class, list of them, dict of them or None, default=None
        Callbacks to apply during training, one of which may be a `Checkpoint`. Instances are not copied. A class is
        instantiated in each fit, with the arguments routed by the prefix ``callbacks__``. A learning rate that a
        callback sets takes effect in the next epoch. If callbacks implement batch-level methods, training uses
        ``keras.Model.fit``.
    warm_start : bool, default=False
        Whether `fit` continues training from the fitted weights and the optimizer state of the previous call. If False,
        it starts from new initial weights.
    random_state : int, RandomState instance or None, default=None
        Determines random number generation for weight initialization, shuffling and dropout. Pass an int for
        reproducible results across multiple function calls and processes. If None, a seed is drawn from the operating
        system. No global random state is read or modified.
    dtype : {"float32", "float64"}, default="float32"
        Precision of the weights and of all computations.
    verbose : int, default=0
        Verbosity level. If greater than 0, print the epochs, the losses and the estimated remaining time.
    **routed
        Arguments of the optimizer and the callbacks, such as ``optimizer__learning_rate=0.01`` or
        ``optimizer__clipnorm=1.0``. They can be tuned, cloned and displayed like all other parameters. `fit` raises an
        error if the optimizer or the callback has no such argument.

    Attributes
    ----------
    model_ : keras.Model
        Trained network from sequences to reconstructions, with built-in Keras layers and operations only: the file that
        ``est.model_.save("m.keras")`` writes can be loaded where skrnn is not installed. `model_input` returns the
        array to pass to it, with the valid time steps of each sequence first, and the model returns reconstructions in
        that order; those of padded time steps have no meaning. The output of its layer named "codes" are the codes. The
        model is a copy; training it does not change the output of the estimator.
    history_ : dict of str to list of float
        Loss of each epoch, "loss", and with validation data "val_loss".
    n_iter_ : int
        Number of epochs run since the weights were initialized, over all calls of `fit` and `partial_fit`.
    best_epoch_ : int
        Index into `history_` of the epoch whose weights are kept. Without `early_stopping`, it is the last epoch.
    n_features_in_ : int
        Number of features per time step. For 2-D `X`, number of time steps.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Column names of a 2-D DataFrame seen during `fit`. Defined only if all of them are strings.

    Raises
    ------
    TypeError
        If a parameter name is unknown. Values of parameters are validated by `fit`.

    See Also
    --------
    SequenceScaler : Transformer that puts all features on one scale, which the loss requires.
    SequenceWindower : Transformer that cuts time-ordered rows into windows.
    RecurrentRegressor : Same recurrent layers for regression.

    Notes
    -----
    All features have the same weight in the loss, in their own units: put a `SequenceScaler` before the autoencoder in
    a Pipeline.

    Unlike regressors and classifiers, autoencoders have no parameter `n_members`: networks with different seeds learn
    different codes, which cannot be averaged.

    An encoder that reads the sequence in reverse reconstructed damped oscillations of random decay, phase and amplitude
    better than one that reads it forward, and much better than a decoder that returns the sequence in reverse [SMS15]_:
    the mean R^2 of three seeds on held-out sequences was 0.994, 0.981 and 0.973 for GRUs, and 0.996, 0.985 and 0.692
    for LSTMs.

    References
    ----------
    .. [1] K. Cho et al., "Learning phrase representations using RNN encoder-decoder for statistical machine
       translation", EMNLP 2014.
    .. [2] S. Hochreiter and J. Schmidhuber, "Long short-term memory", Neural Computation 9(8), 1997.
    .. [3] J. L. Elman, "Finding structure in time", Cognitive Science 14(2), 1990.
    .. [SMS15] N. Srivastava, E. Mansimov and R. Salakhutdinov, "Unsupervised learning of video representations using
       LSTMs", ICML 2015.
    .. [SVL14] I. Sutskever, O. Vinyals and Q. V. Le, "Sequence to sequence learning with neural networks", NIPS 2014.

    Examples
    --------
    >>> import numpy as np
    >>> from skrnn import SequenceAutoencoder
    >>> phases = np.random.default_rng(0).uniform(0, 2 * np.pi, size=(200, 1))
    >>> X = np.cos(np.arange(20) / 3 + phases)  # one univariate sequence per row
    >>> autoencoder = SequenceAutoencoder(
    ...     units=16, n_components=2, epochs=60, optimizer__learning_rate=0.01, random_state=0
    ... ).fit(X)
    >>> autoencoder.transform(X).shape
    (200, 2)
    >>> bool(autoencoder.score(X) > -0.02)
    True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseAutoencoder._parameter_constraints,
        "cell": [StrOptions(set(CELLS)), callable],
    }

    def __init__(
        self,
        cell: str | Callable[..., Any] = "gru",
        units: int | Sequence[int] = 32,
        *,
        n_components: int = 16,
        bidirectional: bool = False,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        optimizer: str | keras.optimizers.Optimizer | type = "adam",
        epochs: int | Literal["auto"] = 100,
        tol: float = 1e-3,
        batch_size: int | None = 32,
        shuffle: bool = True,
        validation_split: float | Splitter | None = None,
        early_stopping: bool = False,
        patience: int = 10,
        min_delta: float = 0.0,
        refit_full: bool = False,
        callbacks: Sequence[Any] | dict[str, Any] | keras.callbacks.Callback | Checkpoint | type | None = None,
        warm_start: bool = False,
        random_state: int | np.random.RandomState | None = None,
        dtype: Literal["float32", "float64"] = "float32",
        verbose: int = 0,
        **routed: Any,
    ) -> None:
        self.cell = cell
        self.units = units
        self.n_components = n_components
        self.bidirectional = bidirectional
        self.dropout = dropout
        self.recurrent_dropout = recurrent_dropout
        self.optimizer = optimizer
        self.epochs = epochs
        self.tol = tol
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.validation_split = validation_split
        self.early_stopping = early_stopping
        self.patience = patience
        self.min_delta = min_delta
        self.refit_full = refit_full
        self.callbacks = callbacks
        self.warm_start = warm_start
        self.random_state = random_state
        self.dtype = dtype
        self.verbose = verbose
        self._set_routed(routed)
