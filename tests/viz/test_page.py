import functools
import http.server
import json
import threading

import numpy as np
import pytest

import graph_engine as ge
import graph_engine_viz as viz
from tests.viz.browsing import start_chrome
from tests.viz.models import MODELS
from tests.viz.pictures import ODD_RUNS, RUNS, lecture, perceptron, variables

selenium = pytest.importorskip("selenium")
pytestmark = pytest.mark.browser

STYLES = ("nodes", "circuit")

# All texts, boxes and wires of the picture, in its own units. Bounding boxes of texts are those of the font, which are
# higher than the letters: they are cut to what letters fill.
MEASURE = """
const svg = document.querySelector("#stage > svg");
const back = svg.getScreenCTM().inverse();
const box = (element, cut) => {
  const {left, top, right, bottom} = element.getBoundingClientRect();
  const [a, b] = [[left, top], [right, bottom]].map(([x, y]) => new DOMPoint(x, y).matrixTransform(back));
  const trim = cut * (b.y - a.y);
  return [a.x, a.y + trim, b.x, b.y - trim];
};
const name = (element) => element.textContent.slice(0, 40);
const texts = [...svg.querySelectorAll("text")].map((e) => [name(e), ...box(e, 0.16)]);
const boxes = [...svg.querySelectorAll("[data-variable], [data-operation]:not([data-loop]), [data-gap]")]
  .filter((e) => !e.parentElement.closest("[data-scope]") || e.dataset.scope)
  .map((e) => [e.dataset.variable ?? e.dataset.operation ?? "gap", ...box(e, 0)]);
const points = [];
for (const path of svg.querySelectorAll(".wire")) {
  const length = path.getTotalLength(), place = svg.getScreenCTM().inverse().multiply(path.getScreenCTM());
  for (let at = 6; at < length - 6; at += 6) {
    const {x, y} = path.getPointAtLength(at).matrixTransform(place);
    points.push([x, y]);
  }
}
const {width, height} = svg.viewBox.baseVal;
const rule = document.getElementById("rule");
return {texts, boxes, points, width, height, wide: rule.scrollWidth > rule.clientWidth + 1,
        tall: document.documentElement.scrollHeight > innerHeight};
"""


@pytest.fixture(scope="module")
def browser(chromium_binary):
    chrome = start_chrome(chromium_binary, 1280, 720)
    yield chrome
    chrome.quit()


@pytest.fixture
def opened(browser, tmp_path):
    """Open the page of a run, in a fresh document."""

    def open_page(trace, style="nodes", link=""):
        path = tmp_path / "page.html"
        viz.steps(trace, style=style).save(path)
        browser.get("about:blank")
        browser.get(path.as_uri() + link)
        return browser

    return open_page


def root(browser):
    return browser.execute_script("return document.getElementById('steps').outerHTML")


def press(browser, *keys):
    from selenium.webdriver.common.action_chains import ActionChains

    for key in keys:
        ActionChains(browser).send_keys(key).perform()


def state(browser):
    return browser.execute_script("return {...document.getElementById('steps').dataset}")


@pytest.mark.parametrize("run", [lecture, perceptron], ids=["lecture", "perceptron"])
def test_stepping_on_and_back_again_gives_the_same_document(opened, run):
    browser = opened(run())
    count = int(state(browser)["steps"])
    seen = [root(browser)]
    for _ in range(count - 1):
        press(browser, "l")
        seen.append(root(browser))
    assert len(set(seen)) == count
    for before in reversed(seen[:-1]):
        press(browser, "h")
        assert root(browser) == before


def test_keys_buttons_and_timeline_move_the_step(opened):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    browser = opened(lecture())
    moves = [(Keys.ARROW_RIGHT, 1), ("l", 2), (Keys.ARROW_LEFT, 1), ("h", 0), ("h", 0), (Keys.END, 4), ("l", 4)]
    for key, expected in [*moves, (Keys.HOME, 0)]:
        press(browser, key)
        assert state(browser)["step"] == str(expected)
    for button, expected in [("next", 1), ("last", 4), ("back", 3), ("first", 0)]:
        browser.find_element(By.ID, button).click()
        assert state(browser)["step"] == str(expected)
    browser.execute_script(
        "const s = document.getElementById('slider'); s.value = 3; s.dispatchEvent(new Event('input', {bubbles: true}))"
    )
    assert state(browser) == {"step": "3", "steps": "5", "phase": "backward"}
    assert browser.execute_script("return location.hash") == "#step=3"


def test_a_link_leads_to_its_step(opened):
    assert state(opened(lecture(), link="#step=3"))["step"] == "3"
    assert state(opened(lecture(), link="#step=99"))["step"] == "4"
    assert state(opened(lecture(), link="#step=x"))["step"] == "0"


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("name", RUNS)
def test_the_page_shows_at_every_step_what_the_picture_of_that_step_shows(opened, name, style):
    trace = RUNS[name]()
    browser = opened(trace, style)
    read = "return [...document.querySelectorAll('[data-variable]')].map((e) => ({...e.dataset}))"
    for drawing in viz.steps(trace, style=style):
        shown = {each.pop("variable"): each for each in browser.execute_script(read)}
        expected = {
            name: {key[5:]: value for key, value in e.attrib.items() if key[:5] == "data-" and key[5:] != "variable"}
            for name, e in variables(drawing.svg).items()
        }
        assert shown == expected
        press(browser, "l")


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("name", RUNS)
def test_nothing_overlaps_and_nothing_is_cut_at_any_step(opened, name, style):
    browser = opened(RUNS[name](), style)
    for _ in range(int(state(browser)["steps"])):
        check_places(browser)
        press(browser, "l")


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("name", sorted(ODD_RUNS.keys() - {"lone"}))
def test_nothing_overlaps_and_nothing_is_cut_in_odd_runs(opened, name, style):
    check_places(opened(ODD_RUNS[name](), style, "#step=99999"))


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("name", MODELS)
def test_nothing_overlaps_and_nothing_is_cut_in_models(opened, name, style):
    check_places(opened(MODELS[name](), style, "#step=99999"))


def check_places(browser):
    seen = browser.execute_script(MEASURE)
    step = state(browser)["step"]
    assert not list(overlapping(seen["texts"], 0.5)), step
    assert not list(overlapping(seen["boxes"], 1.0)), step
    assert not [text for text in seen["texts"] if outside(text, seen["width"], seen["height"])], step
    assert not [text[0] for text in seen["texts"] for point in seen["points"] if inside(point, text)], step
    assert not seen["wide"] and not seen["tall"], step


@pytest.fixture
def digits():
    """The demo's network, 64-32-10, in a training step."""
    network = ge.nn.Sequential(ge.nn.Linear(64, 32), ge.nn.ReLU(), ge.nn.Linear(32, 10))
    images, labels = ge.input("images", ("batch", 64)), ge.input("labels", ("batch",), "int64")
    loss = ge.nn.cross_entropy(network(images), labels)
    step = ge.Engine("numpy").compile([images, labels], loss, updates=ge.optim.SGD(0.2).minimize(loss))
    rng = np.random.default_rng(0)
    return step.trace(rng.random((32, 64)).astype("float32"), rng.integers(0, 10, 32))


@pytest.mark.parametrize(("screen", "least"), [((1280, 720), 11.0), ((1920, 1080), 15.0)])
def test_the_numbers_of_a_network_can_be_read(opened, digits, screen, least):
    browser = opened(digits, link="#step=99")
    size = {"width": screen[0], "height": screen[1], "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        texts = browser.execute_script("""
            const scale = document.querySelector("#stage > svg").getScreenCTM().a;
            const texts = [...document.querySelectorAll("#stage text")];
            return texts.map((e) => [e.textContent, scale * e.getAttribute("font-size")]);
            """)
        check_places(browser)
    finally:
        size |= {"width": 1280, "height": 720}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    main = [pixels for written, pixels in texts if "±" in written or "RMS" in written]
    assert len(main) >= 12 and min(main) >= least


def test_the_formulas_take_the_same_room_at_every_step(opened, digits):
    browser = opened(digits)
    heights = set()
    for _ in range(int(state(browser)["steps"])):
        heights.add(browser.execute_script("return document.getElementById('stage').clientHeight"))
        press(browser, "l")
    assert len(heights) == 1


def test_the_picture_can_be_zoomed_and_moved_and_is_whole_again(opened):
    browser = opened(lecture())
    before = root(browser)
    view = "return document.querySelector('#stage > svg').getAttribute('viewBox').split(' ').map(Number)"
    whole = browser.execute_script(view)
    press(browser, "+", "+", "-", "+")
    left, top, width, height = browser.execute_script(view)
    assert width < whole[2] / 1.5 and left > 0 and top > 0 and abs(width / height - whole[2] / whole[3]) < 1e-6
    browser.execute_script("""
        const svg = document.querySelector("#stage > svg");
        svg.setPointerCapture = () => {};
        const at = (type, x) => svg.dispatchEvent(new PointerEvent(type, {clientX: x, clientY: 300, pointerId: 1}));
        at("pointerdown", 600); at("pointermove", 640); at("pointerup", 640); at("pointermove", 900);
        """)
    moved = browser.execute_script(view)
    assert moved[0] < left and moved[1:] == [top, width, height]
    press(browser, "l", "h", "0")
    assert root(browser) == before
    browser.execute_script("""
        const svg = document.querySelector("#stage > svg");
        svg.dispatchEvent(new WheelEvent("wheel", {deltaY: -100, clientX: 600, clientY: 300, cancelable: true}));
        """)
    assert browser.execute_script(view)[2] < whole[2]
    press(browser, "-", "-")
    assert root(browser) == before


def overlapping(boxes, allowed):
    for number, (name, left, top, right, bottom) in enumerate(boxes):
        for other, *edges in boxes[:number]:
            across = min(right, edges[2]) - max(left, edges[0])
            high = min(bottom, edges[3]) - max(top, edges[1])
            if across > allowed and high > allowed:
                yield name, other, across, high


def outside(box, width, height):
    _, left, top, right, bottom = box
    return left < 0 or top < 0 or right > width or bottom > height


def inside(point, box):
    _, left, top, right, bottom = box
    return left < point[0] < right and top < point[1] < bottom


def test_texts_stay_inside_of_their_boxes(opened):
    browser = opened(perceptron())
    press(browser, "\ue010")
    wide = browser.execute_script("""
        return [...document.querySelectorAll("[data-variable], [data-operation]")].flatMap((node) => {
          const frame = node.querySelector("rect").getBoundingClientRect();
          return [...node.querySelectorAll("text")].filter((text) => {
            const box = text.getBoundingClientRect();
            return box.left < frame.left || box.right > frame.right;
          }).map((text) => text.textContent);
        })""")
    assert wide == []


def test_nothing_is_asked_for_and_nothing_goes_wrong(browser, tmp_path):
    viz.steps(lecture()).save(tmp_path / "page.html")
    asked = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            asked.append(self.path)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=tmp_path)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser.get("about:blank")
        browser.get_log("performance")
        browser.get(f"http://127.0.0.1:{server.server_port}/page.html")
        press(browser, "l", "l", "l", "l", "h")
        messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
        server.shutdown()
    sent = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    assert asked == ["/page.html"]
    assert [url for url in sent if not url.startswith("data:")] == [f"http://127.0.0.1:{server.server_port}/page.html"]
    assert [entry for entry in browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")] == []


def test_several_pages_work_in_one_notebook(browser, tmp_path):
    frames = viz.steps(lecture())._repr_html_() * 2
    (tmp_path / "notebook.html").write_text(f"<!DOCTYPE html><meta charset=utf-8>{frames}")
    browser.get((tmp_path / "notebook.html").as_uri())
    browser.switch_to.frame(1)
    browser.execute_script("document.getElementById('last').click()")
    assert state(browser)["step"] == "4"
    browser.switch_to.default_content()
    browser.switch_to.frame(0)
    assert state(browser)["step"] == "0"
    browser.switch_to.default_content()


def test_a_name_of_a_user_runs_nothing(opened):
    x = ge.input("<img src=x onerror=window.hacked=1>")
    browser = opened(ge.Engine("numpy").trace(x * 2.0, {x: 1.0}))
    press(browser, "l")
    assert browser.execute_script("return window.hacked === undefined && document.querySelector('img') === null")


def test_a_near_picture_follows_the_step(opened):
    inside = """
    const part = document.querySelector("#stage [data-state=current], #stage [data-current=true]");
    const a = part.getBoundingClientRect(), b = document.querySelector("#stage > svg").getBoundingClientRect();
    return a.left >= b.left - 1 && a.right <= b.right + 1 && a.top >= b.top - 1 && a.bottom <= b.bottom + 1;
    """
    browser = opened(perceptron())
    press(browser, "+", "+", "+", "+")
    for _ in range(int(state(browser)["steps"]) - 1):
        press(browser, "l")
        assert browser.execute_script(inside), state(browser)
    whole = browser.execute_script("return document.querySelector('#stage > svg').getAttribute('viewBox')")
    press(browser, "0")
    assert browser.execute_script("return document.querySelector('#stage > svg').getAttribute('viewBox')") != whole
