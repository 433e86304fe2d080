"""Losses that torch computes: values and gradients are those of Keras."""

import numpy as np
import pytest
from loss_cases import LOSSES, N_ROWS, TOLERANCE, by_keras, case_id, drawn, logits_of, relatively_close
from numpy.testing import assert_allclose, assert_array_equal

from skrnn._engine.losses import NativeLoss, native_loss

torch = pytest.importorskip("torch", reason="Is about torch, which is optional and not installed.")

from skrnn._engine.torch.losses import TorchLoss, loss_reason  # noqa: E402  (these import torch)
from skrnn._engine.torch.network import ACTIVATIONS  # noqa: E402


def by_torch(loss, activation, z, y, w, has_missing=False):
    """The weighted sum of the losses, and a quarter of its gradient with respect to the logits."""
    z = torch.tensor(z, requires_grad=True)
    value = TorchLoss(loss, has_missing=has_missing).weighted_sum(
        ACTIVATIONS[activation](z), z, torch.tensor(y), torch.tensor(w)
    )
    [gradient] = torch.autograd.grad(value * 0.25, z)
    return value.item(), gradient.numpy()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("spread", [1.0, 40.0])
@pytest.mark.parametrize("case", LOSSES, ids=case_id)
def test_values_and_gradients_equal_those_of_keras(case, spread, dtype):
    name, arguments, activation, kind, n_out = case
    rng = np.random.default_rng(len(name))
    z = logits_of(case, spread, dtype, rng)
    y, w = drawn(kind, N_ROWS, n_out, rng).astype(dtype), rng.uniform(0.1, 2.0, size=N_ROWS).astype(dtype)
    _, total, expected = by_keras(case, z, y, w)
    loss = native_loss(name, arguments, activation)
    assert loss_reason(loss) is None
    value, gradient = by_torch(loss, activation, z, y, w)
    assert value == pytest.approx(total, rel=TOLERANCE[dtype])
    relatively_close(gradient, expected, dtype)
    assert np.abs(expected).max() > 0


@pytest.mark.parametrize("squared", [False, True])
def test_hinges_of_signs(squared):
    p, y, w = np.array([[0.25, -2.0], [3.0, 0.5]]), np.array([[1.0, -1.0], [-1.0, 1.0]]), np.ones(2)
    name = "loss_squared_hinge" if squared else "loss_hinge"
    value, _ = by_torch(NativeLoss(name, False, (0.0,)), None, p, y, w)
    shortfalls = np.array([0.75, 0.0, 4.0, 0.5])
    assert value == pytest.approx((shortfalls**2 if squared else shortfalls).sum() / 2)


def test_equal_largest_outputs_share_the_gradient():
    p, y = np.array([[0.2, 0.4, 0.4]]), np.array([[1.0, 0.0, 0.0]])
    _, gradient = by_torch(native_loss("categorical_hinge", {}, "softmax"), None, p, y, np.ones(1))
    assert_allclose(gradient, [[-0.25, 0.125, 0.125]])


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_the_gradient_of_a_focal_loss_is_finite_where_a_probability_equals_its_target(gamma):
    z, y = np.array([[800.0, 0.0]]), np.array([[1.0, 1.0]])
    loss = native_loss("binary_focal_crossentropy", {"gamma": gamma}, "sigmoid")
    value, gradient = by_torch(loss, "sigmoid", z, y, np.ones(1))
    assert value == pytest.approx(0.5**gamma * np.log(2) / 2, rel=1e-9)
    assert gradient[0, 0] == 0
    # The derivative of -(1 - p)^gamma log(p) at p = 1/2, of which a half counts for the mean, and a quarter of that.
    assert gradient[0, 1] == pytest.approx(-(0.5**gamma) * (0.5 + gamma * np.log(2) / 2) / 8, rel=1e-9)


def test_the_cosine_of_a_vector_of_zeros_is_zero():
    loss = native_loss("cosine_similarity", {}, None)
    value, gradient = by_torch(loss, None, np.zeros((1, 2)), np.ones((1, 2)), np.ones(1))
    assert value == 0
    assert np.isfinite(gradient).all()


def test_missing_targets_have_no_loss():
    z, y, w = np.array([[0.5, -1.0], [2.0, 0.1]]), np.array([[1.0, np.nan], [0.0, 1.0]]), np.ones(2)
    loss = native_loss("binary_focal_crossentropy", {}, "sigmoid")
    value, gradient = by_torch(loss, "sigmoid", z, y, w, has_missing=True)
    parts = [by_torch(loss, "sigmoid", z[[i]][:, [j]], y[[i]][:, [j]], w[:1])[0] for i, j in ((0, 0), (1, 0), (1, 1))]
    assert value == pytest.approx(sum(parts) / 2)
    assert_array_equal(gradient == 0, [[False, True], [False, False]])


def test_losses_of_keras_are_not_for_torch():
    assert loss_reason(object()) == "Keras computes the loss"
    assert loss_reason(NativeLoss("loss_other", False, ())) == "the loss other is not one of those of the torch loop"
