"""Bad input: one clear error each, which names the thing, shows the user's line and says what to do.

A row is a function whose last line is wrong, the error, and what its text must say. `case` runs it in a prepared
place and sees to it that no parameter has changed.
"""

import inspect
import json
import subprocess
import sys

import numpy as np
import pytest

import graph_engine as ge


class Place:
    """What the rows work with: a small model on an engine."""

    def __init__(self):
        self.x = ge.input("x", ("batch", 3))
        self.ids = ge.input("ids", ("batch",), "int64")
        self.w = ge.parameter("w", np.ones((3, 2), "float32"))
        self.logits = self.x @ self.w
        self.loss = ge.nn.cross_entropy(self.logits, self.ids)
        self.engine = ge.Engine("numpy")
        self.updates = ge.optim.SGD(0.1).minimize(self.loss)
        self.step = self.engine.compile([self.x, self.ids], self.loss, self.updates, guards=["values", "finite"])

    data = np.ones((4, 3), "float32")
    labels = np.array([0, 1, 1, 0])


ROWS = []


def refused(error, *texts):
    """Register a row: the error, and texts that its message must hold."""

    def register(function):
        ROWS.append(pytest.param(function, error, texts, id=function.__name__))
        return function

    return register


@pytest.mark.parametrize(("function", "error", "texts"), ROWS)
def test_refused(function, error, texts):
    _check(function, error, texts)


def _check(function, error, texts):
    place = Place()
    before = place.engine.value(place.w).tobytes()
    with pytest.raises(error) as caught:
        function(place)
    message = str(caught.value)
    for text in texts:
        assert text in message
    assert isinstance(caught.value, ge.GraphEngineError) and "Traceback" not in message
    assert place.engine.value(place.w).tobytes() == before, "no parameter has changed"
    assert len(message.splitlines()) <= 6, message


# ---- feeds -----------------------------------------------------------------------------------------------------


@refused(ge.FeedError, "no input is called 'y'", "'x'")
def unknown_name(p):
    p.engine.run(p.logits, {"y": p.data})


@refused(ge.FeedError, "no value was fed for 'x'", 'self.x = ge.input("x", ("batch", 3))', "run(f, {x: value")
def missing_feed(p):
    p.engine.run(p.logits, {})


@refused(ge.FeedError, "no value was fed for 'ids'")
def one_of_two_missing(p):
    p.engine.trace(p.loss, {"x": p.data})


@refused(ge.FeedError, "'logits' is a result, not an input", "only inputs are fed", "self.logits = self.x @ self.w")
def feed_of_a_result(p):
    p.engine.run(p.loss, {p.logits: p.data})


@refused(ge.FeedError, "'w' is a parameter, not an input", "engine.set_value", "self.w = ge.parameter")
def feed_of_a_parameter(p):
    p.engine.run(p.logits, {p.x: p.data, p.w: np.zeros((3, 2))})


@refused(ge.FeedError, "'x' is fed twice")
def fed_twice(p):
    p.engine.run(p.logits, {p.x: p.data, "x": p.data})


@refused(ge.FeedError, "feeds are a dictionary")
def feeds_that_are_a_list(p):
    p.engine.run(p.logits, [p.data])


@refused(ge.FeedError, "no input is called 3")
def feed_by_number(p):
    p.engine.run(p.logits, {3: p.data})


@refused(ge.FeedError, "'x' is declared with shape (batch, 3), but was fed (4, 5)", 'self.x = ge.input("x"')
def wrong_shape(p):
    p.engine.run(p.logits, {p.x: np.ones((4, 5))})


@refused(ge.FeedError, "'x' is declared with shape (batch, 3), but was fed (3,)")
def wrong_rank(p):
    p.engine.run(p.logits, {p.x: np.ones(3)})


@refused(ge.FeedError, "the dimension 'batch' is 4 in 'x', but 5 in 'ids'", "must agree", "self.ids = ge.input")
def dimension_names_that_disagree(p):
    p.engine.run(p.loss, {p.x: p.data, p.ids: [0, 1, 0, 1, 0]})


@refused(ge.FeedError, "'ids' is int64, and was fed float numbers", "self.ids = ge.input", "convert")
def floats_into_integers(p):
    p.engine.run(p.loss, {p.x: p.data, p.ids: np.array([0.0, 1, 0, 1])})


@refused(ge.FeedError, "'x' was fed something else than numbers", "self.x = ge.input")
def ragged_list(p):
    p.engine.run(p.logits, {p.x: [[1, 2, 3], [4, 5]]})


@refused(ge.FeedError, "'x' was fed something else than numbers")
def object_array(p):
    p.engine.run(p.logits, {p.x: np.array([[1, None, 3]], dtype=object)})


@refused(ge.FeedError, "'x' was fed something else than numbers", "complex128")
def complex_array(p):
    p.engine.run(p.logits, {p.x: np.ones((1, 3), complex)})


@refused(ge.FeedError, "'x' was fed something else than numbers")
def strings(p):
    p.engine.run(p.logits, {p.x: [["a", "b", "c"]]})


@refused(ge.FeedError, "'x' was fed something else than numbers")
def dates(p):
    p.engine.run(p.logits, {p.x: np.zeros((1, 3), "datetime64[s]")})


@refused(ge.FeedError, "'x' was fed something else than numbers")
def nothing_at_all(p):
    p.engine.run(p.logits, {p.x: None})


@refused(ge.FeedError, "'x' was fed something else than numbers", "it has a value only when the graph runs")
def a_variable_as_value(p):
    p.engine.run(p.logits, {p.x: p.x})


@refused(ge.FeedError, "'small' is int8, which does not hold", "300")
def integers_that_do_not_fit(p):
    small = ge.input("small", 1, "int8")
    p.engine.run(small + 1, {small: np.array([300])})


@refused(ge.FeedError, "nothing says how large the dimension 'n' is", "feed an input that has 'n' alone")
def a_dimension_that_nothing_tells(p):
    x = ge.input("x", ("2*n",))
    p.engine.run(ge.sum(x) + ge.sum(ge.full(("n",), 1.0)), {x: np.ones(4)})


@refused(ge.FeedError, "this step takes 2 values (x, ids), not 1")
def too_few_values_for_a_step(p):
    p.step(p.data)


@refused(ge.FeedError, "'x' is declared with shape (batch, 3), but was fed (4, 2)")
def wrong_shape_for_a_step(p):
    p.step(np.ones((4, 2)), p.labels)


@refused(ge.FeedError, "'w' has shape (3, 2), not (2, 3)", "self.w = ge.parameter")
def a_parameter_of_another_shape(p):
    p.engine.set_value(p.w, np.ones((2, 3)))


@refused(ge.LookupFailed, "no parameter called 'v'")
def a_parameter_that_is_not_there(p):
    p.engine.set_value("v", 1.0)


# ---- guards ----------------------------------------------------------------------------------------------------


@refused(ge.GuardError, "7", "nothing was updated; give a score for each class, or say ignore_index")
def label_out_of_range(p):
    p.step(p.data, [0, 1, 7, 0])


@refused(ge.GuardError, "7")
def label_out_of_range_in_a_trace(p):
    p.step.trace(p.data, [0, 1, 7, 0])


@refused(ge.GuardError, "is not finite", "nothing was updated", "what was fed to 'x' is not finite")
def nan_where_a_guard_was_asked_for(p):
    p.step(np.full((4, 3), np.nan), p.labels)


@refused(ge.GuardError, "is not finite", "nothing was updated", "step.trace")
def overflow_where_a_guard_was_asked_for(p):
    p.step(np.full((4, 3), 3e38), p.labels)


@refused(ge.GuardError, "is not finite")
def nan_in_an_observed_step(p):
    p.step.trace(np.full((4, 3), np.nan), p.labels)


@refused(ge.DeclarationError, "no guard called 'speed'", "values, finite")
def unknown_guard(p):
    p.engine.compile([p.x], p.logits, guards=["speed"])


# ---- declarations ----------------------------------------------------------------------------------------------


@refused(ge.ShapeError, "add(x: float32(2, 3), y: float32(2, 4))", "3 against 4", "return x + y  # shapes")
def shapes_that_do_not_broadcast(p):
    x, y = ge.input("x", (2, 3)), ge.input("y", (2, 4))
    return x + y  # shapes


@refused(ge.ShapeError, "matmul", "(2, 3)", "(2, 4)", "return x @ y  # inner")
def inner_dimensions(p):
    x, y = ge.input("x", (2, 3)), ge.input("y", (2, 4))
    return x @ y  # inner


@refused(ge.ShapeError, "reshape", "return ge.reshape(p.w, (4, 2))")
def reshape_that_does_not_fit(p):
    return ge.reshape(p.w, (4, 2))


@refused(ge.ShapeError, "batch", "n", "x + y  # names")
def dimension_names_that_do_not_broadcast(p):
    y = ge.input("y", ("n", 3))
    p.x + y  # names


@refused(ge.NameClashError, "two variables of one graph are called 'x'", '("x")  # first', '("x")  # second')
def two_inputs_of_one_name(p):
    x = ge.input("x")  # first
    y = ge.input("x")  # second
    ge.Graph(x + y)


@refused(ge.NameClashError, "called 'w'", "ge.scope")
def two_parameters_of_one_name(p):
    p.engine.run(ge.parameter("w", 1.0) + ge.parameter("w", 2.0))


@refused(ge.DeclarationError, "'greater' has no truth value", "ge.where", "if p.x > 0:  # truth")
def truth_of_a_variable(p):
    if p.x > 0:  # truth
        pass


@refused(ge.DeclarationError, "'logits' cannot be iterated over", "ge.split", "self.logits = self.x @ self.w")
def iteration(p):
    list(p.logits)


@refused(ge.DeclarationError, "'logits'", "ge.exp instead of numpy.exp")
def numpy_function(p):
    np.sin(p.logits)


@refused(ge.DeclarationError, "'logits' is no array")
def numpy_conversion(p):
    np.asarray(p.logits)


@refused(ge.DeclarationError, "'x' is no array", "self.x = ge.input")
def numpy_function_of_arrays_and_a_variable(p):
    np.arctan2(p.data, p.x)


@refused(ge.DeclarationError, "'x' is no array")
def numpy_reduction(p):
    np.sum(p.x)


@refused(ge.DeclarationError, "'logits' has no length; its shape is (batch, 2)", "v.shape[0]")
def length(p):
    len(p.logits)


@refused(ge.DeclarationError, "'loss' is no number", "float(engine.run(v, feeds))", "self.loss = ge.nn.cross_entropy")
def as_a_number(p):
    float(p.loss)


@refused(ge.DeclarationError, "'loss' is no number")
def as_an_integer(p):
    int(p.loss)


@refused(ge.GraphEngineError, "'a'", 'return p.x + "a"')
def a_text_as_operand(p):
    return p.x + "a"


@refused(ge.GraphEngineError, "None", "return p.x * None")
def none_as_operand(p):
    return p.x * None


@refused(ge.GraphEngineError, "complex128", "return p.x * 1j")
def complex_operand(p):
    return p.x * 1j


@refused(ge.DTypeError, "'complex64' is no dtype of this engine", "float32")
def unknown_dtype(p):
    ge.input("y", dtype="complex64")


@refused(ge.DeclarationError, "a dimension cannot be negative: -1")
def negative_dimension(p):
    ge.input("y", (-1, 3))


@refused(ge.DeclarationError, "'2*' is no dimension", "expression such as '2*batch'")
def dimension_that_is_no_expression(p):
    ge.input("y", ("2*", 3))


@refused(ge.DeclarationError, "a name is a text that is not empty")
def empty_name(p):
    ge.input("")


@refused(ge.DeclarationError, "a name is a text that is not empty, not 3")
def name_that_is_no_text(p):
    ge.input(3)


@refused(ge.DeclarationError, "cannot be made an array")
def ragged_parameter(p):
    ge.parameter("v", [[1, 2], [3]])


@refused(ge.DTypeError, "holds object")
def object_parameter(p):
    ge.parameter("v", np.array([None, 1]))


@refused(ge.LookupFailed, "no variable is called 'logit'", "did you mean 'logits'?")
def unknown_name_in_a_graph(p):
    ge.Graph(p.loss)["logit"]


@refused(ge.DeclarationError, "a graph is found from variables, not from 3")
def graph_of_a_number(p):
    ge.Graph(3)


# ---- derivatives and updates -----------------------------------------------------------------------------------


@refused(ge.GradientError, "the loss 'logits' has shape float32(batch, 2)", "ge.sum or ge.mean", "self.logits = ")
def loss_that_is_no_scalar(p):
    ge.grad(p.logits, [p.w])


@refused(ge.GradientError, "'ids' is int64(batch,); only real numbers have derivatives", "ge.astype", "self.ids")
def derivative_of_integers(p):
    ge.grad(p.loss, [p.ids])


@refused(ge.GradientError, "'w' is no variable")
def derivative_by_name(p):
    ge.grad(p.loss, ["w"])


@refused(ge.GradientError, "3.0 is no variable")
def derivative_of_a_number(p):
    ge.grad(3.0, [p.w])


@refused(ge.DeclarationError, "the update of 'w' is float32(batch, 2), but it is float32(3, 2)")
def update_of_another_spec(p):
    p.engine.compile([p.x], (), {p.w: p.logits})


@refused(ge.DeclarationError, "only parameters can be updated, not <input x")
def update_of_an_input(p):
    p.engine.compile([p.x], (), {p.x: p.x})


@refused(ge.DeclarationError, "the update of 'w' is array")
def update_that_is_no_variable(p):
    p.engine.compile([], (), {p.w: np.zeros((3, 2))})


@refused(ge.DeclarationError, "a learning rate is a number >= 0, not nan")
def learning_rate_nan(p):
    ge.optim.SGD(float("nan"))


@refused(ge.DeclarationError, "a learning rate is a number >= 0, not -1")
def learning_rate_negative(p):
    ge.optim.SGD(-1)


@refused(ge.DeclarationError, "a learning rate is a number >= 0, not inf")
def learning_rate_infinite(p):
    ge.optim.SGD(float("inf"))


@refused(ge.DeclarationError, "a learning rate is a number >= 0, not '0.1'")
def learning_rate_text(p):
    ge.optim.SGD("0.1")


@refused(ge.DeclarationError, "'y' depends on no trainable parameter", "ge.parameter", "y = ge.sum(p.x)")
def nothing_to_train(p):
    y = ge.sum(p.x)
    ge.optim.SGD(0.1).minimize(y)


@refused(ge.FeedError, "the outputs need 'ids', which is not among the inputs given", "self.ids = ge.input")
def step_without_an_input(p):
    p.engine.compile([p.x], p.loss)


@refused(ge.DeclarationError, "is no input", "compile([x, y], loss)")
def step_of_a_result(p):
    p.engine.compile([p.logits], p.loss)


@refused(ge.DeclarationError, "is no variable of a graph", "run(f, feeds)")
def run_of_a_number(p):
    p.engine.run([p.logits, 3], {p.x: p.data})


# ---- traces ----------------------------------------------------------------------------------------------------


@refused(ge.LookupFailed, "'other' is not a part of what was run")
def trace_of_another_graph(p):
    other = ge.input("other")
    p.engine.trace(p.loss, {p.x: p.data, p.ids: p.labels}).value(other)


@refused(ge.LookupFailed, "no gradient", "trace one number, a float")
def gradient_that_nobody_computed(p):
    p.engine.trace(p.logits, {p.x: p.data}).grad("w")


@refused(ge.LookupFailed, "'ids' has no gradient")
def gradient_of_labels(p):
    p.engine.trace(p.loss, {p.x: p.data, p.ids: p.labels}).grad("ids")


# ---- backends --------------------------------------------------------------------------------------------------


@refused(ge.BackendError, "there is no backend called 'tpu'", "found: ", "numpy")
def unknown_backend(p):
    ge.Engine("tpu")


@refused(ge.BackendError, "a backend is a name or a ge.Backend, not 3")
def backend_that_is_none(p):
    ge.Engine(3)


# ---- what is refused or computed elsewhere ---------------------------------------------------------------------


def test_a_cycle_in_a_hand_made_graph():
    x = ge.input("x")
    y = ge.exp(x)
    z = ge.sin(y)
    data = json.loads(ge.Graph(z).to_json())
    text = json.dumps(data)
    assert ge.Graph.from_json(text).outputs[0].spec == z.spec
    first, second = (op for op in data["operations"])
    first["inputs"], second["inputs"] = second["outputs"], first["outputs"]
    with pytest.raises(ge.FileError, match="cycle"):
        ge.Graph.from_json(json.dumps(data))


def test_a_torch_tensor_on_the_cpu_is_taken_and_none_of_a_device():
    x = ge.input("x", 3)

    class OnDevice:
        def __dlpack_device__(self):
            return (2, 0)

    with pytest.raises(ge.FeedError, match="on another device"):
        ge.Engine("numpy").run(x * 2, {x: OnDevice()})
    torch = pytest.importorskip("torch")
    assert ge.Engine("numpy").run(x * 2, {x: torch.ones(3)}).tolist() == [2, 2, 2]


def test_an_array_of_another_backend_is_refused_or_taken_but_never_misread(engine):
    strict = pytest.importorskip("array_api_strict")
    x = ge.input("x", 2)
    result = engine.run(x * 2, {x: strict.asarray([1.0, 2.0])})
    assert engine.backend.to_numpy(result).tolist() == [2.0, 4.0]


def test_a_masked_array_is_no_array_of_numbers():
    x = ge.input("x", 2)
    with pytest.raises(ge.FeedError, match="'x'"):
        ge.Engine("numpy").run(x * 2, {x: np.ma.masked_array([1.0, 2.0], [True, False], dtype="float32")})


def test_nan_is_computed_with_as_in_numpy(engine):
    x = ge.input("x", 2)
    y = ge.sum(x * 2)
    assert np.isnan(float(engine.run(y, {x: [1, np.nan]})))
    trace = engine.trace(y, {x: [1, np.nan]})
    assert np.isnan(trace.value("y")) and trace.grad("x").tolist() == [2, 2]


def test_an_input_that_is_not_needed_may_be_fed(engine):
    x, y = ge.input("x"), ge.input("y")
    assert float(engine.run(x * 2, {x: 1, y: 5})) == 2


def test_a_name_that_no_input_of_the_outputs_has_is_refused_with_what_there_is(engine):
    x, _ = ge.input("x"), ge.input("y")
    with pytest.raises(ge.FeedError, match="no input is called 'y'\n  inputs are 'x'"):
        engine.run(x * 2, {x: 1, "y": 5})


def test_an_error_without_source_still_says_what_is_wrong():
    with pytest.raises(ge.ShapeError, match=r"add\(x: float32\(2,\), y: float32\(3,\)\)"):
        exec('import graph_engine as ge; ge.input("x", 2) + ge.input("y", 3)', {})


def test_a_kernel_that_fails_names_the_operation_and_the_line_and_leaves_a_trace(engine):
    class Failing(ge.Primitive):
        name = "failing"

        def infer(self, x):
            return x

        def kernel(self, xp, x):
            raise ZeroDivisionError("inside")

    x = ge.input("x", 2)
    y = x * 2
    z = Failing()(y)
    for run in (engine.run, engine.trace):
        with pytest.raises(ge.RunError) as caught:
            run(z + 1, {x: [1, 2]})
        message = str(caught.value)
        assert message.startswith("failing(y: float32(2,)) failed: ZeroDivisionError: inside")
        assert "z = Failing()(y)" in message
        assert isinstance(caught.value.__cause__, ZeroDivisionError)
    trace = caught.value.trace
    assert trace.value("y").tolist() == [2, 4] and not trace.has_value(z)
    assert trace.steps[-1].operation is z.operation and trace.failed is z.operation
    with pytest.raises(ge.LookupFailed, match="has not been computed: the run stopped at failing"):
        trace.value(z)


def test_the_library_prints_nothing():
    source = inspect.cleandoc("""
        import graph_engine as ge
        x = ge.input("x")
        engine = ge.Engine("numpy")
        engine.run(x * x, {x: float("nan")}), engine.trace(x / 0, {x: 1}), engine.run(ge.log(x), {x: -1})
        w = ge.parameter("w", 1.0)
        engine.compile([x], x * w, ge.optim.SGD(0.1).minimize(x * w))(3.0)
    """)
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    assert done.stdout == done.stderr == ""


@pytest.mark.parametrize(
    ("name", "hint"), [("backward", "minimize"), ("item", r"engine\.run"), ("detach", "stop_gradient"), ("foo", "")]
)
def test_what_people_look_for_on_a_variable_is_answered(name, hint):
    x = ge.input("x")
    with pytest.raises(AttributeError, match=f"a variable has no '{name}'.*{hint}"):
        getattr(x, name)
    assert not hasattr(x, name)
