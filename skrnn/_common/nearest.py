"""Suggestion of a valid name in errors about unknown names."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

# Names in scikit-learn, Keras, torch, darts, sktime and others, which are not spelled like those that they have here.
_NAMES_ELSEWHERE = {
    "coverage": ("alpha", "confidence", "level", "levels"),
    "cell": ("cell_type", "model", "rnn", "rnn_layer", "rnn_type"),
    "differencing": ("period", "season_length", "seasonal_periods", "sp"),
    "dilation": ("sampling_rate",),
    "epochs": ("max_epochs", "max_iter", "max_steps", "n_iter", "nb_epoch"),
    "estimator": ("base_estimator", "forecaster", "model", "network", "regressor"),
    "folder": ("dir", "directory", "dirname", "filepath", "path"),
    "forecast": ("prediction", "predictions", "y_hat", "y_pred"),
    "forecaster": ("estimator", "model"),
    "groups": ("entity", "group_ids", "id", "id_col", "panel", "series_id", "unique_id"),
    "initial_window": ("initial", "min_train_size", "start", "train_size"),
    "lags": ("n_lags",),
    "learning_rate": ("learning_rate_init", "lr"),
    "loss": ("criterion", "loss_fn", "loss_function", "objective"),
    "n_members": ("ensemble_size", "n_ensemble", "n_estimators", "n_networks"),
    "n_repeats": ("n_runs", "n_seeds", "seeds"),
    "n_tokens": ("num_embeddings", "vocab_size", "vocabulary_size"),
    "max_len": ("maxlen", "sequence_length"),
    "max_tokens": ("n_tokens", "num_words", "vocab_size"),
    "optimizer": ("algorithm", "solver"),
    "output_steps": (
        "fh", "forecast_horizon", "h", "horizon", "max_prediction_length", "output_chunk_length", "pred_len",
        "prediction_length", "steps", "steps_ahead",
    ),
    "patience": ("n_iter_no_change",),
    "random_state": ("random_seed", "seed"),
    "season": ("m", "period", "season_length", "seasonal_periods", "sp"),
    "step_length": ("stride",),
    "steps": ("fh", "forecast_horizon", "h", "horizon", "n", "n_ahead", "n_periods", "output_steps", "steps_ahead"),
    "steps_ahead": ("fh", "forecast_horizon", "h", "horizon", "n_ahead", "output_steps", "shift", "steps"),
    "target_transformer": ("scaler", "target_scaler", "transformer"),
    "units": (
        "encoder_hidden_size", "hidden", "hidden_dim", "hidden_layer_sizes", "hidden_size", "hidden_units", "n_hidden",
        "n_units", "neurons", "nodes", "num_hidden", "num_units", "recurrent_units", "rnn_units",
    ),
    "window": (
        "context_length", "input_chunk_length", "input_size", "lag", "length", "look_back", "lookback",
        "max_encoder_length", "n_lags", "n_steps", "seq_len", "seq_length", "sequence_length", "time_steps",
        "timesteps", "window_length", "window_size",
    ),
    "y_true": ("actual", "truth", "y", "y_test"),
}  # fmt: skip

# What replaces names that no parameter replaces, in signatures with the first name.
_REMEDIES = {
    "past_covariates": (
        ("exog", "future_covariates", "futr_exog_list", "stat_exog_list", "static_covariates"),
        " Pass such covariates as columns of X.",
    ),
    "ends": (
        ("hop", "sequence_stride", "shift", "step", "stride"),
        " Every k-th window is sliding_windows(...)[::k].",
    ),
}

# Parameters of networks, for estimators and functions that contain one.
OF_NETWORKS = (
    "batch_size", "bidirectional", "callbacks", "dropout", "early_stopping", "epochs", "loss", "n_members", "optimizer",
    "patience", "random_state", "units", "validation_split", "verbose",
)  # fmt: skip
_CONTAINERS = ("estimator", "forecaster")  # names of parameters that hold a network


def nearest(name: str, names: Iterable[str], prefix: str = "") -> str:
    """Return a sentence that suggests the valid name closest to a wrong one, or lists all if none is close."""
    valid = sorted(names)
    for parameter, (names_elsewhere, remedy) in _REMEDIES.items():
        if parameter in valid and name in names_elsewhere:
            return remedy
    same = [meant for meant in valid if name in _NAMES_ELSEWHERE.get(meant, ())]
    if not same and any(container in valid for container in _CONTAINERS):
        of_network = [meant for meant in OF_NETWORKS if name == meant or name in _NAMES_ELSEWHERE.get(meant, ())]
        if of_network:
            return f" Pass it to the network, whose parameter it is, as in GRURegressor({of_network[0]}=...)."
    close = same or difflib.get_close_matches(name, valid, n=1)
    if close:
        return f" Did you mean {' or '.join(repr(prefix + meant) for meant in close)}?"
    return f" Valid are: {', '.join(valid)}."
