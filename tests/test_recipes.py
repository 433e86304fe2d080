"""Each recipe of the guide runs on its own if the packages that it requires are installed."""

import re

import keras
import numpy as np
import pytest
from conftest import SMALL, make, needs_kernels
from sklearn.preprocessing import FunctionTransformer
from test_docs import BLOCK, ROOT

from skrnn import GRUClassifier

pytestmark = pytest.mark.slow

TEXT = (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")
START, *SECTIONS = re.split(r"^## ", TEXT, flags=re.MULTILINE)
RECIPES = {section.splitlines()[0]: section for section in SECTIONS}

# Packages that each recipe requires besides skrnn; the extra `recipes` installs all of them.
PACKAGES = {
    "ONNX": ["onnx", "onnxruntime", "tf2onnx"],
    "TensorFlow Lite": ["ai_edge_litert"],
    "SHAP": ["shap"],
    "MAPIE": ["mapie"],
    "Resampling with imbalanced-learn": ["imblearn"],
    "Pruning between folds with Optuna": ["optuna"],
}


def run(text, folder, monkeypatch, **names):
    """Run the code blocks of a text in a folder; return the names that they define."""
    monkeypatch.chdir(folder)
    exec(compile("\n".join(BLOCK.findall(text)), "recipes.md", "exec"), names)
    return names


def test_the_start_of_all_recipes_runs(tmp_path, monkeypatch):
    assert run(START, tmp_path, monkeypatch)["regressor"].n_iter_ == 30


@pytest.mark.parametrize("title", RECIPES)
def test_a_recipe_runs(title, tmp_path, monkeypatch):
    for package in PACKAGES[title]:
        pytest.importorskip(package, reason=f"The recipe needs {package}, from the extra 'recipes'.")
    run(START + RECIPES[title], tmp_path, monkeypatch)


# ---------------------------------------------------------------------- claims without code


def test_new_samples_are_computed_between_transformers(X, y):
    imblearn = pytest.importorskip("imblearn.pipeline", reason="Needs imbalanced-learn, from the extra 'recipes'.")
    from imblearn.over_sampling import SMOTE

    seen = []

    class Noting(GRUClassifier):
        def fit(self, X, y):
            seen.extend([X.shape, np.mean(y == "high")])
            return super().fit(X, y)

    def flat(sequences):
        return np.reshape(sequences, (len(sequences), -1))

    def sequences_of(rows):
        return np.reshape(rows, (-1, *X.shape[1:]))

    model = imblearn.make_pipeline(
        FunctionTransformer(flat), SMOTE(random_state=0), FunctionTransformer(sequences_of), Noting(**SMALL)
    )
    labels = np.where(y > 1, "high", "low")
    assert set(model.fit(X, labels).predict(X)) <= {"high", "low"}
    assert seen == [(2 * np.sum(labels == "low"), *X.shape[1:]), 0.5]


@needs_kernels
def test_a_callback_prunes_between_epochs(X, y, caplog):
    optuna = pytest.importorskip("optuna", reason="Needs optuna, from the extra 'recipes'.")

    def objective(trial):
        def report(epoch, logs):
            trial.report(logs["val_loss"], epoch)
            if trial.should_prune():
                raise optuna.TrialPruned

        rate = trial.suggest_float("rate", 1e-6, 0.1)
        callback = keras.callbacks.LambdaCallback(on_epoch_end=report)
        network = make("GRURegressor", optimizer__learning_rate=rate, validation_split=0.25, callbacks=[callback])
        return network.fit(X, y).history_["val_loss"][-1]

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(pruner=optuna.pruners.ThresholdPruner(lower=0.0, upper=100.0))
    study.enqueue_trial({"rate": 0.01})
    study.enqueue_trial({"rate": 0.02})
    with caplog.at_level("DEBUG", logger="skrnn"):
        study.optimize(objective, n_trials=1)
        study.pruner = optuna.pruners.ThresholdPruner(upper=0.0)  # prunes every later trial
        study.optimize(objective, n_trials=1)
    assert [(trial.state.name, len(trial.intermediate_values)) for trial in study.trials] == [
        ("COMPLETE", 3),
        ("PRUNED", 1),
    ]
    assert "keras.Model.fit" not in caplog.text
