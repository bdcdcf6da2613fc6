"""The check of a GPU says what differs; here between two ways to compute on the CPU."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

import graph_engine as ge

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"


@pytest.fixture
def gpu_check(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    spec = importlib.util.spec_from_file_location("gpu_check", BENCHMARKS / "gpu_check.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    sys.modules.pop("networks", None)


class Generic(ge.Backend):
    name, xp = "generic", np


class Wrong(Generic):
    name = "wrong"

    def kernel(self, primitive):
        function = super().kernel(primitive)
        return (lambda *arrays: function(*arrays) * np.float32(1.001)) if primitive.name == "relu" else function


def test_models_that_differ_by_rounding_pass_and_others_do_not(gpu_check):
    said = []
    assert gpu_check.same_models(ge.Engine(Generic()), said.append)
    assert len(said) == len(gpu_check.NETWORKS)
    assert not gpu_check.same_models(ge.Engine(Wrong()), said.append)


def test_a_run_within_a_budget_and_the_training(gpu_check):
    assert gpu_check.same_again(ge.Engine("numpy"), print)
    assert gpu_check.same_training(ge.Engine(Generic()), print)


def test_the_debugger_stops_at_the_same_place(gpu_check):
    said = []
    assert gpu_check.same_debugger(ge.Engine(Generic()), said.append)
    assert "log" in said[0] and "not isfinite" in said[0]
