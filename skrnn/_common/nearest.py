"""Suggestion of a valid name in errors about unknown names."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

# Names in scikit-learn, torch, darts and others, which are not spelled like those that they are called here.
_NAMES_ELSEWHERE = {
    "encoder_hidden_size": "units",
    "hidden_dim": "units",
    "hidden_layer_sizes": "units",
    "hidden_size": "units",
    "hidden_units": "units",
    "learning_rate_init": "learning_rate",
    "lr": "learning_rate",
    "max_iter": "epochs",
    "max_steps": "epochs",
    "n_iter_no_change": "patience",
    "n_units": "units",
    "random_seed": "random_state",
    "recurrent_units": "units",
    "seed": "random_state",
}


def nearest(name: str, names: Iterable[str], prefix: str = "") -> str:
    """Return a sentence that suggests the valid name closest to a wrong one, or lists all if none is close."""
    valid = sorted(names)
    same = _NAMES_ELSEWHERE.get(name)
    close = [same] if same in valid else difflib.get_close_matches(name, valid, n=1)
    if close:
        return f" Did you mean {prefix + close[0]!r}?"
    return f" Valid are: {', '.join(valid)}."
