"""Schedules are PyTorch's, or their formula; ReduceLROnPlateau is PyTorch's."""

import math

import numpy as np
import pytest

import graph_engine as ge
from graph_engine.optim import schedules

T = np.arange(40.0)
TORCH = [
    (schedules.step(0.5, 7, gamma=0.3), "StepLR", {"step_size": 7, "gamma": 0.3}),
    (schedules.multistep(0.5, [3, 11, 30]), "MultiStepLR", {"milestones": [3, 11, 30]}),
    (schedules.exponential(0.5, 0.9), "ExponentialLR", {"gamma": 0.9}),
    (schedules.polynomial(0.5), "PolynomialLR", {}),
    (schedules.polynomial(0.5, 20, power=2.5), "PolynomialLR", {"total_iters": 20, "power": 2.5}),
    (schedules.cosine(0.5, 15, eta_min=0.01), "CosineAnnealingLR", {"T_max": 15, "eta_min": 0.01}),
    (schedules.linear_warmup(5, 0.5), "LinearLR", {}),
    (schedules.linear_warmup(9, 0.5, start_factor=0.1), "LinearLR", {"start_factor": 0.1, "total_iters": 9}),
    (schedules.one_cycle(2.0, 40), "OneCycleLR", {"max_lr": 2.0, "total_steps": 40}),
    (
        schedules.one_cycle(2.0, 40, pct_start=0.6, div_factor=7.0, final_div_factor=9.0), "OneCycleLR",
        {"max_lr": 2.0, "total_steps": 40, "pct_start": 0.6, "div_factor": 7.0, "final_div_factor": 9.0},
    ),
]  # fmt: skip


def values(schedule, t=T):
    return ge.Engine("numpy").run(schedule(ge.constant(t)))


def torch_optimizer(torch, lr=0.5):
    return torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr)


def rates(optimizer, scheduler, count=40):
    found = []
    for _ in range(count):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return found


@pytest.mark.torch
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(("schedule", "name", "options"), TORCH, ids=[f"{n}{i}" for i, (_, n, _) in enumerate(TORCH)])
def test_schedules_are_pytorchs(schedule, name, options):
    torch = pytest.importorskip("torch")
    optimizer = torch_optimizer(torch)
    count = len(T) - (name == "OneCycleLR")
    expected = rates(optimizer, getattr(torch.optim.lr_scheduler, name)(optimizer, **options), count)
    np.testing.assert_allclose(values(schedule)[:count], expected, rtol=1e-9, atol=1e-15)


@pytest.mark.torch
def test_a_sequence_is_pytorchs():
    torch = pytest.importorskip("torch")
    optimizer = torch_optimizer(torch)
    of = torch.optim.lr_scheduler
    parts = [of.LinearLR(optimizer, 0.1, total_iters=5), of.ExponentialLR(optimizer, 0.9)]
    expected = rates(optimizer, of.SequentialLR(optimizer, parts, [6]))
    ours = schedules.sequence([schedules.linear_warmup(5, 0.5, 0.1), schedules.exponential(0.5, 0.9)], [6])
    np.testing.assert_allclose(values(ours), expected, rtol=1e-12)


def test_inverse_and_constant():
    np.testing.assert_allclose(values(schedules.inverse(0.5, 0.1)), 0.5 / (1 + 0.1 * T), rtol=1e-15)
    assert values(schedules.constant(0.25)).tolist() == [0.25] * len(T)


def test_epochs_are_counted_by_their_steps():
    by_epoch = values(schedules.exponential(0.5, 0.9, steps_per_epoch=8))
    np.testing.assert_allclose(by_epoch, 0.5 * 0.9 ** np.floor(T / 8), rtol=1e-15)
    assert (values(schedules.step(1.0, 2, 0.5, steps_per_epoch=5))[[9, 10]] == [1.0, 0.5]).all()


def test_the_first_update_is_made_with_the_rate_at_zero():
    w = ge.parameter("w", np.array(0.0))
    optimizer = ge.optim.SGD(schedules.multistep(1.0, [1, 2], gamma=0.5))
    engine = ge.Engine("numpy")
    step = engine.compile([], w, updates=optimizer.minimize(w))
    seen = []
    for _ in range(4):
        step()
        seen.append(float(engine.value(w)))
    assert seen == [-1.0, -1.5, -1.75, -2.0]
    assert int(engine.value("sgd.w.step")) == 4


def test_a_schedule_of_ones_own():
    w = ge.parameter("w", np.array(0.0))
    engine = ge.Engine("numpy")
    updates = ge.optim.SGD(lambda t: 1.0 / (t + 1.0) ** 2).minimize(w)
    step = engine.compile([], w, updates=updates)
    step(), step()
    assert float(engine.value(w)) == -1.25


@pytest.mark.parametrize(
    "declare",
    [
        lambda: schedules.step(0.1, 0),
        lambda: schedules.step(-0.1, 5),
        lambda: schedules.exponential("fast", 0.9),
        lambda: schedules.multistep(0.1, [5, 3]),
        lambda: schedules.cosine(0.1, math.nan),
        lambda: schedules.one_cycle(0.1, 1),
        lambda: schedules.sequence([0.1, 0.2], []),
        lambda: schedules.inverse(0.1, k=1.0, steps_per_epoch=0),
    ],
)
def test_senseless_schedules_are_refused_where_they_are_made(declare):
    with pytest.raises(ge.DeclarationError, match=r"not|no rise|increase"):
        declare()


@pytest.mark.parametrize("schedule", [schedules.step, lambda t: 0.1, lambda t: ge.constant([0.1, 0.2])])
def test_what_makes_no_rate_is_refused(schedule):
    w = ge.parameter("w", 1.0)
    with pytest.raises(ge.DeclarationError):
        ge.optim.SGD(schedule).minimize(w * w)


# ---- plateau ---------------------------------------------------------------------------------------------------

PLATEAUS = [
    {"patience": 2},
    {"patience": 0, "cooldown": 2, "factor": 0.5},
    {"mode": "max", "patience": 1, "threshold": 0.1, "threshold_mode": "abs"},
    {"patience": 1, "threshold": 0.2, "min_lr": 0.01, "factor": 0.3},
    {"mode": "max", "patience": 0, "threshold": 0.05, "eps": 0.02},
]


@pytest.mark.torch
@pytest.mark.parametrize("options", PLATEAUS)
def test_plateau_is_pytorchs(options):
    torch = pytest.importorskip("torch")
    optimizer = torch_optimizer(torch)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, **options)
    rate, engine = ge.parameter("lr", np.array(0.5), trainable=False), ge.Engine("numpy")
    ours = ge.optim.ReduceLROnPlateau(rate, **options)
    rng = np.random.default_rng(1)
    for epoch, metric in enumerate([*rng.normal(1.0, 0.2, 60), math.nan, -1.0, 2.0]):
        if epoch == 30:  # a checkpoint in between changes nothing
            state = ours.state()
            ours = ge.optim.ReduceLROnPlateau(rate, **options)
            ours.restore(state)
        theirs.step(metric)
        ours.step(engine, metric)
        np.testing.assert_allclose(engine.value(rate), optimizer.param_groups[0]["lr"], rtol=1e-12)


def test_plateau_changes_the_rate_of_a_compiled_step():
    w, rate = ge.parameter("w", 0.0), ge.parameter("lr", 1.0, trainable=False)
    engine = ge.Engine("numpy")
    step = engine.compile([], w, updates=ge.optim.SGD(rate).minimize(w))
    plateau = ge.optim.ReduceLROnPlateau(rate, patience=0, factor=0.5)
    step()
    assert [plateau.step(engine, 1.0), plateau.step(engine, 1.0)] == [False, True]
    step()
    assert float(engine.value(w)) == -1.5


def test_plateau_needs_a_parameter():
    with pytest.raises(ge.DeclarationError, match="a parameter"):
        ge.optim.ReduceLROnPlateau(0.1)
