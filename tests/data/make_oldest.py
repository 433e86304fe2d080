"""Write ``oldest.pickle`` beside this file; to be run under the oldest dependencies that the project supports.

    pip install "scikit-learn==1.6.*" "keras==3.6.*" "tensorflow==2.17.*" "numpy==1.26.*" "pandas==2.2.*"
    python tests/data/make_oldest.py

`tests/test_persistence.py` loads it under the newest. Make it again where a change of skrnn itself breaks old pickles,
and say so in the changelog.
"""

import copy
import os
import pickle
from importlib.metadata import version
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skrnn import GRUClassifier, GRURegressor, SequenceWindower


def regressor():
    return GRURegressor(4, epochs=2, optimizer__learning_rate=0.05, random_state=0)


def main():
    X = np.random.default_rng(0).normal(size=(40, 5, 2)).round(3)
    y = X[:, -1, 0] - X[:, -2, 1]
    rows = X[:, 0]
    fitted = {
        "regressor": (regressor().fit(X, y), X),
        "classifier": (GRUClassifier(4, epochs=2, random_state=0).fit(X, np.where(y > 0, "up", "down")), X),
        "pipeline": (make_pipeline(StandardScaler(), SequenceWindower(5), regressor()).fit(rows, rows[:, 0]), rows),
        "search": (GridSearchCV(regressor(), {"optimizer__learning_rate": [0.001, 0.1]}, cv=KFold(2)).fit(X, y), X),
    }
    cases = {
        name: (model, inputs, model.predict_proba(inputs) if name == "classifier" else model.predict(inputs))
        for name, (model, inputs) in fitted.items()
    }
    further = copy.deepcopy(fitted["regressor"][0])
    saved = {
        "versions": {name: version(name) for name in ("scikit-learn", "keras", "tensorflow", "numpy", "pandas")},
        "cases": cases,
        "further": (further, X, y),
        "expected_further": copy.deepcopy(further).partial_fit(X, y).predict(X),
    }
    Path(__file__).with_name("oldest.pickle").write_bytes(pickle.dumps(saved))


if __name__ == "__main__":
    main()
