"""Parameters of an estimator and shapes of its data, as the specification of a network."""

from __future__ import annotations

from skrnn._engine.network import NetworkSpec
from skrnn._estimators.parameters import as_units


def network_spec(estimator, schema, targets):
    """Return the specification of the network of an estimator.

    Parameters
    ----------
    estimator : BaseRecurrent
    schema : InputSchema
    targets : RegressionTargets or ClassificationTargets

    Returns
    -------
    NetworkSpec
    """
    name = type(estimator).__name__
    cell = estimator._cell or estimator.cell
    if callable(cell) and estimator.recurrent_dropout:
        raise ValueError(
            f"recurrent_dropout={estimator.recurrent_dropout} of {name} is not supported with a callable cell. Set the "
            "dropout of the layer that the callable returns, and leave the parameter at 0."
        )
    n_outputs, activation, _ = targets.output()
    return NetworkSpec(
        cell=cell,
        units=as_units(estimator.units, "units", name),
        bidirectional=bool(estimator.bidirectional),
        dropout=float(estimator.dropout),
        recurrent_dropout=float(estimator.recurrent_dropout),
        dense_units=as_units(estimator.dense_units, "dense_units", name, may_be_empty=True),
        return_sequences=bool(estimator.return_sequences),
        n_features=schema.n_features,
        embedding=(schema.n_tokens, estimator.embedding_dim) if estimator.embedding_dim is not None else None,
        n_outputs=n_outputs,
        output_activation=activation,
        dtype=estimator.dtype,
    )
