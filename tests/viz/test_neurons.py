"""The neuron form: circles and weighted edges carry the numbers of the trace, at every step, and can be read."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

import graph_engine as ge
import graph_engine_viz as viz
from graph_engine.cli import main
from graph_engine_viz.neurons import neuron_scene
from graph_engine_viz.neurons.network import find_network
from graph_engine_viz.wording import line_text
from tests.viz.browsing import start_chrome


def trained(loss, feeds, rate=0.5):
    step = ge.Engine("numpy").compile(list(feeds), loss, updates=ge.optim.SGD(rate).minimize(loss))
    return step.trace(*feeds.values())


def xor():
    x, t = ge.input("x", ("batch", 2)), ge.input("t", ("batch", 1))
    net = ge.nn.Sequential(ge.nn.Linear(2, 2, seed=1), ge.nn.Tanh(), ge.nn.Linear(2, 1, seed=2), ge.nn.Sigmoid())
    return trained(ge.nn.mse_loss(net(x), t), {x: [[0, 1], [0, 0], [1, 0], [1, 1]], t: [[1], [0], [1], [0]]})


def n8():
    rng = np.random.default_rng(8)
    shapes = {"W1": (2, 3), "b1": (2,), "W2": (2, 2), "b2": (2,), "W3": (1, 2)}
    W1, b1, W2, b2, W3 = (ge.parameter(n, rng.normal(size=s).astype("float32")) for n, s in shapes.items())
    x, t = ge.input("x", 3), ge.input("t")
    a1 = ge.sigmoid(W1 @ x + b1)
    a2 = ge.sigmoid(W2 @ a1 + b2)
    S = W3 @ a2
    L = 0.5 * ge.square(ge.squeeze(S, 0) - t)
    return trained(L, {x: [0.5, -1.2, 0.8], t: 0.25})


def softmax_net():
    x, y = ge.input("x", ("batch", 2)), ge.input("y", "batch", "int64")
    net = ge.nn.Sequential(ge.nn.Linear(2, 4, seed=1), ge.nn.ReLU(), ge.nn.Linear(4, 3, seed=2))
    return trained(ge.nn.cross_entropy(net(x), y), {x: [[0.3, -1.0], [2, 1]], y: [2, 0]})


def digits():
    x, y = ge.input("images", ("batch", 64)), ge.input("labels", "batch", "int64")
    net = ge.nn.Sequential(ge.nn.Linear(64, 32), ge.nn.ReLU(), ge.nn.Linear(32, 10))
    rng = np.random.default_rng(0)
    feeds = {x: rng.random((32, 64)).astype("float32"), y: rng.integers(0, 10, 32)}
    return trained(ge.nn.cross_entropy(net(x), y), feeds)


RUNS = {"xor": xor, "n8": n8, "softmax": softmax_net, "digits": digits}


def marked(svg, attribute):
    """Return what carries an attribute, by it."""
    found = {}
    for element in ET.fromstring(svg).iter():
        if attribute in element.attrib:
            found[element.attrib[attribute]] = element.attrib
    return found


def sizes(network):
    return [(layer.inputs, layer.units, layer.activation, layer.bias is not None) for layer in network.layers]


# ---- finding the network ---------------------------------------------------------------------------------------


def test_layers_are_found_however_they_are_written():
    x = ge.input("x", ("batch", 3))
    W, b, w = ge.parameter("W", np.ones((3, 2))), ge.parameter("b", np.zeros(2)), ge.parameter("w", np.ones(2))
    V = ge.parameter("V", np.ones((2, 3)))
    wanted = [(3, 2, "tanh", True), (2, 1, "", False)]
    assert sizes(find_network(ge.Graph(ge.tanh(x @ W + b) @ w))) == wanted
    assert sizes(find_network(ge.Graph(ge.tanh(b + x @ V.T) @ w))) == wanted
    assert sizes(find_network(ge.Graph(ge.nn.linear(ge.tanh(ge.nn.linear(x, V, b)), np.ones((1, 2)))))) == wanted
    one = ge.input("one", 3)
    assert sizes(find_network(ge.Graph(w @ ge.tanh(V @ one + b)))) == wanted


def test_loss_and_target_are_found():
    trace = xor()
    network = find_network(ge.Graph(trace.loss))
    assert network.loss is trace.loss and network.target.name == "t"
    assert sizes(network) == [(2, 2, "tanh", True), (2, 1, "sigmoid", True)]
    scores = ge.nn.Linear(2, 1)(ge.input("x", ("batch", 2)))
    targets = ge.input("targets", ("batch", 1))
    logits = find_network(ge.Graph(ge.nn.binary_cross_entropy_with_logits(scores, targets)))
    assert logits.layers[-1].a is scores and logits.target is targets


def test_a_graph_without_a_network_is_refused_with_a_cure():
    x = ge.input("x")
    with pytest.raises(ge.DeclarationError, match=r'no network of neurons(.|\n)*style="nodes"'):
        viz.draw(ge.Graph(x * x), style="neurons")
    deep = ge.input("deep", 1)
    for number in range(9):
        deep = ge.nn.Linear(1, 1, name=f"fc{number}")(deep)
    with pytest.raises(ge.DeclarationError, match="9 layers"):
        viz.draw(deep, style="neurons")


# ---- numbers ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", RUNS)
def test_all_numbers_are_those_of_the_trace(name):
    trace = RUNS[name]()
    svg = viz.draw(trace, style="neurons").svg
    network = find_network(trace.graph, None, trace.loss)
    neurons, edges, biases = (marked(svg, f"data-{what}") for what in ("neuron", "edge", "bias"))
    for number, layer in enumerate(network.layers, 1):
        value, slope = (read(layer.a).reshape(-1, layer.units)[0] for read in (trace.value, trace.grad))
        weights, slopes = (layer.matrix(read(layer.weight)) for read in (trace.value, trace.grad))
        for key, shown in neurons.items():
            column, unit = map(int, key.split("."))
            if column == number:
                assert float(shown["data-value"]) == value[unit] and float(shown["data-grad"]) == slope[unit]
        for key, shown in edges.items():
            column, j, i = map(int, key.split("."))
            if column == number:
                assert (float(shown["data-value"]), float(shown["data-grad"])) == (weights[j, i], slopes[j, i])
        for key, shown in biases.items():
            column, unit = map(int, key.split("."))
            if column == number:
                assert float(shown["data-value"]) == trace.value(layer.bias)[unit]
                assert float(shown["data-grad"]) == trace.grad(layer.bias)[unit]
    assert float(marked(svg, "data-loss")[""]["data-value"]) == trace.value(trace.loss)


def test_a_step_shows_what_is_computed_at_it_and_nothing_later():
    trace = xor()
    film = viz.steps(trace, style="neurons")
    phases = [step.phase for step in trace.steps]
    first, tanh = (marked(film[step].svg, "data-neuron")["1.0"] for step in (0, 1))
    assert "data-sum_value" not in first and "data-sum-value" in first
    assert "data-value" not in first and "data-value" in tanh and "data-grad" not in tanh
    last_forward = film[phases.index("backward") - 1].svg
    assert not any("data-grad" in shown for shown in marked(last_forward, "data-edge").values())
    old, new = (marked(film[step].svg, "data-edge")["1.0.0"] for step in (phases.index("update") - 1, -1))
    rate = 0.5
    changed = np.float32(old["data-value"]) - np.float32(rate) * np.float32(old["data-grad"])
    assert float(new["data-value"]) == pytest.approx(float(changed), rel=1e-6)
    assert new["data-value"] != old["data-value"]


def test_positions_are_the_same_at_all_steps():
    places = set()
    for drawing in viz.steps(n8(), style="neurons"):
        circles = re.findall(r'<circle cx="([^"]+)" cy="([^"]+)" r="36"', drawing.svg)
        places.add((tuple(circles), re.search('viewBox="[^"]+"', drawing.svg)[0]))
    assert len(places) == 1 and len(next(iter(places))[0]) == 8


def test_an_update_is_a_table_of_weights():
    trace = n8()
    film = viz.steps(trace, style="neurons")
    step = next(s for s in trace.steps if s.phase == "update" and s.variable.name == "b2")
    told = [line_text(line) for line in film._frames[step.index].rules]
    assert told[0].startswith("b_2 ← b_2 - γ ∂L/∂b_2") and [line[:8] for line in told[1:]] == ["b^2_1 ← ", "b^2_2 ← "]
    assert len(film._frames[next(s.index for s in trace.steps if s.phase == "update")].rules) == 7


def test_the_chosen_sample_is_shown_and_said():
    trace = xor()
    for sample in range(4):
        svg = viz.draw(trace, step=1, style="neurons", sample=sample).svg
        inputs = [float(marked(svg, "data-neuron")[f"0.{unit}"]["data-value"]) for unit in (0, 1)]
        assert inputs == trace.value("x")[sample].tolist() and f"sample {sample + 1} of 4" in svg
    assert "sample" not in viz.draw(n8(), step=1, style="neurons").svg
    with pytest.raises(ge.LookupFailed, match="no sample 4"):
        viz.draw(trace, style="neurons", sample=4)
    with pytest.raises(ge.DeclarationError, match="neurons"):
        viz.draw(trace, sample=1)


def test_the_wanted_class_is_told_where_samples_are_as_many_as_classes():
    x, y = ge.input("x", ("batch", 2)), ge.input("y", "batch", "int64")
    loss = ge.nn.cross_entropy(ge.nn.Linear(2, 3)(x), y)
    trace = ge.Engine("numpy").trace(loss, {x: np.ones((3, 2)), y: [0, 1, 2]})
    for sample in range(3):
        assert f">target {sample}<" in viz.draw(trace, style="neurons", sample=sample).svg


@pytest.mark.parametrize("number", [np.nan, np.inf, 1e30, -1e-30, 0.0])
def test_odd_numbers_are_written_short(number):
    x, w = ge.input("x", ("batch", 2)), ge.parameter("w", np.array([[number, 1.0]]))
    with np.errstate(all="ignore"):
        trace = ge.Engine("numpy").trace(ge.sum(ge.exp(x @ w.T)), {x: [[number, 1.0]]})
        svg = viz.draw(trace, style="neurons").svg
    told = "".join(e.text or "" for e in ET.fromstring(svg).iter() if e.tag.endswith("text"))
    assert {"nan": "NaN", "inf": "Inf", "1e+30": "1e30", "-1e-30": "−1e−30", "0.0": "0"}[str(number)] in told


def test_a_run_that_stopped_is_drawn_up_to_there():
    x, y = ge.input("x", ("batch", 2)), ge.input("y", "batch", "int64")
    loss = ge.nn.cross_entropy(ge.nn.Linear(2, 3)(x), y)
    with pytest.raises(ge.GuardError) as failure:
        ge.Engine("numpy").trace(loss, {x: np.ones((1, 2)), y: [7]})
    svg = viz.draw(failure.value.trace, style="neurons").svg
    assert "data-value" in marked(svg, "data-neuron")["1.0"] and "data-value" not in marked(svg, "data-loss")[""]


def test_a_wide_layer_shows_the_first_few_units_and_the_last():
    shown = marked(viz.draw(digits(), style="neurons").svg, "data-neuron")
    assert [key for key in shown if key.startswith("1.")] == ["1.0", "1.1", "1.2", "1.31"]


def test_negative_weights_are_dashed_and_large_ones_wide():
    trace = n8()
    svg = viz.draw(trace, step=0, style="neurons").svg
    lines = re.findall(r'<line [^>]*stroke-width="([^"]+)"( stroke-dasharray)?[^>]*class="edge"', svg)[:6]
    weights = trace.value("W1").T.reshape(-1)
    assert [bool(dashes) for _, dashes in lines] == [weight < 0 for weight in weights]
    assert np.argsort([float(width) for width, _ in lines]).tolist() == np.argsort(np.abs(weights)).tolist()


def test_a_graph_is_drawn_with_names():
    svg = viz.draw(ge.Graph(n8().loss), style="neurons").svg
    assert "data-value" not in svg and svg.count('r="36"') == 8
    assert svg.count(">w<") == 12 and svg.count(">b<") == 4


@pytest.mark.parametrize("name", ["xor", "n8", "softmax"])
def test_every_edge_of_a_small_network_has_its_label(name):
    places = neuron_scene(RUNS[name]()).places
    assert set(places.labels) == set(places.edges())


def test_the_command_line_draws_neurons(tmp_path, capsys):
    (tmp_path / "net.py").write_text(
        "import graph_engine as ge\n"
        "x, t = ge.input('x', ('n', 2)), ge.input('t', ('n', 1))\n"
        "loss = ge.nn.mse_loss(ge.nn.Linear(2, 1)(x), t)\n"
        "feeds = {x: [[1, 2]], t: [[0]]}\n"
    )
    out = tmp_path / "net.svg"
    assert main(["draw", str(tmp_path / "net.py"), "--style", "neurons", "-o", str(out)]) == 0
    assert 'data-neuron="1.0"' in out.read_text()


# ---- the page --------------------------------------------------------------------------------------------------

TEXTS = """
const svg = document.querySelector("#stage > svg"), all = [...svg.querySelectorAll("text")];
const {width, height} = svg.viewBox.baseVal, back = svg.getScreenCTM().inverse();
return {width, height, scale: svg.getScreenCTM().a, tall: document.documentElement.scrollHeight > innerHeight,
  texts: all.map((e) => {
    const r = e.getBoundingClientRect(), cut = 0.16 * r.height;
    const [a, b] = [[r.left, r.top + cut], [r.right, r.bottom - cut]];
    const [p, q] = [a, b].map(([x, y]) => new DOMPoint(x, y).matrixTransform(back));
    return [e.textContent, p.x, p.y, q.x, q.y, Number(e.getAttribute("font-size"))];
  })};
"""


@pytest.fixture(scope="module")
def browser(chromium_binary):
    chrome = start_chrome(chromium_binary, 1280, 720)
    yield chrome
    chrome.quit()


def press(browser, key):
    from selenium.webdriver.common.action_chains import ActionChains

    ActionChains(browser).send_keys(key).perform()


@pytest.mark.browser
@pytest.mark.parametrize("name", RUNS)
def test_the_page_steps_through_readable_pictures(browser, tmp_path, name):
    trace = RUNS[name]()
    film = viz.steps(trace, style="neurons")
    film.save(tmp_path / "page.html")
    browser.get("about:blank")
    browser.get((tmp_path / "page.html").as_uri())
    first = browser.execute_script("return document.getElementById('steps').outerHTML")
    for drawing in film:
        seen = browser.execute_script(TEXTS)
        texts = seen["texts"]
        assert not [pair for n, a in enumerate(texts) for b in texts[:n] if (pair := overlap(a, b))]
        assert not [t for t in texts if t[1] < 0 or t[2] < 0 or t[3] > seen["width"] or t[4] > seen["height"]]
        assert min(size for *_, size in texts) * seen["scale"] >= 11 and not seen["tall"]
        picture = [e.text or "" for e in ET.fromstring(drawing.svg).iter() if e.tag.endswith("text") and e.text]
        assert {text[0] for text in texts if text[0][:1] in "−+0123456789"} <= set(picture)
        press(browser, "l")
    for _ in film:
        press(browser, "h")
    assert browser.execute_script("return document.getElementById('steps').outerHTML") == first


def overlap(a, b):
    across, high = min(a[3], b[3]) - max(a[1], b[1]), min(a[4], b[4]) - max(a[2], b[2])
    return (a[0], b[0]) if across > 0.5 and high > 0.5 else None
