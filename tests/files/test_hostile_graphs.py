"""A graph that is damaged, contradictory or hostile is refused with one `FileError` that names what is wrong."""

import copy
import json
import random
import time

import pytest
from saved_models import lecture, perceptron

import graph_engine as ge

DOCUMENT = {
    "format": "graph_engine.graph",
    "version": 1,
    "variables": [
        {"kind": "input", "name": "x", "shape": [2], "dtype": "float32"},
        {"kind": "parameter", "name": "w", "shape": [2], "dtype": "float32", "data": "AAAAAAAAAAA="},
        {"kind": "result", "shape": [2], "dtype": "float32"},
        {"kind": "result", "shape": [], "dtype": "float32", "gradient": {"variable": 4, "loss": 4}},
    ],
    "operations": [
        {"primitive": "multiply", "inputs": [0, 1], "outputs": [2]},
        {"primitive": "sum", "inputs": [2], "outputs": [3], "attributes": {"axis": [0], "keepdims": False}},
    ],
    "outputs": [3],
}
del DOCUMENT["variables"][3]["gradient"]


def refused(text, match):
    with pytest.raises(ge.FileError, match=match):
        ge.Graph.from_json(text)


def test_the_document_that_is_damaged_below_is_whole():
    assert len(ge.Graph.from_json(json.dumps(DOCUMENT)).operations) == 2


START = '{"format": "graph_engine.graph", "version": 1, '

TEXTS = {
    "nothing": ("", "does not begin with"),
    "no JSON": ("pickle!", "does not begin with"),
    "another format": ('{"format": "graph_engine.trace", "version": 1}', "is a 'graph_engine.trace', not a"),
    "a list": ("[]", "does not begin with"),
    "cut": (START + '"variables": [', "damaged at line 1"),
    "two documents": (START + '"variables": []} {}', "damaged at line 1"),
    "not a number": (START + '"outputs": [NaN]}', "NaN is no JSON"),
    "a key twice": (START + '"outputs": [], "outputs": []}', "'outputs' stands twice"),
    "deep": (START + '"outputs": ' + "[" * 100_000, "nested too deeply"),
    "deep objects": (START + '"outputs": ' + '{"a":' * 100_000, "nested too deeply"),
    "an endless number": (START + '"outputs": [' + "9" * 10_000 + "]}", "damaged"),
    "no UTF-8": (b'{"format": "\xff"}', "no text in UTF-8"),
    "a future version": ('{"format": "graph_engine.graph", "version": 2}', "of version 2.*reads version 1"),
    "a version in words": ('{"format": "graph_engine.graph", "version": "1"}', "of version '1'"),
    "no version": ('{"format": "graph_engine.graph"}', "of version null"),
    "a number in place of text": (17, "read from text, not from int"),
}


@pytest.mark.parametrize(("text", "match"), TEXTS.values(), ids=TEXTS)
def test_texts_that_are_no_graph(text, match):
    refused(text, match)


# path to what is changed, what it becomes (or `gone`), and what the error says
gone = object()
FULL = {"primitive": "full", "inputs": [], "outputs": [2], "attributes": {"shape": 7}}
CHANGES = [
    (["outputs"], gone, "'outputs' is missing"),
    (["variables"], {}, "'variables' is an object of 0, not a list"),
    (["variables", 0], 3, r"'variables'\[0\] is 3, not an object"),
    (["outpust"], [], "the key 'outpust' means nothing"),
    (["outputs"], [9], "refers to variable 9, but only 0 to 3"),
    (["outputs"], [-1], "refers to variable -1"),
    (["outputs"], [True], "is True, not an integer"),
    (["outputs"], [10**100], "refers to variable"),
    (["variables", 0, "kind"], "wish", "its kind is 'wish'"),
    (["variables", 0, "kind"], "result", "variable 0 is result, but no operation computes it"),
    (["variables", 2, "kind"], "input", "variable 2 is input, but an operation computes it"),
    (["variables", 0, "name"], gone, "needs a name"),
    (["variables", 0, "name"], " ", "needs a name"),
    (["variables", 2, "name"], "", "its name is empty"),
    (["variables", 0, "name"], "\ud800", "no valid text"),
    (["variables", 0, "name"], 5, "'name' is 5, not a text"),
    (["variables", 0, "name"], "w", "two variables of one graph are called 'w'"),
    (["variables", 0, "shape"], [3], r"operation 0 \('multiply'\) of \(float32\(3,\), float32\(2,\)\)"),
    (["variables", 0, "shape"], [-2], "is no dimension"),
    (["variables", 0, "shape"], [2.0], "is no dimension"),
    (["variables", 0, "shape"], ["os.system('x')"], "is no dimension"),
    (["variables", 0, "shape"], ["*".join(f"(a{i}+b{i})" for i in range(40))], "is no dimension"),
    (["variables", 0, "shape"], ["(" * 250 + "a" + ")" * 249], "is no dimension"),
    (["variables", 0, "dtype"], "float128", "'float128' is no dtype"),
    (["variables", 0, "dtype"], "object", "'object' is no dtype"),
    (["variables", 2, "shape"], [3], r"variable 2 is float32\(3,\), but float32\(2,\) comes out"),
    (["variables", 2, "dtype"], "float64", "comes out of operation 0"),
    (["variables", 1, "data"], gone, "'data' is missing"),
    (["variables", 1, "data"], "AAAA", "which is not what its data holds"),
    (["variables", 1, "data"], "AAAAAAAAA?A=", "damaged"),
    (["variables", 1, "data"], "AAAAAAAAAAAA", "but its data holds 9"),
    (["variables", 1, "data"], "äAAAAAAAAAA=", "damaged"),
    (["variables", 1, "shape"], [2**62, 2**62, 2**62], "which is not what its data holds"),
    (["variables", 1, "shape"], ["n"], "cannot have named dimensions"),
    (["variables", 1, "trainable"], 1, "'trainable' is 1, not true or false"),
    (["variables", 2, "source"], 0, "refers to source 0"),
    (["variables", 3, "gradient"], {"variable": 3, "loss": 3}, "refers to variable 3, but only 0 to 2"),
    (["variables", 3, "gradient"], {"variable": 0, "loss": 0}, "is no gradient of"),
    (["variables", 2, "gradient"], {"variable": 0, "loss": 0, "operation": 0, "input": 0}, "refers to operation 0"),
    (["operations", 0, "primitive"], "eval", "no primitive is called 'eval' here"),
    (["operations", 0, "primitive"], "__class__", "no primitive is called"),
    (["operations", 0, "version"], 9, "version 9"),
    (["operations", 0, "version"], 0, "version 0"),
    (["operations", 0, "inputs"], [0], "operation 0"),
    (["operations", 0, "inputs"], [0, 7], "refers to variable 7"),
    (["operations", 0, "outputs"], [], "not one or several variables in a row"),
    (["operations", 0, "outputs"], [3], "is computed by operation 0 too"),
    (["operations", 0, "phase"], "sideways", "its phase is 'sideways'"),
    (["operations", 0, "scope"], "net", "'scope' is 'net', not a list"),
    (["operations", 0, "owner"], {"operation": 0}, "refers to operation 0"),
    (["operations", 0, "owner"], {"file": 0}, "neither one operation nor one variable"),
    (["operations", 0, "output"], [2], "the key 'output' means nothing"),
    (["operations", 1, "attributes", "axes"], [0], "'sum' has no attribute 'axes'"),
    (["operations", 1, "attributes", "name"], "x", "'sum' has no attribute 'name'"),
    (["operations", 1, "attributes", "axis"], "zero", "operation 1"),
    (["operations", 1, "attributes", "axis"], {"dim": "n"}, "operation 1"),
    (["operations", 1, "attributes", "axis"], {"call": "f"}, "is no value"),
    (["operations", 1, "attributes", "axis"], [5], "operation 1"),
    (["operations", 0], FULL, "no spec comes out"),
    (["lines"], [["a", "1", "", ""]], "line 0 is not"),
    (["lines"], [["\ud800", 1, "", ""]], "no valid text"),
    (["sources"], [[0]], "refers to line 0"),
    (["sources"], [["0"]], "source 0 is not"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "value", "match"), CHANGES, ids=[f"{c[0]}={str(c[1])[:20]}" for c in CHANGES])
def test_documents_with_one_thing_wrong(path, value, match):
    document = copy.deepcopy(DOCUMENT)
    place = document
    for key in path[:-1]:
        place = place[key]
    if value is gone:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    refused(json.dumps(document), match)


def test_a_cycle_is_found_and_its_operations_named():
    document = copy.deepcopy(DOCUMENT)
    document["operations"][0] = {"primitive": "multiply", "inputs": [0, 3], "outputs": [2]}
    refused(json.dumps(document), r"cycle: operation 0 \('multiply'\) -> operation 1 \('sum'\) -> operation 0")


def test_operations_in_an_order_in_which_they_cannot_be_computed():
    document = copy.deepcopy(DOCUMENT)
    document["operations"].reverse()
    refused(json.dumps(document), "stands in the wrong place")


def test_a_very_long_cycle_is_found_without_recursion():
    count = 20_000
    ring = [{"primitive": "sin", "inputs": [(i + 1) % count], "outputs": [i]} for i in range(count)]
    variable = {"kind": "result", "shape": [], "dtype": "float32"}
    refused(json.dumps(DOCUMENT | {"variables": [variable] * count, "operations": ring}), r"cycle: .* -> \.\.\. -> ")


def test_attributes_nested_deeper_than_anything_needs():
    axis = 0
    for _ in range(200):
        axis = [axis]
    document = copy.deepcopy(DOCUMENT)
    document["operations"][1]["attributes"]["axis"] = axis
    refused(json.dumps(document), "nested too deeply")


@pytest.mark.parametrize("junk", ["x", "[", " ", "{", '{"a":', "0"])
def test_a_hundred_megabytes_of_junk_are_refused_at_once(junk):
    text = junk * (100_000_000 // len(junk))
    started = time.perf_counter()
    refused(text, "does not begin with")
    assert time.perf_counter() - started < 2


def test_a_huge_declared_shape_takes_no_memory():
    variable = {"kind": "input", "name": "x", "shape": [10**9, 10**9], "dtype": "float32"}
    document = DOCUMENT | {"variables": [variable], "operations": [], "outputs": [0]}
    assert ge.Graph.from_json(json.dumps(document)).inputs[0].size == 10**18


def read_or_refuse(data):
    """Read what may be damaged: a graph that prints, or a `FileError`; anything else is a failure of the test."""
    try:
        str(ge.Graph.from_json(data))
    except ge.FileError as error:
        assert str(error)


@pytest.mark.parametrize("make", [lecture, perceptron])
def test_every_truncation_is_refused(make):
    loss, _ = make()
    data = ge.Graph(loss, *ge.grad(loss, list(ge.Graph(loss).inputs))).to_json().encode()
    for length in range(0, len(data.rstrip()), max(1, len(data) // 300)):
        refused(data[:length], ".")


def test_flipped_bytes_are_read_or_refused():
    loss, _ = perceptron()
    data = ge.Graph(loss, *ge.grad(loss, list(ge.Graph(loss).inputs))).to_json().encode()
    chance = random.Random(0)
    for _ in range(600):
        damaged = bytearray(data)
        for _ in range(chance.choice([1, 1, 3])):
            damaged[chance.randrange(len(data))] = chance.choice([chance.randrange(256), *b'0123456789"[]{},:-.aen '])
        read_or_refuse(bytes(damaged))


def test_exchanged_values_are_read_or_refused():
    """Put anything that occurs in JSON in place of anything else."""
    loss, _ = perceptron()
    text = ge.Graph(loss, *ge.grad(loss, list(ge.Graph(loss).inputs))).to_json()
    chance = random.Random(1)
    values = [None, True, -1, 0, 1, 3, 2.5, 1e400, "", "x", "n//0", "float32", [], [0], [[0]], {}, {"dim": "n"}]
    for _ in range(400):
        document = json.loads(text)
        place = document
        while True:
            keys = list(place) if isinstance(place, dict) else range(len(place))
            key = chance.choice(list(keys))
            inside = place[key]
            if not isinstance(inside, (dict, list)) or not inside or chance.random() < 0.2:
                break
            place = inside
        place[key] = copy.deepcopy(chance.choice(values))
        read_or_refuse(json.dumps(document))
