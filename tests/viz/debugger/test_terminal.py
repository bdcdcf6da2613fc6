"""The debugger in a terminal: what its keys do, what its panes show at every size, and that it leaves the terminal."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time

import numpy as np
import pytest

import graph_engine as ge
from graph_engine_viz.debugger import open_session, walk
from graph_engine_viz.debugger.terminal.cells import Span, clean, fitted, plain, width_of, wrapped
from graph_engine_viz.debugger.terminal.desk import Desk
from graph_engine_viz.debugger.terminal.keys import KEYS, press
from graph_engine_viz.debugger.terminal.panes import compose


def network():
    x, t = ge.input("x", ("batch", 4)), ge.input("t", "batch", "int64")
    with ge.scope("net"):
        h = ge.nn.relu(ge.nn.Linear(4, 3, seed=0)(x))
    loss = ge.nn.cross_entropy(h, t)
    step = ge.Engine("numpy").compile([x, t], loss, updates=ge.optim.Adam(0.1).minimize(loss))
    return open_session(step, np.arange(8.0).reshape(2, 4) - 4, [0, 1])


def small(value=-2.0):
    x, y, z = ge.input("x"), ge.input("y"), ge.input("z")
    w = ge.log(x + y)
    f = w * z
    return open_session(ge.Engine("numpy"), f, {x: value, y: 5, z: -4})


@pytest.fixture
def desk():
    return Desk(network())


def type_in(desk, *keys):
    """Press keys; words are typed letter by letter."""
    for key in keys:
        for part in [key] if key in {"Enter", "Escape", "Backspace", "Tab", "Home", "End", "PageDown"} else key:
            assert press(desk, part)


def seen(desk, width=80, height=24):
    return "\n".join(plain(line).rstrip() for line in compose(desk, width, height))


# ---- keys ------------------------------------------------------------------------------------------------------


def test_step_and_step_back_restore_the_screen_exactly(desk):
    screens = [seen(desk)]
    count = 0
    while desk.session.place.last < len(desk.session.steps) - 1:
        type_in(desk, "l")
        screens.append(seen(desk))
        count += 1
    assert len(set(screens)) == count + 1
    without_calls = [text.split("─ stops")[0] for text in screens]
    for text in reversed(without_calls[:-1]):
        type_in(desk, "h")
        assert seen(desk).split("─ stops")[0] == text


def test_arrows_do_the_same_as_letters(desk):
    for arrow, letter in {"Right": "l", "Left": "h", "Down": "j", "Up": "k"}.items():
        desk.session.restart()
        desk.do("step")
        for key in (arrow, letter):
            press(desk, key)
        assert desk.session.log[-1] == desk.session.log[-2]


def test_into_a_rule_and_out_of_it_and_of_a_scope(desk):
    type_in(desk, "llllll", "j")
    assert desk.state["substep"] == 0 and "primitive 1 of" in seen(desk)
    type_in(desk, "k")
    assert desk.state["substep"] is None
    type_in(desk, "Home", "k")
    assert "▸ linear" in seen(desk) and desk.state["scope"] == ["net", "linear"]
    type_in(desk, "j")
    assert "▾ linear" in seen(desk)


def test_breakpoint_and_continue(desk):
    type_in(desk, "ll", "b", "End")
    assert "breakpoint 1: operation softmax_cross_entropy" in desk.session.points[1].reason(desk.session.steps[2], None)
    type_in(desk, "C")
    assert desk.session.place.last == 6 and "■ breakpoint 1" in seen(desk)
    type_in(desk, "C", "b", "c")
    assert not desk.session.points and desk.session.place.last == len(desk.session.steps) - 1
    assert "end" in desk.message


def test_watchpoint(desk):
    type_in(desk, "w")
    assert "stop where" in seen(desk)
    type_in(desk, "zeros > 0.4 of h", "Enter", "c")
    assert desk.session.place.last == 1 and "zeros > 0.4 holds for h" in desk.message
    type_in(desk, "d1", "Enter")
    assert not desk.session.points and "none: b or w" in seen(desk)


def test_next_and_previous_origin():
    desk = Desk(small(value=-5.0))
    type_in(desk, "n")
    assert desk.session.place.last == 1 and desk.message == "w holds Inf"
    at = desk.session.place.last
    type_in(desk, "n", "N")
    assert desk.session.place.last == at
    fine = Desk(small())
    type_in(fine, "n")
    assert fine.message == "everything in this run is finite" and fine.session.place.last == 0


def test_search_goes_there_and_names_the_others(desk):
    type_in(desk, "/relu", "Enter")
    assert desk.session.place.last == 1
    type_in(desk, "/net.linear.weight", "Enter")
    assert desk.inspected[0] == "net.linear.weight"
    type_in(desk, "/nothing like it", "Enter")
    assert desk.message == "nothing is called 'nothing like it'"


def test_inspect_a_part_and_the_other_sides(desk):
    type_in(desk, "End", "inet.linear.weight[1, 2:4]", "Enter")
    assert desk.inspected == ("net.linear.weight", "grad")
    number = f"{desk.session.grad('net.linear.weight')[1, 2]:.4g}"
    assert "[1, 2:4]" in seen(desk) and number in seen(desk)
    type_in(desk, "Tab")
    assert desk.inspected[1] == "update"
    type_in(desk, "Tab", "Home")
    type_in(desk, "Escape")
    assert desk.inspected == ("net.linear.linear", "value")
    type_in(desk, "inothing", "Enter")
    assert "nothing" in desk.message


def test_edit_run_again_and_compare(desk):
    first = float(desk.session.trace.value("loss"))
    type_in(desk, "l", "e", "7", "Enter")
    assert len(desk.session.runs) == 2 and float(desk.session.trace.value("loss")) != first
    assert "run 1 of 2" in seen(desk)
    type_in(desk, "m")
    assert "the first: h" in seen(desk)
    type_in(desk, "x", "r")
    assert desk.state["run"] == 0 and "run 0 of 2" in seen(desk)
    type_in(desk, "e", "[0, 9] = 1", "Enter")
    assert "there is no element" in desk.message and len(desk.session.runs) == 2


def test_what_is_edited_is_what_is_inspected(desk):
    type_in(desk, "End", "e")
    trace, (name, side) = desk.session.trace, desk.inspected
    holder = trace.updates[trace.graph[name]]
    assert side == "update" and desk.prompt.label.startswith(f"new value of {trace.graph.name_of(holder)} ")
    type_in(desk, "7", "Enter")
    assert np.all(desk.session.trace.value(holder) == 7) and len(desk.session.runs) == 2


def test_compare_with_one_run_says_what_to_do(desk):
    type_in(desk, "m")
    assert "edit a value with e" in desk.message


def test_why():
    desk = Desk(small(value=-5.0))
    type_in(desk, "n", "y")
    assert "cause:" in seen(desk) and "log" in seen(desk)
    type_in(desk, "q")  # goes back, and does not end it
    assert desk.reading is None


def test_help_names_every_key_and_its_call(desk):
    type_in(desk, "?")
    text = "\n".join(desk.reading)
    assert all(key.key in text and key.name in text and key.call in text for key in KEYS)
    for key in "lhjkcCbwnN/em?":
        assert any(row.key == key for row in KEYS)
    type_in(desk, "End", "jj", "Home", "PageDown", "k")
    assert desk.scroll == 14


def test_typing(desk):
    type_in(desk, "/abc", "Backspace", "d")
    assert seen(desk).splitlines()[-1].startswith("search: abd")
    press(desk, "Left")
    press(desk, "\x07")
    assert desk.prompt.text == "abd"
    type_in(desk, "Escape")
    assert desk.prompt is None
    type_in(desk, "wq", "Escape")
    assert not press(desk, "q")


@pytest.mark.parametrize("keys", [("w", "grad.", "Enter"), ("w", "isnan of nothing", "Enter"), ("d", "9", "Enter"),
                                  ("e", "hello", "Enter"), ("w", "__import__('os')", "Enter")])  # fmt: skip
def test_what_is_refused_is_told(desk, keys):
    place = desk.session.place
    type_in(desk, *keys)
    assert desk.message and desk.session.place == place and desk.message.split()[0] in seen(desk)


# ---- panes -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "width, height", [(80, 24), (132, 50), (40, 12), (41, 13), (300, 100), (60, 16), (20, 5), (1, 1)]
)
def test_lines_fill_the_terminal_exactly(desk, width, height):
    for keys in ("", "l" * 7, "b", "e", ("Escape",), "?", "xy"):
        type_in(desk, *keys)
        lines = compose(desk, width, height)
        assert len(lines) == height and all(width_of(plain(line)) == width for line in lines)
    assert ("too small" in seen(desk, width, height)) == (width in (20,))


def test_everything_is_there_at_80_by_24(desk):
    type_in(desk, "llllll", "b")
    text = seen(desk)
    for part in (
        "Backward · step 7 of", "test_terminal.py:", "▾ net", "◀ softmax_cross", "∂loss/∂h =", "h  result (2, 3)",
        "[gradient]", "RMS", "1 break operation softmax", "session.break_at(", "? keys · q",
    ):  # fmt: skip
        assert part in text, text


def test_numbers_are_those_of_the_session(desk):
    type_in(desk, "llllll")
    grad = desk.session.grad("h")
    assert f"RMS {np.sqrt(np.mean(grad.astype(float) ** 2)):.4g}" in seen(desk)
    rows = re.findall(r"relu\s+(\S+)\s+(\S+)", seen(desk))
    assert rows == [(f"{np.sqrt(np.mean(desk.session.value('h') ** 2)):.3g}", f"{np.sqrt(np.mean(grad**2)):.3g}")]


def test_what_is_not_computed_yet_has_no_number(desk):
    assert re.search(r"relu\s+·\s+·", seen(desk))
    type_in(desk, "ih", "Enter")
    assert "not computed at this step" in seen(desk)


def test_a_run_that_failed_and_a_graph_that_was_refused():
    x, t = ge.input("x", (2, 3)), ge.input("t", 2, "int64")
    desk = Desk(open_session(ge.Engine("numpy"), ge.nn.cross_entropy(x * 2, t), {x: np.ones((2, 3)), t: [0, 7]}))
    assert "label 7 is out of range" in seen(desk, 120, 40)
    with pytest.raises(ge.ShapeError) as caught:
        ge.matmul(x * 2, x)
    desk = Desk(open_session(caught.value))
    type_in(desk, "hl")
    assert "matmul: refused" in seen(desk) and "inner dimensions differ" in seen(desk, 200, 40)


def test_thousands_of_operations():
    x = ge.input("x")
    y = x
    for number in range(3000):
        with ge.scope(f"block{number // 100}"):
            y = ge.sin(y)
    desk = Desk(open_session(ge.Engine("numpy"), y, {x: 1.0}))
    assert "▸ block0" in seen(desk) and "▸ block9" in seen(desk)
    type_in(desk, "/block15.sin_55", "Enter")
    assert "▶   sin_55" in seen(desk) and "▸" not in seen(desk)


def test_text_is_cut_by_cells_and_cleaned():
    assert plain(fitted([Span("重み重み")], 5)) == "重み…" and width_of(plain(fitted([Span("重み")], 9))) == 9
    assert plain(fitted([Span("abc")], 0)) == "" and clean("a\x1b[31m\tb\n") == "a [31m b "
    assert [plain(line) for line in wrapped("one two three\nfour", 8)] == ["one two", "  three", "four"]


# ---- in a real terminal ----------------------------------------------------------------------------------------

MODEL = """
import graph_engine as ge
x = ge.input("x", 2)
w = ge.parameter("w", [1.0, 2.0])
y = ge.sqrt(w * x)
loss = ge.sum(y)
feeds = {x: [0.0, 3.0]}
"""
PROGRAM = "import sys; from graph_engine.cli import main; sys.exit(main(['debug', '--tui', *sys.argv[1:]]))"


class Terminal:
    """A program in a terminal of 24 lines, each of which is known."""

    def __init__(self, *command, size=(24, 80), kind="vt100"):
        self.mine, self.its = pty.openpty()
        self.resize(*size)
        self.before = termios.tcgetattr(self.its)
        environment = {key: value for key, value in os.environ.items() if key not in ("LINES", "COLUMNS")}
        environment |= {"TERM": kind, "PYTHONIOENCODING": "utf-8", "LC_ALL": "C.UTF-8", "OMP_NUM_THREADS": "1"}
        self.program = subprocess.Popen(
            command, stdin=self.its, stdout=self.its, stderr=self.its, env=environment, preexec_fn=self._take
        )
        self.output = ""

    def _take(self):
        """Make it the terminal that Ctrl-C is pressed in."""
        os.setsid()
        fcntl.ioctl(self.its, termios.TIOCSCTTY, 0)

    def resize(self, height, width):
        self.height, self.width = height, width
        fcntl.ioctl(self.mine, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    def send(self, text):
        os.write(self.mine, text.encode())

    def wait_for(self, *texts, seconds=30.0):
        """Draw anew until some texts are shown; return the lines."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._receive(0.2)
            if all(text in self.screen() for text in texts):
                return self.screen().splitlines()
            if self.program.poll() is not None:
                break
            self.send("\x0c")
        raise AssertionError(f"{texts} are not shown:\n{self.screen()}\n{self.output[-2000:]!r}")

    def wait_for_output(self, text, seconds=30.0):
        """Wait for a text, wherever it is written."""
        end = time.monotonic() + seconds
        while text not in self.output and time.monotonic() < end:
            self._receive(0.05)

    def ended(self, seconds=20.0):
        """Wait for its end; return its status."""
        end = time.monotonic() + seconds
        while self.program.poll() is None and time.monotonic() < end:
            self._receive(0.05)
        self._receive(0.05)
        return self.program.wait(1)

    def screen(self):
        """Play what was received since the screen was cleared last."""
        cells = [[" "] * self.width for _ in range(self.height)]
        row = column = 0
        since = self.output[max(self.output.rfind("\x1b[J"), 0) :]
        for found in re.finditer(r"\x1b\[(\d*;?\d*)([A-Za-z])|\x1b[()].|\x1b.|[\x0e\x0f]|(.)", since, re.DOTALL):
            numbers, action, text = found.groups()
            if action == "H":
                row, column = (int(part or 1) - 1 for part in (numbers.split(";") if numbers else ("1", "1")))
            elif action == "K":
                cells[row][column:] = [" "] * (self.width - column)
            elif action is not None and action in "ABCD":
                row += {"A": -1, "B": 1}.get(action, 0) * int(numbers or 1)
                column += {"C": 1, "D": -1}.get(action, 0) * int(numbers or 1)
            elif action == "J" and found.start():
                break
            elif text == "\r":
                column = 0
            elif text == "\n":
                row += 1
            elif text == "\b":
                column -= 1
            elif text is not None and text.isprintable() and row < self.height and column < self.width:
                cells[row][column] = text
                column += 1
        return "\n".join("".join(line) for line in cells)

    def _receive(self, seconds):
        while select.select([self.mine], [], [], seconds)[0]:
            try:
                data = os.read(self.mine, 1 << 16)
            except OSError:
                return
            self.output += data.decode("utf-8", "replace")
            seconds = 0.02

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.program.poll() is None:
            self.program.kill()
        self.program.wait()
        os.close(self.mine)
        os.close(self.its)


def terminal(path, **options):
    return Terminal(sys.executable, "-c", PROGRAM, str(path), **options)


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "model.py"
    path.write_text(MODEL)
    return path


def test_it_runs_in_a_terminal_and_leaves_it_as_it_was(model):
    with terminal(model) as shown:
        lines = shown.wait_for("Forward · step 1 of", "? keys")
        assert lines[0].endswith("model.py:5") and "? keys" in lines[23]
        shown.send("n")
        shown.wait_for("Backward · step 6 of", "grad(multiply) holds Inf")
        shown.send("h")
        shown.wait_for("Backward · step 5 of")
        shown.send("wisnan\r")
        shown.wait_for("watchpoint 1: isnan of everything")
        shown.send("w\x1b")
        shown.wait_for("? keys")
        shown.resize(40, 120)
        assert "? keys" in shown.wait_for("? keys · q")[39]
        shown.send("q")
        assert shown.ended() == 0
        assert termios.tcgetattr(shown.its) == shown.before


def test_ctrl_c_leaves_it(model):
    with terminal(model, kind="xterm-256color") as shown:
        shown.wait_for_output("step 1 of")
        shown.send("l\x03")
        assert shown.ended() == 0 and termios.tcgetattr(shown.its) == shown.before
        assert "\x1b[?1049l" in shown.output  # the screen of before is back


def test_after_an_error_of_ours_the_terminal_is_as_it_was(model):
    broken = f"from graph_engine_viz.debugger.terminal import desk; desk.Desk.jump = lambda *_: 1 / 0; {PROGRAM}"
    with Terminal(sys.executable, "-c", broken, str(model)) as shown:
        shown.wait_for("Forward · step 1 of")
        shown.send("n")
        assert shown.ended() == 2 and "ZeroDivisionError" in shown.output
        assert termios.tcgetattr(shown.its) == shown.before


def test_without_a_terminal_it_says_so(model):
    command = [sys.executable, "-c", PROGRAM, str(model)]
    ended = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)
    assert ended.returncode == 2 and "this is no terminal" in ended.stderr


def test_a_terminal_of_an_unknown_kind(model):
    with terminal(model, kind="nothing-like-it") as shown:
        assert shown.ended() == 2 and "cannot be drawn on" in shown.output


def test_walk_is_public():
    with pytest.raises(ge.DeclarationError, match="this is no terminal"):
        walk(small())
