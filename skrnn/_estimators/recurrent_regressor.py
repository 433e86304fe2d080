"""The public estimators: GRU and LSTM by name, and the same with the cell as a parameter."""

from __future__ import annotations

from typing import Any, ClassVar

from skrnn._estimators.classifier import BaseRecurrentClassifier
from skrnn._estimators.docstrings import document
from skrnn._estimators.parameters import constraints, constructor, fixed_cell
from skrnn._estimators.regressor import BaseRecurrentRegressor

_OF_CELL_REGRESSORS = ("cell", "class_weight")
_OF_CELL_CLASSIFIERS = ("cell",)


@document
class RecurrentRegressor(BaseRecurrentRegressor):
    """Recurrent network for regression, with the cell as a parameter to search over.

    Parameters
    ----------
    [parameters]

    Attributes
    ----------
    [attributes]

    Raises
    ------
    [raises]

    See Also
    --------
    GRURegressor, LSTMRegressor : The same with the cell in the name.
    SequenceWindower : Cuts rows in time order into the windows that this takes.

    References
    ----------
    .. [1] K. Cho et al., "Learning phrase representations using RNN encoder-decoder for statistical machine
       translation", EMNLP 2014.
    .. [2] S. Hochreiter and J. Schmidhuber, "Long short-term memory", Neural Computation 9(8), 1997.
    .. [3] J. L. Elman, "Finding structure in time", Cognitive Science 14(2), 1990.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
    >>> from skrnn import RecurrentRegressor
    >>> wave = np.sin(np.arange(120) / 4)
    >>> X = np.lib.stride_tricks.sliding_window_view(wave[:-1], 8)
    >>> y = wave[8:]
    >>> search = GridSearchCV(
    ...     RecurrentRegressor(units=8, epochs=20, optimizer__learning_rate=0.01, random_state=0),
    ...     {"cell": ["gru", "lstm"]},
    ...     cv=TimeSeriesSplit(3),
    ... )
    >>> bool(search.fit(X, y).best_score_ > 0.5)
    True
    """


@document
class RecurrentClassifier(BaseRecurrentClassifier):
    """Recurrent network for classification, with the cell as a parameter to search over.

    Parameters
    ----------
    [parameters]

    Attributes
    ----------
    [attributes]

    Raises
    ------
    [raises]

    See Also
    --------
    GRUClassifier, LSTMClassifier : The same with the cell in the name.
    SequenceTokenizer : Makes token ids of texts, for ``embedding_dim``.

    References
    ----------
    .. [1] K. Cho et al., "Learning phrase representations using RNN encoder-decoder for statistical machine
       translation", EMNLP 2014.
    .. [2] S. Hochreiter and J. Schmidhuber, "Long short-term memory", Neural Computation 9(8), 1997.
    .. [3] J. L. Elman, "Finding structure in time", Cognitive Science 14(2), 1990.

    Examples
    --------
    >>> import numpy as np
    >>> from skrnn import RecurrentClassifier
    >>> X = np.random.default_rng(0).normal(size=(60, 6))
    >>> y = np.where(X[:, -1] > 0, "up", "down")
    >>> clf = RecurrentClassifier(cell="rnn", units=8, epochs=20, optimizer__learning_rate=0.03, random_state=0)
    >>> clf.fit(X, y).classes_.tolist()
    ['down', 'up']
    >>> bool(clf.score(X, y) > 0.9)
    True
    """


@document
class GRURegressor(BaseRecurrentRegressor):
    """Gated recurrent unit network for regression.

    The cell is that of [1]_, with the reset gate after the product, as Keras and cuDNN compute it.

    Parameters
    ----------
    [parameters]

    Attributes
    ----------
    [attributes]

    Raises
    ------
    [raises]

    See Also
    --------
    LSTMRegressor : The same with long short-term memory cells.
    RecurrentRegressor : The same with the cell as a parameter.
    SequenceWindower : Cuts rows in time order into the windows that this takes.
    SequenceForecaster : Continues a series with it.

    References
    ----------
    .. [1] K. Cho et al., "Learning phrase representations using RNN encoder-decoder for statistical machine
       translation", EMNLP 2014.

    Examples
    --------
    >>> import numpy as np
    >>> from skrnn import GRURegressor
    >>> X = np.random.default_rng(0).normal(size=(80, 5, 2))
    >>> y = X[:, -1, 0] - X[:, -2, 1]
    >>> reg = GRURegressor(units=8, epochs=20, optimizer__learning_rate=0.03, random_state=0).fit(X, y)
    >>> reg.predict(X).shape
    (80,)
    >>> bool(reg.score(X, y) > 0.9)
    True
    >>> len(reg.history_["loss"])
    20
    """

    _cell = "gru"
    _parameter_constraints: ClassVar[dict[str, Any]] = constraints(without=_OF_CELL_REGRESSORS)

    @constructor(fixed_cell, without=_OF_CELL_REGRESSORS)
    def __init__(self) -> None: ...


@document
class LSTMRegressor(BaseRecurrentRegressor):
    """Long short-term memory network for regression.

    The cell is that of [1]_ with forget gates [2]_, whose biases begin at 1.

    Parameters
    ----------
    [parameters]

    Attributes
    ----------
    [attributes]

    Raises
    ------
    [raises]

    See Also
    --------
    GRURegressor : The same with gated recurrent units.
    RecurrentRegressor : The same with the cell as a parameter.
    SequenceWindower : Cuts rows in time order into the windows that this takes.
    SequenceForecaster : Continues a series with it.

    References
    ----------
    .. [1] S. Hochreiter and J. Schmidhuber, "Long short-term memory", Neural Computation 9(8), 1997.
    .. [2] F. A. Gers, J. Schmidhuber and F. Cummins, "Learning to forget: continual prediction with LSTM", Neural
       Computation 12(10), 2000.

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
    _parameter_constraints: ClassVar[dict[str, Any]] = constraints(without=_OF_CELL_REGRESSORS)

    @constructor(fixed_cell, without=_OF_CELL_REGRESSORS)
    def __init__(self) -> None: ...


@document
class GRUClassifier(BaseRecurrentClassifier):
    """Gated recurrent unit network for classification.

    The cell is that of [1]_, with the reset gate after the product, as Keras and cuDNN compute it.

    Parameters
    ----------
    [parameters]

    Attributes
    ----------
    [attributes]

    Raises
    ------
    [raises]

    See Also
    --------
    LSTMClassifier : The same with long short-term memory cells.
    RecurrentClassifier : The same with the cell as a parameter.
    SequenceTokenizer : Makes token ids of texts, for ``embedding_dim``.

    References
    ----------
    .. [1] K. Cho et al., "Learning phrase representations using RNN encoder-decoder for statistical machine
       translation", EMNLP 2014.

    Examples
    --------
    >>> import numpy as np
    >>> from skrnn import GRUClassifier
    >>> X = np.random.default_rng(0).normal(size=(60, 6, 1))
    >>> y = np.array(["down", "flat", "up"])[np.digitize(X[:, -1, 0], [-0.5, 0.5])]
    >>> clf = GRUClassifier(units=8, epochs=20, optimizer__learning_rate=0.03, random_state=0).fit(X, y)
    >>> bool(clf.score(X, y) > 0.9)
    True
    >>> probability = clf.predict_proba(X)
    >>> probability.shape
    (60, 3)
    >>> bool((clf.classes_[probability.argmax(axis=1)] == clf.predict(X)).all())
    True
    """

    _cell = "gru"
    _parameter_constraints: ClassVar[dict[str, Any]] = constraints(without=_OF_CELL_CLASSIFIERS)

    @constructor(fixed_cell, without=_OF_CELL_CLASSIFIERS, loss="auto")
    def __init__(self) -> None: ...


@document
class LSTMClassifier(BaseRecurrentClassifier):
    """Long short-term memory network for classification.

    The cell is that of [1]_ with forget gates [2]_, whose biases begin at 1.

    Parameters
    ----------
    [parameters]

    Attributes
    ----------
    [attributes]

    Raises
    ------
    [raises]

    See Also
    --------
    GRUClassifier : The same with gated recurrent units.
    RecurrentClassifier : The same with the cell as a parameter.
    SequenceTokenizer : Makes token ids of texts, for ``embedding_dim``.

    References
    ----------
    .. [1] S. Hochreiter and J. Schmidhuber, "Long short-term memory", Neural Computation 9(8), 1997.
    .. [2] F. A. Gers, J. Schmidhuber and F. Cummins, "Learning to forget: continual prediction with LSTM", Neural
       Computation 12(10), 2000.

    Examples
    --------
    >>> import numpy as np
    >>> from skrnn import LSTMClassifier
    >>> X = np.random.default_rng(0).normal(size=(60, 6, 1))
    >>> y = X[:, -1, 0] > 0
    >>> clf = LSTMClassifier(units=8, epochs=20, optimizer__learning_rate=0.03, random_state=0).fit(X, y)
    >>> clf.predict(X).dtype
    dtype('bool')
    >>> bool(clf.score(X, y) > 0.9)
    True
    """

    _cell = "lstm"
    _parameter_constraints: ClassVar[dict[str, Any]] = constraints(without=_OF_CELL_CLASSIFIERS)

    @constructor(fixed_cell, without=_OF_CELL_CLASSIFIERS, loss="auto")
    def __init__(self) -> None: ...
