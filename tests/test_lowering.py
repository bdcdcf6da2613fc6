"""All or nothing: a step that is interrupted, at whatever moment and however, has changed everything or nothing."""

import ctypes
import gc
import signal
import sys
import threading
import time

import numpy as np
import pytest

import graph_engine as ge
from graph_engine_numpy import NumpyBackend


class Counter:
    """Three parameters that a step raises by one; they must always be equal."""

    def __init__(self, backend="numpy", observed=False):
        self.engine = ge.Engine(backend)
        x = ge.input("x", ("n",))
        self.parameters = [ge.parameter(name, 0.0) for name in "abc"]
        one = ge.exp(ge.sum(x) * 0.0)
        loss = ge.sum(ge.tanh(x))
        self.step = self.engine.compile([x], loss, {p: p + one for p in self.parameters})
        self.act = self.step.trace if observed else self.step
        self.feed = np.ones(3, "float32")

    def __call__(self):
        return self.act(self.feed)

    def count(self):
        """Return how many steps have been made, where that is the same for all parameters."""
        values = {float(self.engine.value(p)) for p in self.parameters}
        assert len(values) == 1, f"some parameters have changed, and some have not: {values}"
        return values.pop()


@pytest.fixture(params=[False, True], ids=["fast", "observed"])
def observed(request):
    return request.param


class Interruption(BaseException):
    """Something like Ctrl-C."""


@pytest.fixture(autouse=True)
def no_collections():
    """Keep the garbage collector away: what is raised in one of its callbacks (other packages have some) is lost."""
    gc.disable()
    yield
    gc.enable()


# ---- a kernel that fails ---------------------------------------------------------------------------------------


class Failing(NumpyBackend):
    """NumPy, until the kernel that is told to fail."""

    fail_at = -1
    error = MemoryError

    def kernel(self, primitive):
        kernel = super().kernel(primitive)

        def counted(*arrays):
            self.fail_at -= 1
            if self.fail_at == 0:
                raise self.error("here")
            return kernel(*arrays)

        return counted


@pytest.mark.parametrize("error", [MemoryError, KeyboardInterrupt])
def test_whichever_kernel_fails_nothing_has_changed(observed, error):
    backend = Failing()
    backend.error = error
    counter = Counter(backend, observed)
    operations = len(counter.step.graph.operations)
    for position in range(1, operations + 1):
        before = counter.count()
        backend.fail_at = position
        try:
            counter()
        except (ge.RunError, KeyboardInterrupt) as caught:
            assert isinstance(caught, KeyboardInterrupt) or isinstance(caught.__cause__, MemoryError)
            assert counter.count() == before
        else:
            assert backend.fail_at > 0, "there are no more kernels"
        backend.fail_at = -1
        before = counter.count()
        counter()
        assert counter.count() == before + 1, "the next step works"


# ---- an interruption between any two instructions --------------------------------------------------------------


def interrupted_after(instructions, function):
    """Call a function and raise after so many of its bytecode instructions; return whether it came that far."""
    left = instructions

    def watch(frame, event, argument):
        nonlocal left
        frame.f_trace_opcodes = True
        if event == "opcode":
            left -= 1
            if left == 0:
                raise Interruption
        return watch

    previous = sys.gettrace()
    sys.settrace(watch)
    try:
        function()
    except Interruption:
        return True
    finally:
        sys.settrace(previous)
    return False


@pytest.mark.parametrize("cold", [False, True], ids=["warm", "cold"])
def test_an_interruption_after_any_instruction_leaves_all_or_nothing(observed, cold):
    outcomes, moment = [], 0
    came = True
    while came:
        counter = Counter(observed=observed)
        if not cold:
            counter()
        before, moment = counter.count(), moment + (61 if cold else 11 if observed else 1)
        came = interrupted_after(moment, counter)
        outcomes.append(counter.count() - before)
    assert set(outcomes) == {0, 1} and outcomes[0] == 0 and outcomes[-1] == 1, "interrupted before and after the commit"
    assert len(outcomes) > 50


# ---- signals and exceptions from outside -----------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no interval timers")
def test_a_signal_at_any_moment_leaves_all_or_nothing(observed):
    def interrupt(*_):
        raise Interruption

    counter = Counter(observed=observed)
    counter()
    interruptions = 0
    previous = signal.signal(signal.SIGALRM, interrupt)
    try:
        for trial in range(300):
            try:
                signal.setitimer(signal.ITIMER_REAL, 1e-5 + trial * 1e-6)
                for _ in range(100_000):
                    counter()
            except Interruption:
                interruptions += 1
            counter.count()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    assert interruptions == 300


def test_an_exception_from_another_thread_leaves_all_or_nothing(observed):
    counter = Counter(observed=observed)
    counter()
    started, done = threading.Event(), threading.Event()

    def work():
        try:
            started.set()
            while not done.is_set():
                counter()
        except Interruption:
            pass

    for trial in range(40):
        started.clear()
        thread = threading.Thread(target=work)
        thread.start()
        started.wait()
        time.sleep(1e-4 + trial * 2e-5)
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(Interruption))
        thread.join(10)
        assert not thread.is_alive()
        counter.count()
    counter()


# ---- updates ---------------------------------------------------------------------------------------------------


def test_all_new_values_come_from_old_ones(observed):
    a, b = ge.parameter("a", 1.0), ge.parameter("b", 2.0)
    engine = ge.Engine("numpy")
    step = engine.compile([], (), {a: b, b: a})
    act = step.trace if observed else step
    act()
    assert (float(engine.value(a)), float(engine.value(b))) == (2, 1)
    act()
    assert (float(engine.value(a)), float(engine.value(b))) == (1, 2)


def test_parameters_that_take_one_value_do_not_share_it(observed):
    a, b, x = ge.parameter("a", np.zeros(3)), ge.parameter("b", np.zeros(3)), ge.input("x", 3, "float64")
    engine = ge.Engine("numpy")
    step = engine.compile([x], (), {a: x, b: x})
    fed = np.ones(3)
    (step.trace if observed else step)(fed)
    fed[:] = 7
    engine.value(a)[:] = 8
    assert engine.value(a).tolist() == engine.value(b).tolist() == [1, 1, 1]


@pytest.mark.parametrize("size", [3, 20_000], ids=["small", "in buffers"])
def test_results_stay_what_they_are(size):
    x = ge.input("x", size, "float64")
    y = ge.tanh(ge.exp(x) * 0.1)
    z = ge.sin(y) + y
    engine = ge.Engine("numpy")
    step = engine.compile([x], [y, z])
    fed = np.linspace(0, 1, size)
    first, traced = step(fed), engine.trace(z, {x: fed})
    kept = [r.copy() for r in first] + [traced.value(z)]
    step(fed * 2), engine.run(z, {x: fed * 3}), engine.trace(z, {x: fed * 4})
    assert all((a == b).all() for a, b in zip([*first, traced.value("z")], kept, strict=True))
    fed[:] = 0
    assert (traced.value("x") == np.linspace(0, 1, size)).all(), "a trace keeps what was fed"


def test_large_results_are_written_into_few_buffers():
    x = y = ge.input("x", 10_000, "float64")
    for _ in range(100):
        y = ge.sin(y) * 0.5
    plan = ge.Plan(ge.Graph(y), ge.Engine("numpy").backend, {})
    assert len(plan.buffers) <= 2 < sum(i.buffer is not None for i in plan.instructions)
    assert plan.instructions[-1].buffer is None, "what a caller gets is the caller's own"
    expected = np.linspace(0, 3, 10_000)
    given = expected.copy()
    for _ in range(100):
        expected = np.sin(expected) * 0.5
    assert (ge.Engine("numpy").run(y, {x: given}) == expected).all()


def test_a_value_that_is_read_through_a_view_is_not_overwritten():
    x = ge.input("x", (100, 100), "float64")
    a = ge.exp(x)
    view = ge.matrix_transpose(a)
    b = ge.sin(ge.cos(ge.tanh(x)))
    y = view + b
    given = np.random.default_rng(0).normal(size=(100, 100))
    expected = np.exp(given).T + np.sin(np.cos(np.tanh(given)))
    np.testing.assert_allclose(ge.Engine("numpy").run(ge.sum(y * 1.0, axis=0), {x: given}), expected.sum(0), rtol=1e-12)


def test_one_program_serves_many_threads():
    x = ge.input("x", 10_000, "float64")
    y = ge.sum(ge.sin(ge.exp(x) * 0.5) * 2.0)
    engine = ge.Engine("numpy")
    fed = [np.full(10_000, k / 10) for k in range(8)]
    expected = [float(engine.run(y, {x: value})) for value in fed]
    wrong = []

    def work(k):
        wrong.extend(1 for _ in range(50) if float(engine.run(y, {x: fed[k]})) != expected[k])

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


# ---- the generated code ----------------------------------------------------------------------------------------


def test_what_only_hands_a_value_on_costs_nothing():
    x = ge.input("x")
    y = ge.grad(ge.exp(x + x * 1.0), x)
    called = []

    class Counting(NumpyBackend):
        def kernel(self, primitive):
            kernel = super().kernel(primitive)
            return lambda *arrays: called.append(primitive.name) or kernel(*arrays)

    ge.Engine(Counting()).run(y, {x: 1.0})
    assert "pass_on" in {op.primitive.name for op in ge.Graph(y).operations} and "pass_on" not in called


def test_operations_on_constants_are_done_once():
    x = ge.input("x")
    y = x + ge.exp(ge.constant(1.0) * 2.0)
    plan = ge.Plan(ge.Graph(y), ge.Engine("numpy").backend, {})
    assert [i.operation.primitive.name for i in plan.instructions] == ["add"]
    engine = ge.Engine("numpy")
    first = engine.run([y, y.operation.inputs[1]], {x: 0})
    first[1][...] = 0
    assert float(engine.run(y, {x: 0})) == pytest.approx(np.exp(2), rel=1e-6), "folded values are nobody else's"


def test_a_second_run_plans_and_compiles_nothing(monkeypatch):
    from graph_engine import program as module

    made = []
    monkeypatch.setattr(module, "Plan", lambda *a: made.append("plan") or ge.Plan(*a))
    x = ge.input("x", ("n",))
    y = ge.sum(x)
    engine = ge.Engine("numpy")
    for size in (3, 3, 5, 3, 5):
        assert float(engine.run(y, {x: np.ones(size)})) == size
    assert made == ["plan", "plan"], "one for each shape"


@pytest.mark.parametrize("count", [1, 999, 1000, 1001, 2500])
def test_chunks_hand_on_what_later_ones_read(count):
    x = y = ge.input("x", 2, "float64")
    for k in range(count):
        y = y + x if k % 3 else ge.sin(y)
    expected = given = np.array([0.5, -1.0])
    for k in range(count):
        expected = expected + given if k % 3 else np.sin(expected)
    engine = ge.Engine("numpy")
    assert (engine.run(y, {x: given}) == expected).all()
    assert (engine.trace(y, {x: given}).value(y) == expected).all()
