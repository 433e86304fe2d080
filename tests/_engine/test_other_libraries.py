"""Errors for losses and metrics of torch and scikit-learn."""

import keras
import pytest
import sklearn.metrics
from conftest import make
from sklearn.metrics import f1_score, make_scorer, mean_squared_error

from skrnn._engine.losses import NAMES as LOSSES
from skrnn._engine.metrics import NAMES as METRICS
from skrnn._engine.other_libraries import _LOSSES, _METRICS

ENGINES = ["native", "keras"]


def test_names_exist():
    assert set(_LOSSES.values()) <= {*LOSSES, "gaussian", "quantile"}
    assert set(_METRICS.values()) <= {*METRICS, "accuracy"}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("name", "meant"), [("MSELoss", "mse"), ("SmoothL1Loss", "huber"), ("CrossEntropyLoss", "sparse_cat"), ("Mish", "")]
)
def test_losses_of_torch(name, meant, engine, X, y, use_engine):
    nn = pytest.importorskip("torch.nn")
    use_engine(engine)
    cls = getattr(nn, name)
    remedy = rf" Did you mean '{meant}.*'\?$" if meant else "$"
    for loss in (cls, cls()):
        with pytest.raises(ValueError, match=rf"^The 'loss' parameter of GRUR.* Got {name} of torch instead\.{remedy}"):
            make("GRURegressor", loss=loss).fit(X, y)
        with pytest.raises(ValueError, match=f"^The 'loss' parameter of GRUClassifier .* Got {name} of torch"):
            make("GRUClassifier", loss=loss).fit(X, y > 0)
    with pytest.raises(ValueError, match=r"Got mse_loss of torch instead\. Did you mean 'mse'"):
        make("GRURegressor", loss=nn.functional.mse_loss).partial_fit(X, y)


@pytest.mark.parametrize("engine", ENGINES)
def test_functions_of_scikit_learn(engine, X, y, use_engine):
    use_engine(engine)
    with pytest.raises(ValueError, match=r"Got mean_squared_error of scikit-learn instead\. Did you mean 'mse'"):
        make("GRURegressor", loss=mean_squared_error).fit(X, y)
    for metric in (f1_score, make_scorer(f1_score)):
        with pytest.raises(ValueError, match=r"'metrics' .* Got f1_score of scikit-learn instead\..* as 'scoring' to"):
            make("GRUClassifier", metrics=["accuracy", metric]).fit(X, y > 0)


@pytest.mark.parametrize("engine", ENGINES)
def test_names_of_scorers(engine, X, y, use_engine):
    use_engine(engine)
    of_keras = {"roc_auc": "auc", "neg_mean_squared_error": "mse", "r2": "r2_score"}
    for name in ("f1", "f1_macro", "explained_variance", *of_keras):
        assert name in sklearn.metrics.get_scorer_names()
        message = rf"Got '{name}' instead\. It is a name of scikit-learn\."
        message += f" Keras has '{of_keras[name]}'" if name in of_keras else " Scores of scikit-learn .* 'scoring' to"
        with pytest.raises(ValueError, match=message):
            make("GRURegressor", metrics=[name]).fit(X, y)
    with pytest.raises(ValueError, match=r"'rmse' instead\. Did you mean 'root_mean_squared_error'\?$"):
        make("GRURegressor", metrics="rmse").fit(X, y)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("name", "meant"),
    {"squared_error": "mse", "l1": "mae", "pinball": "quantile", "log_loss": "sparse_cat", "nll": "sparse"}.items(),
)
def test_names_of_losses(name, meant, engine, X, y, use_engine):
    use_engine(engine)
    with pytest.raises(ValueError, match=rf"Got '{name}' instead\. Did you mean '{meant}.*'\?$"):
        make("GRURegressor", loss=name).fit(X, y)


class Custom(keras.losses.Loss):
    def call(self, y_true, y_pred):
        return keras.ops.mean(keras.ops.square(y_true - y_pred), axis=-1)


def test_losses_and_metrics_of_users_are_accepted(X, y):
    for loss in (Custom(), lambda y_true, y_pred: keras.ops.square(y_true - y_pred)[..., 0]):
        fitted = make("GRURegressor", loss=loss, metrics=[keras.metrics.MeanSquaredError(name="error")]).fit(X, y)
        assert fitted.history_["error"] == pytest.approx(fitted.history_["loss"], rel=1e-5)
