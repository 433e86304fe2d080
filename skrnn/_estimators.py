"""The public estimators: GRU and LSTM by name, and the same with the cell as a parameter."""

from __future__ import annotations

from skrnn._classifier import BaseRecurrentClassifier
from skrnn._docstrings import document
from skrnn._parameters import constraints, constructor
from skrnn._regressor import BaseRecurrentRegressor

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

    See Also
    --------
    GRURegressor, LSTMRegressor : The same with the cell in the name.
    SequenceWindower : Cuts rows in time order into the windows that this takes.

    References
    ----------
    .. [1] J. L. Elman, "Finding structure in time", Cognitive Science 14(2), 1990 (the simple network).

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

    See Also
    --------
    GRUClassifier, LSTMClassifier : The same with the cell in the name.

    References
    ----------
    .. [1] J. L. Elman, "Finding structure in time", Cognitive Science 14(2), 1990 (the simple network).

    Examples
    --------
    >>> import numpy as np
    >>> from skrnn import RecurrentClassifier
    >>> X = np.random.default_rng(0).normal(size=(60, 6))
    >>> y = np.where(X[:, -1] > 0, "up", "down")
    >>> clf = RecurrentClassifier(cell="rnn", units=8, optimizer__learning_rate=0.01, random_state=0).fit(X, y)
    >>> clf.classes_.tolist()
    ['down', 'up']
    >>> bool(clf.score(X, y) > 0.9)
    True
    """


@document
class GRURegressor(BaseRecurrentRegressor):
    """Gated recurrent unit network for regression.

    The cell is the one with the reset gate after the product, as Keras and cuDNN compute it.

    Parameters
    ----------
    [parameters]

    Attributes
    ----------
    [attributes]

    See Also
    --------
    LSTMRegressor : The same with long short-term memory cells.
    RecurrentRegressor : The same with the cell as a parameter.

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
    >>> reg = GRURegressor(units=16, optimizer__learning_rate=0.01, random_state=0).fit(X, y)
    >>> reg.predict(X).shape
    (80,)
    >>> bool(reg.score(X, y) > 0.9)
    True
    """

    _cell = "gru"
    _parameter_constraints: dict = constraints(without=_OF_CELL_REGRESSORS)
    __init__ = constructor(without=_OF_CELL_REGRESSORS)


@document
class LSTMRegressor(BaseRecurrentRegressor):
    """Long short-term memory network for regression.

    Parameters
    ----------
    [parameters]

    Attributes
    ----------
    [attributes]

    See Also
    --------
    GRURegressor : The same with gated recurrent units.
    RecurrentRegressor : The same with the cell as a parameter.

    References
    ----------
    .. [1] S. Hochreiter and J. Schmidhuber, "Long short-term memory", Neural Computation 9(8), 1997.

    Examples
    --------
    >>> import numpy as np
    >>> from skrnn import LSTMRegressor
    >>> X = np.random.default_rng(0).normal(size=(80, 5, 2))
    >>> y = np.cumsum(X[..., 0], axis=1)
    >>> reg = LSTMRegressor(units=16, return_sequences=True, optimizer__learning_rate=0.01, random_state=0)
    >>> reg.fit(X, y).predict(X).shape
    (80, 5)
    """

    _cell = "lstm"
    _parameter_constraints: dict = constraints(without=_OF_CELL_REGRESSORS)
    __init__ = constructor(without=_OF_CELL_REGRESSORS)


@document
class GRUClassifier(BaseRecurrentClassifier):
    """Gated recurrent unit network for classification.

    The cell is the one with the reset gate after the product, as Keras and cuDNN compute it.

    Parameters
    ----------
    [parameters]

    Attributes
    ----------
    [attributes]

    See Also
    --------
    LSTMClassifier : The same with long short-term memory cells.
    RecurrentClassifier : The same with the cell as a parameter.

    References
    ----------
    .. [1] K. Cho et al., "Learning phrase representations using RNN encoder-decoder for statistical machine
       translation", EMNLP 2014.

    Examples
    --------
    >>> import numpy as np
    >>> from skrnn import GRUClassifier
    >>> X = np.random.default_rng(0).normal(size=(90, 6, 1))
    >>> y = np.digitize(X[:, -1, 0], [-0.5, 0.5])
    >>> clf = GRUClassifier(units=8, optimizer__learning_rate=0.01, random_state=0).fit(X, y)
    >>> clf.predict_proba(X[:1]).shape
    (1, 3)
    """

    _cell = "gru"
    _parameter_constraints: dict = constraints(without=_OF_CELL_CLASSIFIERS)
    __init__ = constructor(without=_OF_CELL_CLASSIFIERS, loss="auto")


@document
class LSTMClassifier(BaseRecurrentClassifier):
    """Long short-term memory network for classification.

    Parameters
    ----------
    [parameters]

    Attributes
    ----------
    [attributes]

    See Also
    --------
    GRUClassifier : The same with gated recurrent units.
    RecurrentClassifier : The same with the cell as a parameter.

    References
    ----------
    .. [1] S. Hochreiter and J. Schmidhuber, "Long short-term memory", Neural Computation 9(8), 1997.

    Examples
    --------
    >>> import numpy as np
    >>> from skrnn import LSTMClassifier
    >>> X = np.random.default_rng(0).normal(size=(60, 6, 1))
    >>> y = X[:, -1, 0] > 0
    >>> clf = LSTMClassifier(units=8, optimizer__learning_rate=0.01, random_state=0).fit(X, y)
    >>> clf.predict(X[:3]).shape
    (3,)
    """

    _cell = "lstm"
    _parameter_constraints: dict = constraints(without=_OF_CELL_CLASSIFIERS)
    __init__ = constructor(without=_OF_CELL_CLASSIFIERS, loss="auto")
