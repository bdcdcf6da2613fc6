"""Names are found where a program assigns them, and are the same in every run; every operation knows its line."""

import subprocess
import sys

import pytest

import graph_engine as ge


class Place:
    pass


def by_assignment():
    x = ge.input("x")
    w = x + 1
    return {"x": x, "w": w}


def inner_operations_are_not_called_like_the_result():
    x = ge.input("x")
    y = ge.exp(x * 2) + 1
    exponential = y.operation.inputs[0]
    return {"y": y, "exp": exponential, "multiply": exponential.operation.inputs[0]}


def constants_on_a_line_leave_the_name_to_the_result():
    x = ge.input("x")
    y = 2 * x
    return {"y": y, "constant": y.operation.inputs[0]}


def in_parallel():
    x = ge.input("x")
    a, b = ge.sin(x), ge.cos(x)
    c, d, e = a + b, -a, ge.exp(b)
    return {"a": a, "b": b, "c": c, "d": d, "e": e}


def four_in_parallel():
    x = ge.input("x")
    a, (b, c), d = x + 1, (x + 2, x + 3), x + 4
    return {"a": a, "b": b, "c": c, "d": d}


def unpacked():
    x = ge.input("x", 4)
    left, right = ge.split(x, 2)
    return {"left": left, "right": right}


def chained():
    x = ge.input("x")
    a = b = ge.exp(x)
    return {"a": b, "exp": a.operation}


def augmented():
    total = ge.input("x") * 2
    total += 1
    return {"total": total.operation.inputs[0], "total_1": total}


def attribute():
    place = Place()
    place.hidden = ge.exp(ge.input("x"))
    return {"hidden": place.hidden}


def walrus():
    if (y := ge.exp(ge.input("x"))) is not None:
        return {"y": y}


def annotated():
    y: ge.Variable = ge.exp(ge.input("x"))
    return {"y": y}


def in_a_loop():
    x = ge.input("x")
    for _ in range(3):
        x = ge.sin(x)
    return {"x_3": x, "x_2": x.operation.inputs[0], "x_1": x.operation.inputs[0].operation.inputs[0]}


def returned():
    def double(value):
        return value * 2

    y = double(ge.input("x"))
    return {"y": y}


def returned_from_deep():
    def inner(value):
        return value * 2

    def outer(value):
        return inner(value)

    y = outer(ge.input("x"))
    return {"y": y}


def assigned_before_it_is_returned():
    def model(value):
        hidden = value * 2
        return hidden

    y = model(ge.input("x"))
    return {"hidden": y}


def lambdas():
    double = lambda value: value * 2  # noqa: E731
    y = double(ge.input("x"))
    return {"y": y}


def comprehension():
    x = ge.input("x")
    values = [ge.sin(x) for _ in range(2)]
    y = values[0] + values[1]
    return {"y": y, "sin": values[0], "sin_1": values[1]}


def dictionary():
    values = {}
    values["k"] = ge.sin(ge.input("x"))
    return {"sin": values["k"]}


def conditional():
    x = ge.input("x")
    y = ge.sin(x) if x is None else ge.cos(x)
    return {"y": y}


def given():
    x = ge.input("x")
    y = (x * 2).named("double")
    return {"double": y}


def given_names_come_first():
    x = ge.input("x")
    y = x * 2
    z = (y + 1).named("y")
    return {"y": z, "y_1": y}


def repeats_pass_over_names_that_others_have():
    x = ge.input("x")
    y = x * 2
    y_1 = y + 1
    y = y_1 * 3
    return {"y": y_1.operation.inputs[0], "y_1": y_1, "y_2": y}


def after_scope_and_primitive():
    x = ge.input("x")
    with ge.scope("outer"), ge.scope("inner"):
        values = [ge.exp(x)]
    return {"outer.inner.exp": values[0], "outer.inner.exp ": values[0].operation}


def parameters_in_scopes():
    with ge.scope("encoder"):
        w = ge.parameter("weight", 1.0)
    return {"encoder.weight": w}


def gradients():
    x = ge.input("x")
    y = x * x
    g = ge.grad(y, x)
    h = ge.grad(g * 2, x)
    return {"grad(x)": g, "grad(x)_1": h}


def composite_functions():
    x = ge.input("x", (2, 3))
    loss = ge.nn.mse_loss(x, ge.input("target", (2, 3)))
    y = ge.nn.softmax(x * 2)
    return {"loss": loss, "y": y}


def layers():
    model = ge.nn.Sequential(ge.nn.Linear(2, 3), ge.nn.ReLU(), ge.nn.Linear(3, 1))
    y = model(ge.input("x", ("n", 2)))
    return {"y": y}


def across_two_with_blocks_and_try():
    x = ge.input("x")
    with ge.scope("s"):
        try:
            y = ge.exp(x)
        finally:
            pass
    return {"y": y}


CASES = [
    by_assignment, inner_operations_are_not_called_like_the_result, constants_on_a_line_leave_the_name_to_the_result,
    in_parallel, four_in_parallel, unpacked, chained, augmented, attribute, walrus, annotated, in_a_loop, returned,
    returned_from_deep, assigned_before_it_is_returned, lambdas, comprehension, dictionary, conditional, given,
    given_names_come_first, repeats_pass_over_names_that_others_have, after_scope_and_primitive, parameters_in_scopes,
    gradients, composite_functions, layers, across_two_with_blocks_and_try,
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_names(case):
    expected = case()
    graph = ge.Graph(*(v for v in expected.values() if isinstance(v, ge.Variable)))
    assert [graph.name_of(node) for node in expected.values()] == [name.strip() for name in expected]
    for name, node in expected.items():
        if isinstance(node, ge.Variable):
            assert graph[name] is node


SCRIPT = """
import graph_engine as ge
x = ge.input("x", 4)
a, b = ge.sin(x), ge.cos(x)
c, d, e = a + b, -a, ge.exp(b)
left, right = ge.split(x, 2)
def model(v):
    for _ in range(2):
        v = ge.tanh(v) * 2
    return v + 1
y = model(c)
total = [ge.sum(v) for v in (y, d, e, left, right)]
loss = total[0] + total[1] * total[2] + total[3] - total[4]
g = ge.grad(loss, x)
graph = ge.Graph(g, loss)
print([graph.name_of(v) for v in graph.variables], [graph.name_of(o) for o in graph.operations])
print(graph)
"""


def run_script(tmp_path, *flags, how):
    """Run SCRIPT from a file, or in a place without a source text; return what it prints."""
    file = tmp_path / "script.py"
    file.write_text(SCRIPT)
    command = [str(file)] if how == "file" else ["-c", SCRIPT] if how == "-c" else ["-"]
    done = subprocess.run(
        [sys.executable, *flags, *command], input=SCRIPT if how == "stdin" else None, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_names_are_the_same_in_every_run_with_and_without_source(tmp_path):
    outputs = {run_script(tmp_path, *flags, how=how) for how in ("file", "-c", "stdin") for flags in ((), ("-O",))}
    assert len(outputs) == 1
    (output,) = outputs
    names = eval(output.splitlines()[0].partition("] [")[0] + "]")
    assert len(set(names)) == len(names)
    assert {"a", "b", "c", "d", "e", "left", "right", "y", "loss", "grad(x)", "v", "v_1"} <= set(names)


def test_without_source_the_line_has_no_text_but_a_place():
    space = {"ge": ge}
    exec(compile('x = ge.input("x")\n\ny = x + 1', "<typed>", "exec"), space)
    line = space["y"].line
    assert (line.file, line.line, line.text) == ("<typed>", 3, "") and space["y"].name == "y"
    assert str(line) == "<typed>:3"


def test_every_operation_knows_its_line():
    x = ge.input("x")
    y = (
        x + 1
    )  # the operation stands on the line above
    assert (y.line.text, y.line.file) == ("x + 1", __file__)
    assert y.line.function == "test_every_operation_knows_its_line"
    gradient = ge.grad(y * y, x)
    for operation in ge.Graph(gradient).operations:
        assert operation.line.file == __file__, "a backward operation shows the line whose rule it is"


def test_the_line_shown_is_the_innermost_of_the_user():
    def layer(value):
        return ge.exp(value)  # inside

    y = layer(ge.input("x"))
    assert y.line.text == "return ge.exp(value)  # inside"
    assert [line.text for line in y.source.lines][:2] == ["return ge.exp(value)  # inside", 'y = layer(ge.input("x"))']


def test_a_name_is_decided_once():
    y = (ge.input("x") * 2).named("y", tex=r"\hat{y}")
    assert (y.name, y.tex) == ("y", r"\hat{y}")
    with pytest.raises(ge.DeclarationError, match="'y' already has its name"):
        y.named("z")


def test_the_last_part_of_a_name_will_do_where_it_is_unambiguous():
    with ge.scope("a"):
        w, b = ge.parameter("w", 1.0), ge.parameter("b", 1.0)
    with ge.scope("c"):
        v = ge.parameter("w", 1.0)
    graph = ge.Graph(w * b * v)
    assert graph["b"] is b and graph["c.w"] is v and "a.w" in graph and "w" not in graph
    with pytest.raises(ge.LookupFailed, match="'w' is ambiguous: a.w, c.w"):
        graph["w"]


def test_a_gradient_is_named_after_what_the_graph_calls_its_variable():
    w1, w2, x = ge.parameter("W1", [[1.0, 2.0], [3.0, 4.0]]), ge.parameter("W2", [[1.0, 1.0]]), ge.input("x", 2)
    loss = ge.sum(w2 @ ge.tanh(w1 @ x))
    trace = ge.Engine("numpy").trace(loss, {x: [0.1, 0.2]})
    names = trace.graph.names
    assert {"matmul", "matmul_1"} <= set(names.values())
    for variable, gradient in trace.gradients.items():
        assert names[gradient] == f"grad({names[variable]})"
