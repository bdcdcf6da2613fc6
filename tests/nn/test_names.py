"""What layers, their parameters and their operations are called, and how parameters begin."""

import numpy as np
import pytest

import graph_engine as ge
from graph_engine import nn


def names(module):
    return [name for name, _ in module.named_parameters()]


def test_the_assigned_name_is_the_layers():
    fc1 = nn.Linear(3, 2)
    assert fc1.name == "fc1"
    assert names(fc1) == ["fc1.weight", "fc1.bias"]


def test_the_given_name_goes_first():
    fc1 = nn.Linear(3, 2, name="encoder")
    assert fc1.weight.name == "encoder.weight"


def test_without_a_name_the_class_is_it():
    assert [nn.Linear(3, 2), nn.ReLU()][0].name == "linear"


def test_open_scopes_prefix_the_name():
    with ge.scope("encoder"):
        fc1 = nn.Linear(3, 2)
    h = fc1(ge.input("x", 3))
    assert fc1.weight.name == "encoder.fc1.weight"
    assert h.scope == ("encoder", "fc1")


def test_sequential_renames_what_was_made_before_it():
    net = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    assert names(net) == ["net.linear1.weight", "net.linear1.bias", "net.linear2.weight", "net.linear2.bias"]
    assert net[0].name == "net.linear1"


def test_sequential_keeps_names_that_the_program_gives():
    fc1 = nn.Linear(4, 3)
    net = nn.Sequential(fc1, nn.Tanh(), nn.Linear(3, 2, name="head"), out=nn.Linear(2, 2))
    assert [label for label, _ in net.named_children()] == ["fc1", "tanh1", "head", "out"]


def test_layers_of_one_assigned_name_are_numbered():
    layers = []
    for _ in range(2):
        layer = nn.Linear(3, 3)
        layers.append(layer)
    net = nn.Sequential(*layers, layer2=nn.Linear(3, 3))
    assert [label for label, _ in net.named_children()] == ["layer1", "layer3", "layer2"]


def test_a_layer_used_twice_keeps_one_set_of_parameters():
    shared = nn.Linear(3, 3)
    net = nn.Sequential(shared, nn.Tanh(), shared)
    assert len(net.parameters()) == 2
    assert len(net) == 3


def test_functions_are_layers_too():
    net = nn.Sequential(nn.Linear(3, 2), nn.relu, ge.exp)
    assert "relu1" in repr(net) and "exp1" in repr(net)
    assert net(ge.input("x", ("batch", 3))).shape == ("batch", 2)


class Block(nn.Module):
    def __init__(self, size):
        self.inner = nn.Linear(size, size)
        self.add_parameter("gain", np.ones(size, "float32"))

    def forward(self, x):
        return x + self.gain * nn.relu(self.inner(x))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = [Block(3), Block(3)]
        self.head = nn.Sequential(nn.Linear(3, 5), nn.Tanh())
        self.extra = {"left": nn.Linear(1, 1, bias=False)}

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return self.head(x)


def test_a_users_module_names_what_it_is_made_of():
    net = Net()
    assert names(net) == [
        "net.blocks1.gain", "net.blocks1.inner.weight", "net.blocks1.inner.bias",
        "net.blocks2.gain", "net.blocks2.inner.weight", "net.blocks2.inner.bias",
        "net.head.linear1.weight", "net.head.linear1.bias",
        "net.extra_left.weight",
    ]  # fmt: skip


def test_the_name_a_function_returns_a_module_under_is_the_callers():
    def make():
        return Net()

    model = make()
    assert model.name == "model"


def test_operations_stand_in_their_layers_scope_and_the_result_is_the_users():
    net = Net()
    logits = net(ge.input("x", ("batch", 3)))
    graph = ge.Graph(logits)
    assert graph.name_of(logits) == "logits"
    scopes = {operation.scope for operation in graph.operations}
    assert ("net", "blocks1", "inner") in scopes and ("net", "head", "linear1") in scopes
    assert ("net", "head", "tanh1") not in scopes  # an activation opens no group of its own
    assert {p.scope for p in graph.parameters} >= {("net", "blocks2"), ("net", "head", "linear1")}


def test_inner_operations_take_no_name_from_the_user():
    loss = nn.mse_loss(ge.input("x", ("batch", 3)), ge.input("y", ("batch", 3)))
    names = [ge.Graph(loss).name_of(op.outputs[0]) for op in ge.Graph(loss).operations]
    assert names == ["subtract", "square", "loss"]


def test_a_layer_that_changes_nothing_leaves_the_name():
    h = ge.exp(ge.input("x"))
    out = nn.Identity()(h)
    assert out is h and h.name == "h"


def test_a_settled_name_does_not_change():
    fc1 = nn.Linear(3, 2)
    weight = fc1.weight
    net = nn.Sequential(fc1, nn.Linear(2, 1))
    assert weight.name == "fc1.weight" and fc1.weight is weight
    assert names(net) == ["fc1.weight", "fc1.bias", "net.linear1.weight", "net.linear1.bias"]


def test_a_module_that_points_back_at_its_owner():
    owner = nn.Module()
    child = nn.Linear(2, 2)
    owner.child = child
    child.owner = owner
    assert names(owner) == ["owner.child.weight", "owner.child.bias"]


def test_replacing_a_head():
    net = nn.Sequential(body=nn.Linear(3, 3), head=nn.Linear(3, 10))
    net.head = nn.Linear(3, 2)
    assert net.head.weight.name == "net.head.weight"
    assert net(ge.input("x", 3)).shape == (2,)


def test_part_of_a_sequence_shares_its_layers():
    net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    part = net[:2]
    assert part(ge.input("x", 3)).shape == (4,)
    assert names(part) == names(net)[:2]


def test_two_layers_of_one_name_in_one_graph_are_refused():
    x = ge.input("x", ("batch", 3))
    first = nn.Linear(3, 3, name="fc")(x)
    second = nn.Linear(3, 3, name="fc")(first)
    with pytest.raises(ge.NameClashError, match=r"fc\.weight"):
        ge.Graph(second)


def test_an_attribute_that_is_not_there():
    with pytest.raises(AttributeError, match="'Linear' object has no attribute 'wieght'"):
        nn.Linear(2, 2).wieght  # noqa: B018


def test_a_module_without_forward_says_so():
    with pytest.raises(NotImplementedError, match="forward"):
        nn.Module()(ge.input("x"))


def test_the_parameters_line_is_the_one_that_made_the_layer():
    fc1 = nn.Linear(3, 2)
    assert fc1.weight.line.text == "fc1 = nn.Linear(3, 2)"


# ---- how parameters begin --------------------------------------------------------------------------------------


def test_layers_begin_differently_and_the_same_in_each_run():
    fc1 = nn.Linear(4, 3)
    fc2 = nn.Linear(4, 3)
    again = nn.Linear(4, 3, name="fc1")
    assert not np.array_equal(fc1.weight.data, fc2.weight.data)
    assert np.array_equal(fc1.weight.data, again.weight.data)


def test_a_seed_decides_whatever_the_name():
    a, b, c = nn.Linear(4, 3, seed=1), nn.Linear(4, 3, seed=1), nn.Linear(4, 3, seed=2)
    assert np.array_equal(a.weight.data, b.weight.data)
    assert np.array_equal(a.bias.data, b.bias.data)
    assert not np.array_equal(a.weight.data, c.weight.data)


def test_the_bits_are_these_on_every_machine():
    layer = nn.Linear(2, 1, seed=0, dtype="float64")
    assert layer.weight.data.tolist() == [[-0.6433745313761241, -0.5188147620026362]]


def test_weights_fill_the_range_that_pytorch_uses():
    layer = nn.Linear(100, 400)
    values = np.concatenate([layer.weight.data.ravel(), layer.bias.data])
    assert np.abs(values).max() <= 0.1
    assert abs(values.mean()) < 1e-3
    assert abs(values.std() - 0.1 / np.sqrt(3)) < 1e-3


def test_named_layers_without_parameters_name_their_results():
    net = ge.nn.Sequential(fc=ge.nn.Linear(2, 4), act=ge.nn.ReLU(), bend=ge.tanh, out=ge.nn.Sigmoid())
    y = net(ge.input("x", 2))
    assert {"net.act", "net.bend", "y"} <= {v.name for v in ge.Graph(y).variables}


def test_a_named_layer_that_hands_on_what_is_there_renames_nothing():
    x = ge.input("x", 2)
    h = ge.exp(x)
    net = ge.nn.Sequential(fc=ge.nn.Linear(2, 2), skip=ge.nn.Identity(), other=lambda v: h, out=ge.nn.ReLU())
    y = net(x)
    assert h.name == "h" and y.name == "y"
