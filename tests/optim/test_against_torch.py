"""Two hundred mini-batches with every optimiser end where PyTorch's end."""

import numpy as np
import pytest

import graph_engine as ge

pytestmark = pytest.mark.torch

CASES = [
    ("SGD", {}),
    ("SGD", {"lr": 0.3}),
    ("SGD", {"lr": 0.1, "momentum": 0.9}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    ("SGD", {"lr": 0.1, "momentum": 0.8, "dampening": 0.5}),
    ("SGD", {"lr": 0.01, "maximize": True, "weight_decay": 0.1}),
    ("ASGD", {}),
    ("ASGD", {"lr": 0.1, "lambd": 0.05, "alpha": 0.6, "t0": 20.0, "weight_decay": 0.01}),
    ("Adagrad", {}),
    ("Adagrad", {"lr": 0.1, "lr_decay": 0.01, "initial_accumulator_value": 0.2, "weight_decay": 0.01}),
    ("Adadelta", {}),
    ("Adadelta", {"lr": 0.5, "rho": 0.8, "eps": 1e-4, "weight_decay": 0.01}),
    ("RMSprop", {}),
    ("RMSprop", {"alpha": 0.9, "centered": True, "weight_decay": 0.01}),
    ("RMSprop", {"lr": 1e-3, "momentum": 0.9, "centered": True}),
    ("RMSprop", {"lr": 1e-3, "momentum": 0.9, "maximize": True}),
    ("Adam", {}),
    ("Adam", {"lr": 0.05, "betas": (0.8, 0.95), "eps": 1e-4, "weight_decay": 0.01}),
    ("Adam", {"lr": 0.05, "amsgrad": True}),
    ("Adam", {"lr": 0.05, "decoupled_weight_decay": True, "weight_decay": 0.1}),
    ("AdamW", {}),
    ("AdamW", {"lr": 0.05, "weight_decay": 0.3, "amsgrad": True, "maximize": True}),
    ("NAdam", {}),
    ("NAdam", {"lr": 0.05, "weight_decay": 0.1, "momentum_decay": 0.01}),
    ("NAdam", {"lr": 0.05, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("Adamax", {}),
    ("Adamax", {"lr": 0.05, "betas": (0.7, 0.9), "weight_decay": 0.1}),
    ("RAdam", {}),
    ("RAdam", {"lr": 0.05, "betas": (0.8, 0.95), "weight_decay": 0.1}),
    ("RAdam", {"lr": 0.05, "weight_decay": 0.1, "decoupled_weight_decay": True}),
]


@pytest.fixture(autouse=True)
def double():
    """Let PyTorch keep its scalar states in float64 too."""
    torch = pytest.importorskip("torch")
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)
    yield torch
    torch.set_default_dtype(before)


def compare(task, updates, make, rtol=1e-10, atol=1e-12, **others):
    losses = task.train(task.step(updates))
    expected, weights, optimizer = task.train_torch(make, **others)
    np.testing.assert_allclose(losses, expected, rtol=rtol, atol=atol)
    for ours, theirs in zip(task.weights(), weights, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=atol)
    return optimizer


@pytest.mark.parametrize(("name", "options"), CASES)
def test_training_curves_are_pytorchs(double, task, name, options):
    optimizer = getattr(ge.optim, name)(**options)
    compare(task, optimizer.minimize(task.loss), lambda p: getattr(double.optim, name)(p, **options))


@pytest.mark.parametrize("name", sorted({name for name, _ in CASES}))
def test_arguments_and_defaults_are_pytorchs(double, name):
    import inspect

    theirs = inspect.signature(getattr(double.optim, name).__init__).parameters
    ours = inspect.signature(getattr(ge.optim, name).__init__).parameters
    shared = [p for p in ours if p in theirs and p != "self"]
    assert shared[:2] == [p for p in theirs if p not in ("self", "params")][:2]
    assert [p for p in theirs if p in shared] == shared
    assert {p: theirs[p].default for p in shared} == {p: ours[p].default for p in shared}
    left = set(theirs) - set(shared) - {"self", "params", "foreach", "capturable", "differentiable", "fused"}
    assert left <= {"maximize"}


@pytest.mark.parametrize("name", sorted({name for name, _ in CASES}))
def test_single_precision_stays_close(double, task32, name):
    double.set_default_dtype(double.float32)
    updates = getattr(ge.optim, name)().minimize(task32.loss)
    compare(task32, updates, getattr(double.optim, name), rtol=1e-3, atol=1e-5)
    assert all(p.dtype in ("float32", "int64") for p in updates)


@pytest.mark.parametrize("norm_type", [2.0, 1.0, 3.5, float("inf")])
def test_clipping_by_norm_is_pytorchs(double, task, norm_type):
    gradients = ge.grad(task.loss, task.net.parameters())
    clipped = ge.optim.clip_grad_norm(gradients, 0.3, norm_type)
    updates = ge.optim.SGD(0.5).apply(dict(zip(task.net.parameters(), clipped, strict=True)))
    compare(
        task, updates, lambda p: double.optim.SGD(p, 0.5),
        change=lambda model: double.nn.utils.clip_grad_norm_(model.parameters(), 0.3, norm_type),
    )  # fmt: skip


def test_clipping_by_argument_is_value_first_and_then_norm(double, task):
    def clip(model):
        double.nn.utils.clip_grad_value_(model.parameters(), 0.1)
        double.nn.utils.clip_grad_norm_(model.parameters(), 0.2)

    updates = ge.optim.Adam(0.01, clip_value=0.1, clip_norm=0.2).minimize(task.loss)
    compare(task, updates, lambda p: double.optim.Adam(p, 0.01), change=clip)


def test_the_penalty_l1_is_that_of_the_loss(double, task):
    def penalise(model):
        for parameter in model.parameters():
            parameter.grad += 0.01 * parameter.detach().sign()

    compare(
        task, ge.optim.SGD(0.1, l1=0.01).minimize(task.loss), lambda p: double.optim.SGD(p, 0.1), change=penalise
    )  # fmt: skip


def test_a_schedule_in_the_optimiser_is_pytorchs(double, task):
    schedulers = []

    def make(parameters):
        optimizer = double.optim.Adam(parameters, 0.05)
        schedulers.append(double.optim.lr_scheduler.ExponentialLR(optimizer, 0.97))
        return optimizer

    schedule = ge.optim.schedules.exponential(0.05, gamma=0.97)
    updates = ge.optim.Adam(schedule).minimize(task.loss)
    compare(task, updates, make, after=lambda _: schedulers[0].step())


def test_averages_are_pytorchs(double, task):
    options = {"lr": 0.1, "t0": 50.0}
    ours = ge.optim.ASGD(**options)
    theirs = compare(task, ours.minimize(task.loss), lambda p: double.optim.ASGD(p, **options))
    for average, state in zip(ours.averages().values(), theirs.state.values(), strict=True):
        np.testing.assert_allclose(task.engine.value(average), state["ax"].detach(), rtol=1e-10)
