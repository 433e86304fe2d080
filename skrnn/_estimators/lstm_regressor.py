"""Long short-term memory network for regression."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from skrnn._common.typing import Splitter
from skrnn._engine.checkpoint import Checkpoint
from skrnn._estimators.regressor import BaseRecurrentRegressor

if TYPE_CHECKING:
    import keras


class LSTMRegressor(BaseRecurrentRegressor):
    """Long short-term memory (LSTM) network for regression.

    The cell is that of [1]_ with forget gates [2]_, whose biases are initialized to 1.

    Parameters
    ----------
    units : int or tuple of int, default=32
        Number of hidden units of the recurrent layer. If a tuple, one recurrent layer per element is stacked.
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
    dense_units : int or tuple of int, default=()
        Number of units of the dense hidden layers, with ReLU activation, between the recurrent layers and the output
        layer.
    return_sequences : bool, default=False
        Whether to predict one output per time step. If True, `y` and the predictions have shape (n_samples,
        n_timesteps) or (n_samples, n_timesteps, n_outputs), and padded time steps contribute neither to the loss nor to
        `score`.
    patch_size : int, default=1
        Number of consecutive time steps that the recurrent layers read as one step, as the segments of [LL23]_ and the
        patches of [NN23]_: n valid time steps of f features become ceil(n / patch_size) steps of patch_size * f
        features. Patches end at the last valid time step, and time steps that the first one lacks are zero. Token ids
        and categorical features are embedded first. The fit is several times as fast for long sequences, whose first
        time steps are fewer steps away from the output. It must not exceed the length of the longest sequence in `fit`,
        and must be 1 with ``return_sequences=True``.
    pooling : {"last", "mean", "max"}, default="last"
        Outputs of the last recurrent layer that the dense layers get: those of the last step ("last"), or the mean or
        the maximum of each unit over all valid steps. In a bidirectional layer, "last" is the last output of each
        direction, and the other two are computed of both directions at each step. The dropout of the layer acts on the
        result. Must be "last" with ``return_sequences=True``.
    embedding_dim : int or None, default=None
        Dimension of the token embedding. If given, `X` contains token ids and has shape (n_samples, n_timesteps). Id 0
        is padding, which is masked, and id 1 represents unknown tokens. If None, `X` is not embedded.
    n_tokens : int or None, default=None
        Size of the vocabulary. All token ids must be less than this number. If None, it is inferred from the training
        data, and ids that are too large are treated as unknown tokens in `predict`.
    categorical_features : array-like of int or bool, or None, default=None
        Features of 3-D `X` that contain categories: their positions, or a boolean mask of all features. They must be
        encoded as integers from 0 to n - 1, for example by scikit-learn's ``OrdinalEncoder``, and must not be scaled.
        Each of them is replaced by a trained embedding of dimension ``min(50, (n + 1) // 2)``, a rule of thumb of
        fast.ai, where n is one more than the largest code. The first recurrent layer gets the numeric features,
        followed by the embeddings. All codes that do not occur in the `X` of the first fit, also those below the
        largest one, are unknown and share one vector. To train it, 1% of the codes, drawn anew in each epoch, are
        treated as unknown. If None, all features are numeric.
    optimizer : str, keras.optimizers.Optimizer or class, default="adam"
        Optimizer that minimizes the loss, as in Keras. "auto" is Adam with a learning rate of 0.003 and the gradient of
        all weights clipped at a norm of 1, unless routed parameters specify other values; "adam" has Keras's learning
        rate of 0.001 and no clipping. An instance is copied in each fit. If an optimizer has no native kernel, training
        uses ``keras.Model.fit``.
    loss : str, callable or keras.losses.Loss, default="mse"
        Loss function to minimize, as in Keras, "quantile" or "gaussian". "quantile" is the pinball loss [KB78]_ of the
        quantiles in `quantile`, averaged over quantiles and outputs; they are predicted by `predict` and
        `predict_quantiles`. "gaussian" is the negative log-likelihood of a normal distribution [NW94]_, averaged over
        outputs: the network has a mean and a scale per output, which ``predict(X, return_std=True)`` returns. The first
        half of the columns of ``model_``'s output are the means, the second half numbers s, for which the standard
        deviation is softplus(s) + 0.001; with ``n_members > 1`` both are averages, and s does not contain the
        disagreement of the members. Keras computes a custom loss from the outputs of each batch.
    quantile : float in (0, 1), or tuple of such floats, default=0.5
        Quantile or quantiles to estimate. Only used if ``loss="quantile"``. Several quantiles must be strictly
        increasing and contain 0.5; then `predict` returns the medians, and `predict_quantiles` all of them. In the
        output of ``model_``, which is not sorted, quantiles vary slowest: its columns are all outputs at the first
        quantile, then all outputs at the second, and so on. To score an estimate of quantile q in a search, pass
        ``scoring=make_scorer(mean_pinball_loss, alpha=q, greater_is_better=False)``.
    metrics : str, callable, list of them or None, default=None
        Additional metrics to record in `history_` once per epoch, as in Keras. They are weighted like the loss. For
        ``loss="quantile"`` and ``loss="gaussian"``, they are computed from what `predict` returns.
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
    n_members : int, default=1
        Number of networks, which are trained on the same data with different seeds and averaged: `predict` returns the
        mean of their predictions. With ``loss="quantile"``, the outputs are averaged before they are sorted. The seeds
        derive from `random_state`; that of the first member is the seed of an estimator with one network. Members are
        trained side by side on the available cores, with results that do not depend on their number, except where
        training uses Keras or `callbacks` other than a `Checkpoint`: then they are trained one after the other, with
        the same instances of callbacks. With `early_stopping`, each member stops by itself, on the same validation
        data. With ``verbose``, the progress line is that of the first member, and one line follows for each member.
    callbacks : keras.callbacks.Callback, Checkpoint, class, list of them, dict of them or None, default=None
        Callbacks to apply during training, one of which may be a `Checkpoint`. Instances are not copied. A class is
        instantiated in each fit, with the arguments routed by the prefix ``callbacks__``. A learning rate that a
        callback sets takes effect in the next epoch. If callbacks implement batch-level methods, training uses
        ``keras.Model.fit``.
    warm_start : bool, default=False
        Whether `fit` continues training from the fitted weights and the optimizer state of the previous call. If False,
        it starts from new initial weights.
    random_state : int, RandomState instance or None, default=None
        Determines random number generation for weight initialization, shuffling, dropout and the codes that are
        treated as unknown. Pass an int for reproducible results across multiple function calls and processes. If None,
        a seed is drawn from the operating system. No global random state is read or modified.
    dtype : {"float32", "float64"}, default="float32"
        Precision of the weights and of all computations.
    verbose : int, default=0
        Verbosity level. If greater than 0, print the epochs, the losses and the estimated remaining time.
    **routed
        Arguments of the optimizer, the loss and the callbacks, such as ``optimizer__learning_rate=0.01``,
        ``optimizer__clipnorm=1.0`` or ``loss__delta=2.0``. They can be tuned, cloned and displayed like all other
        parameters. `fit` raises an error if the optimizer, the loss or the callback has no such argument.

    Attributes
    ----------
    model_ : keras.Model
        Trained network, with built-in Keras layers only: the file that ``est.model_.save("m.keras")`` writes can be
        loaded where skrnn is not installed. `model_input` returns the array to pass to it. The model is a copy;
        training it does not change the predictions of the estimator. With ``n_members > 1``, it contains the networks
        of all members, and its output is the average of theirs.
    members_ : list of estimators
        Fitted estimators with ``n_members=1``, whose `random_state` is the seed of the member. Only available if
        ``n_members > 1``.
    history_ : dict of str to list of float
        Loss and metrics of each epoch, by name. The names of validation values start with ``val_``. With ``n_members >
        1``, the means over the members that were trained in the epoch.
    n_iter_ : int
        Number of epochs run since the weights were initialized, over all calls of `fit` and `partial_fit`. With
        `refit_full`, those of the second training are not counted. With ``n_members > 1``, the largest number of all
        members.
    best_epoch_ : int
        Index into `history_` of the epoch whose weights are kept. Without `early_stopping`, it is the last epoch. With
        `refit_full`, it is the best epoch of the training that was stopped; the weights are those of the second
        training, which takes about as many gradient steps. With ``n_members > 1``, the largest index of all members.
    n_outputs_ : int
        Number of units of the output layer.
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
    GRURegressor : Same estimator with GRU cells.
    RecurrentRegressor : Same estimator with the cell as a parameter.
    SequenceWindower : Transformer that cuts time-ordered rows into windows.
    SequenceForecaster : Multi-step forecasts with a regressor such as this one.

    References
    ----------
    .. [1] S. Hochreiter and J. Schmidhuber, "Long short-term memory", Neural Computation 9(8), 1997.
    .. [2] F. A. Gers, J. Schmidhuber and F. Cummins, "Learning to forget: continual prediction with LSTM", Neural
       Computation 12(10), 2000.
    .. [KB78] R. Koenker and G. Bassett, "Regression quantiles", Econometrica 46(1), 1978.
    .. [LL23] S. Lin et al., "SegRNN: Segment recurrent neural network for long-term time series forecasting",
       arXiv:2308.11200, 2023.
    .. [NN23] Y. Nie et al., "A time series is worth 64 words: Long-term forecasting with transformers", ICLR 2023.
    .. [NW94] D. A. Nix and A. S. Weigend, "Estimating the mean and variance of the target probability distribution",
       ICNN 1994.

    Examples
    --------
    >>> import numpy as np
    >>> from skrnn import LSTMRegressor
    >>> X = np.random.default_rng(0).normal(size=(80, 5, 2))
    >>> y = np.cumsum(X[..., 0], axis=1)
    >>> reg = LSTMRegressor(
    ...     units=8, return_sequences=True, epochs=20, optimizer__learning_rate=0.03, random_state=0
    ... )
    >>> reg.fit(X, y).predict(X).shape  # one output per time step
    (80, 5)
    >>> bool(reg.score(X, y) > 0.9)
    True
    """

    _cell = "lstm"

    def __init__(
        self,
        units: int | Sequence[int] = 32,
        *,
        bidirectional: bool = False,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        dense_units: int | Sequence[int] = (),
        return_sequences: bool = False,
        patch_size: int = 1,
        pooling: Literal["last", "mean", "max"] = "last",
        embedding_dim: int | None = None,
        n_tokens: int | None = None,
        categorical_features: ArrayLike | None = None,
        optimizer: str | keras.optimizers.Optimizer | type = "adam",
        loss: str | Callable[..., Any] = "mse",
        quantile: float | Sequence[float] = 0.5,
        metrics: str | Sequence[Any] | Callable[..., Any] | None = None,
        epochs: int | Literal["auto"] = 100,
        tol: float = 1e-3,
        batch_size: int | None = 32,
        shuffle: bool = True,
        validation_split: float | Splitter | None = None,
        early_stopping: bool = False,
        patience: int = 10,
        min_delta: float = 0.0,
        refit_full: bool = False,
        n_members: int = 1,
        callbacks: Sequence[Any] | dict[str, Any] | keras.callbacks.Callback | Checkpoint | type | None = None,
        warm_start: bool = False,
        random_state: int | np.random.RandomState | None = None,
        dtype: Literal["float32", "float64"] = "float32",
        verbose: int = 0,
        **routed: Any,
    ) -> None:
        self.units = units
        self.bidirectional = bidirectional
        self.dropout = dropout
        self.recurrent_dropout = recurrent_dropout
        self.dense_units = dense_units
        self.return_sequences = return_sequences
        self.patch_size = patch_size
        self.pooling = pooling
        self.embedding_dim = embedding_dim
        self.n_tokens = n_tokens
        self.categorical_features = categorical_features
        self.optimizer = optimizer
        self.loss = loss
        self.quantile = quantile
        self.metrics = metrics
        self.epochs = epochs
        self.tol = tol
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.validation_split = validation_split
        self.early_stopping = early_stopping
        self.patience = patience
        self.min_delta = min_delta
        self.refit_full = refit_full
        self.n_members = n_members
        self.callbacks = callbacks
        self.warm_start = warm_start
        self.random_state = random_state
        self.dtype = dtype
        self.verbose = verbose
        self._set_routed(routed)
