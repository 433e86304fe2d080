"""Parameters of an estimator and shapes of its data, as the specification of a network."""

from __future__ import annotations

from skrnn._data.categories import categorical_columns
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
    n_outputs, activation, _ = targets.output()
    return NetworkSpec(
        **_recurrent_layers(estimator, name),
        dense_units=as_units(estimator.dense_units, "dense_units", name, may_be_empty=True),
        return_sequences=bool(estimator.return_sequences),
        n_features=schema.n_features,
        embedding=(schema.n_tokens, estimator.embedding_dim) if estimator.embedding_dim is not None else None,
        n_outputs=n_outputs,
        output_activation=activation,
        categories=_tables(estimator.categorical_features, schema, name),
        patch_size=int(estimator.patch_size),
        pooling=estimator.pooling,
    )


def autoencoder_spec(estimator, targets):
    """Return the specification of the network of an autoencoder.

    Parameters
    ----------
    estimator : BaseAutoencoder
    targets : ReconstructionTargets

    Returns
    -------
    NetworkSpec
    """
    n_features, activation, _ = targets.output()
    return NetworkSpec(
        **_recurrent_layers(estimator, type(estimator).__name__),
        dense_units=(),
        return_sequences=True,
        n_features=n_features,
        embedding=None,
        n_outputs=n_features,
        output_activation=activation,
        n_components=int(estimator.n_components),
    )


def _recurrent_layers(estimator, name):
    """Return the part of a specification that describes the recurrent layers."""
    cell = estimator._cell or estimator.cell
    if callable(cell) and estimator.recurrent_dropout:
        raise ValueError(
            f"recurrent_dropout={estimator.recurrent_dropout} of {name} is not supported with a callable cell. Set the "
            "dropout of the layer that the callable returns, and leave the parameter at 0."
        )
    return {
        "cell": cell,
        "units": as_units(estimator.units, "units", name),
        "bidirectional": bool(estimator.bidirectional),
        "dropout": float(estimator.dropout),
        "recurrent_dropout": float(estimator.recurrent_dropout),
        "dtype": estimator.dtype,
    }


def _tables(categorical_features, schema, name):
    """Return position, number of rows and dimension of the embedding of each categorical feature.

    A position that was not categorical in the first fit has no codes, so that fits that resume differ in their network.
    """
    n_codes = {category.column: category.n_codes for category in schema.categories}
    columns = categorical_columns(categorical_features, schema.n_features, name)
    n_rows = [n_codes.get(column, 0) + 1 for column in columns]
    # The dimension is a rule of thumb of fast.ai, from its course of 2018.
    return tuple((column, n, min(50, n // 2)) for column, n in zip(columns, n_rows, strict=True))
