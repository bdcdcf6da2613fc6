"""The server answers its own page, and nobody else; whatever is sent to it, it goes on answering."""

import gzip
import http.client
import json
import logging
import socket
import threading
import time

import pytest

import graph_engine as ge
from graph_engine_viz.debugger import Session, handling
from graph_engine_viz.debugger.screen import Screen as RealScreen
from graph_engine_viz.debugger.server import serve

POLICY = "default-src 'none'; script-src 'sha256-x'; connect-src 'self'"
PAGE = f'<!doctype html><meta http-equiv="Content-Security-Policy" content="{POLICY}">page'


class Screen:
    """Counts, echoes, refuses, fails."""

    def __init__(self):
        self.count, self.inside, self.most = 0, 0, 0

    def answer(self, what, arguments):
        self.inside += 1
        self.most = max(self.most, self.inside)
        try:
            return getattr(self, what)(**arguments)
        finally:
            self.inside -= 1

    def step(self):
        before = self.count
        time.sleep(0.0001)  # whoever comes in now would count wrongly
        self.count = before + 1
        return {"count": self.count}

    def echo(self, **arguments):
        return arguments

    def refuse(self):
        raise ge.LookupFailed("there is no 'w'", "give another name")

    def fail(self):
        raise RuntimeError("a mistake")

    def wrong(self):
        return {"number": float("nan")}

    def large(self):
        return {"text": "a" * 3_000_000}


@pytest.fixture(scope="module")
def server():
    server = serve(Screen(), PAGE)
    yield server
    server.stop()


@pytest.fixture
def hasty(monkeypatch):
    """A server that waits for nobody."""
    monkeypatch.setattr(handling, "PATIENCE", 0.4)
    server = serve(Screen(), PAGE)
    yield server
    server.stop()


def raw(server, *pieces, wait=0.0, shut=False):
    """Send bytes, and return all that comes back until the server closes."""
    received = b""
    with socket.create_connection(server.server_address, timeout=5) as connection:
        try:
            for piece in pieces:
                connection.sendall(piece)
                time.sleep(wait)
            if shut:
                connection.shutdown(socket.SHUT_WR)
            while data := connection.recv(1 << 16):
                received += data
        except ConnectionError:
            pass  # the server had heard enough
    return received


def status(answer):
    return int(answer.split(b" ", 2)[1])


def get(server, path, **headers):
    given = {"Host": f"127.0.0.1:{server.server_port}", **{name.replace("_", "-"): v for name, v in headers.items()}}
    lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items() if value is not None)]
    return raw(server, "\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1"))


def post(server, body=b'{"what": "step"}', path="/answer", extra=(), **headers):
    given = {
        "Host": f"127.0.0.1:{server.server_port}",
        "X-Token": server.token,
        "Content-Type": "application/json",
        "Content-Length": len(body),
    } | {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items() if value is not None)]
    return raw(server, "\r\n".join([*lines, *extra, "Connection: close", "", ""]).encode("latin-1") + body)


def content(answer):
    return json.loads(answer.partition(b"\r\n\r\n")[2])


def works(server):
    return status(post(server)) == 200


def works_at_last(server):
    """Whether it answers one of a few questions: it may be that hasty that it misses one on a busy machine."""
    return any(post(server).startswith(b"HTTP/1.1 200") for _ in range(20))


# ---- what is answered ------------------------------------------------------------------------------------------


def test_its_address_opens_the_page(server):
    answer = get(server, server.url.partition(str(server.server_port))[2])
    assert status(answer) == 200 and answer.endswith(PAGE.encode())


def test_what_is_large_is_sent_compressed_to_who_takes_it(server):
    plain, packed, refused, least = (
        post(server, b'{"what": "large"}', Accept_Encoding=accepted)
        for accepted in ("br", "br, gzip", "gzip;q=0, br", "gzip; q=0.5")
    )
    assert refused == plain and least == packed
    head, _, body = packed.partition(b"\r\n\r\n")
    assert b"Content-Encoding: gzip" in head and len(packed) < len(plain) / 100
    assert json.loads(gzip.decompress(body)) == content(plain) == {"text": "a" * 3_000_000}
    assert b"Content-Encoding" not in post(server, Accept_Encoding="gzip")


def test_a_question_is_answered(server):
    answer = post(server, b'{"what": "echo", "arguments": {"name": "\xce\xb4", "at": [1, 2.5, null]}}')
    assert content(answer) == {"name": "δ", "at": [1, 2.5, None]}


def test_a_refusal_is_an_answer(server):
    answer = post(server, b'{"what": "refuse"}')
    assert status(answer) == 200 and content(answer) == {"error": "there is no 'w'\n  give another name"}


@pytest.mark.parametrize(("what", "wrong"), [("fail", "a mistake"), ("wrong", "Out of range")])
def test_a_mistake_of_ours_is_logged_and_it_goes_on(server, caplog, what, wrong):
    answer = post(server, f'{{"what": "{what}"}}'.encode())
    assert status(answer) == 500 and "the debugger itself failed" in content(answer)["error"]
    (record,) = caplog.records
    assert record.levelno == logging.ERROR and wrong in caplog.text and wrong not in content(answer)["error"]
    assert works(server)


def test_every_answer_is_closed_to_others(server):
    page = get(server, f"/?token={server.token}")
    assert f"\r\nContent-Security-Policy: {POLICY}; frame-ancestors 'none'\r\n".encode() in page
    others = get(server, "/nothing"), post(server), post(server, X_Token="no"), raw(server, b"GET\r\n\r\n")
    for answer in (page, *others):
        head = answer.partition(b"\r\n\r\n")[0].decode().lower()
        assert "content-security-policy: default-src 'none'; " in head and head.endswith("connection: close")
        for line in ("x-content-type-options: nosniff", "referrer-policy: no-referrer", "cache-control: no-store"):
            assert line in head
        assert "access-control" not in head and "python" not in head


def test_it_says_nothing(server, capfd, caplog):
    with caplog.at_level(logging.WARNING):
        post(server), get(server, "/nothing"), raw(server, b"\x00\xff\r\n\r\n"), post(server, b'{"what": "refuse"}')
    assert capfd.readouterr() == ("", "") and not caplog.records


# ---- who may ask -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("token", [None, "", "x", "é", "a" * 43, "a" * 5000])
def test_a_wrong_token(server, token):
    before = server.screen.count
    assert status(post(server, X_Token=token)) == 403
    assert status(get(server, "/" if token is None else f"/?token={token}")) == 403
    assert server.screen.count == before


def test_a_part_of_the_token_and_the_token_in_a_wrong_place(server):
    assert status(post(server, X_Token=server.token[:-1])) == 403
    assert status(post(server, X_Token=server.token + "a")) == 403
    assert status(post(server, path=f"/answer?token={server.token}", X_Token=None)) == 403


def test_tokens_are_long_and_each_server_has_its_own(server):
    other = serve(Screen(), PAGE)
    assert other.token != server.token and len(other.token) >= 43
    assert status(post(other, X_Token=server.token)) == 403
    other.stop()


@pytest.mark.parametrize(
    "host",
    [None, "", "example.org", "127.0.0.1.example.org", "localhost.example.org", "127.0.0.2", "0.0.0.0", "localhost:",
     "localhost:99999999", "user@localhost", "localhost:80 ", "127.0.0.1:80,example.org", "[::2]", "2130706433"],
)  # fmt: skip
def test_a_wrong_host(server, host):
    host = host.strip() + "/x" if host == "localhost:80 " else host
    assert status(post(server, Host=host)) == 403
    assert status(get(server, f"/?token={server.token}", Host=host)) == 403


def test_two_hosts(server):
    assert status(post(server, extra=("Host: localhost",))) == 403


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1:9000", "[::1]:9000", "localhost:65535"])
def test_a_tunnel_has_another_port(server, host):
    assert status(post(server, Host=host, Origin=f"http://{host}")) == 200


@pytest.mark.parametrize(
    "origin",
    ["null", "http://example.org", "https://localhost:9000", "http://localhost:9001", "http://localhost",
     "http://localhost:9000.example.org", "http://localhost:9000/", "", "file://"],
)  # fmt: skip
def test_a_wrong_origin(server, origin):
    assert status(post(server, Host="localhost:9000", Origin=origin)) == 403
    assert status(get(server, f"/?token={server.token}", Host="localhost:9000", Origin=origin)) == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_page_of_another_site(server, site):
    assert status(get(server, f"/?token={server.token}", Sec_Fetch_Site=site, Sec_Fetch_Mode="no-cors")) == 403
    assert status(post(server, Sec_Fetch_Site=site, Sec_Fetch_Mode="navigate")) == 403
    followed = get(server, f"/?token={server.token}", Sec_Fetch_Site=site, Sec_Fetch_Mode="navigate")
    assert status(followed) == 200


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_what_a_form_of_another_site_could_send(server, kind):
    assert status(post(server, Content_Type=kind)) == 415


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE", "CONNECT", "X" * 100])
def test_other_methods(server, method):
    lines = [f"{method} /answer HTTP/1.1", "Host: localhost", f"X-Token: {server.token}", "Connection: close", "", ""]
    assert status(raw(server, "\r\n".join(lines).encode())) == 405


# ---- what is asked for -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    ["/../../../etc/passwd", "/..%2f..%2f..%2fetc/passwd", "/%2e%2e/server.py", "//etc/passwd", "/.", "/./", "/%00",
     "/..\\..\\x", "http://example.org/", "http://[", "*", "/index.html", "/app.js", "/answer", "/;", "/#"],
)  # fmt: skip
def test_only_the_page(server, path):
    for asked in (path, f"{path}?token={server.token}"):
        assert status(get(server, asked)) == 404


def test_only_answers_are_asked_for(server):
    assert status(post(server, path="/")) == 404 and status(post(server, path="/answer/")) == 404


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"1", b"null", b'"step"', b"{}", b'{"what": 1}', b'{"what": "step", "arguments": []}',
     b'{"what": "step", "arguments": null}', b'{"what": "step", "more": 1}', b"\xff\xfe", b'{"what": "\xff"}',
     b'{"what": "echo", "arguments": {"a": NaN}}', b'{"what": "echo", "arguments": {"a": ' + b"9" * 9999 + b"}}",
     b"[" * 100_000, b'{"a":' * 50_000],
)  # fmt: skip
def test_broken_bodies(server, body):
    assert status(post(server, body)) == 400
    assert works(server)


def test_text_that_is_none(server):
    assert content(post(server, b'{"what": "echo", "arguments": {"a": "\\ud800"}}')) == {"a": "?"}


@pytest.mark.parametrize("length", [None, "-1", "+5", "1e3", "0x10", "", "5, 5", "9" * 30])
def test_wrong_lengths(server, length):
    assert status(post(server, Content_Length=length)) == 400
    assert works(server)


def test_two_lengths_and_pieces(server):
    assert status(post(server, extra=("Content-Length: 3",))) == 400
    assert status(post(server, extra=("Transfer-Encoding: chunked",))) == 400
    assert status(post(server, Content_Length=None, extra=("Transfer-Encoding: chunked",))) == 400


def test_a_body_of_one_megabyte_and_one_byte_more(server):
    empty = b'{"what": "echo", "arguments": {"a": ""}}'
    full = empty.replace(b'""', b'"' + b"a" * (handling.LARGEST_BODY - len(empty)) + b'"')
    assert len(full) == handling.LARGEST_BODY and status(post(server, full)) == 200
    assert status(post(server, full + b" ")) == 413
    assert status(post(server, b"", Content_Length=10**12)) == 413  # said, and not sent


def test_a_body_on_a_get_is_not_the_next_request(server):
    smuggled = f"GET /?token={server.token} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    first = f"GET /nothing HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(smuggled)}\r\n\r\n"
    answer = raw(server, first.encode() + smuggled)
    assert status(answer) == 404 and answer.count(b"HTTP/1.1") == 1


@pytest.mark.parametrize(
    "sent",
    [b"", b"\r\n\r\n", b"GARBAGE\r\n\r\n", b"GET\r\n\r\n", b"GET /app.js\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n",
     b"GET / FTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00\r\n", b"GET / HTTP/1.1\r\nno header\r\n\r\n",
     b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\nX: " + b"a" * 70_000 + b"\r\n\r\n",
     b"GET / HTTP/1.1\r\n" + b"X: 1\r\n" * 200 + b"\r\n"],
)  # fmt: skip
def test_no_http(server, sent):
    answer = raw(server, sent, shut=True)
    assert not answer or status(answer) >= 400
    assert works(server)


# ---- who comes slowly, goes early, or comes often --------------------------------------------------------------


def test_whoever_is_silent_is_not_waited_for(hasty):
    start = time.monotonic()
    raw(hasty)
    raw(hasty, b"POST /answer HTTP/1.1\r\nHost: loc")
    raw(hasty, f"POST /answer HTTP/1.1\r\nHost: localhost\r\nX-Token: {hasty.token}\r\n".encode()
        + b"Content-Type: application/json\r\nContent-Length: 16\r\n\r\n{")  # fmt: skip
    assert 1 < time.monotonic() - start < 8 and works_at_last(hasty)


def test_whoever_drips_is_not_waited_for(hasty):
    start = time.monotonic()
    raw(hasty, *(b"X" for _ in range(100)), wait=0.05)  # five seconds, if it were waited for
    assert time.monotonic() - start < 4 and works_at_last(hasty)


def test_dropped_connections(server):
    request = f"POST /answer HTTP/1.1\r\nHost: localhost\r\nX-Token: {server.token}\r\n".encode()
    request += b'Content-Type: application/json\r\nContent-Length: 17\r\n\r\n{"what": "large"}'
    for cut in (0, 1, 20, len(request) - 1, len(request)):
        for _ in range(5):
            connection = socket.create_connection(server.server_address, timeout=5)
            connection.sendall(request[:cut])
            connection.close()  # before the answer
    assert works(server)


def test_more_connections_than_there_is_room_for(hasty):
    idle = [socket.create_connection(hasty.server_address, timeout=5) for _ in range(200)]
    assert works_at_last(hasty)
    for connection in idle:
        connection.close()


def test_a_thousand_quick_questions_of_two_browsers():
    server = serve(Screen(), PAGE)
    counts, body, header = [], b'{"what": "step"}', {"X-Token": server.token, "Content-Type": "application/json"}

    def browse():
        connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
        for _ in range(500):  # over one connection
            connection.request("POST", "/answer", body, header)
            counts.append(json.loads(connection.getresponse().read())["count"])
        connection.close()

    browsers = [threading.Thread(target=browse) for _ in range(2)]
    for browser in browsers:
        browser.start()
    for browser in browsers:
        browser.join()
    assert sorted(counts) == list(range(1, 1001)) and server.screen.most == 1
    for _ in range(300):  # and each over one of its own
        assert works(server)
    server.stop()


def test_what_is_sent_at_once_is_answered_in_turn(server):
    one = f"GET /?token={server.token} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    answer = raw(server, one * 9 + one.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    assert answer.count(b"HTTP/1.1 200 OK") == 10


def test_stopped_it_answers_no_more():
    server = serve(Screen(), PAGE)
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=5)
    connection.request("GET", f"/?token={server.token}")
    assert connection.getresponse().read() == PAGE.encode()
    server.stop()
    server.stop()
    with pytest.raises((ConnectionError, http.client.HTTPException)):
        connection.request("GET", f"/?token={server.token}")
        connection.getresponse()
    with pytest.raises(ConnectionError):
        socket.create_connection(server.server_address, timeout=5)


def test_it_listens_on_loopback_only(server):
    assert server.socket.getsockname()[0] == "127.0.0.1"


def test_a_port_that_is_taken(server):
    with pytest.raises(OSError, match=r"[Aa]ddress"):
        serve(Screen(), PAGE, server.server_port)


# ---- a real session --------------------------------------------------------------------------------------------

HOSTILE = [
    ("nothing", {}), ("do", {}), ("do", {"call": "nothing"}), ("do", {"call": ["a"]}), ("do", {"call": "__init__"}),
    ("do", {"call": "go", "arguments": [1e308]}), ("do", {"call": "go", "arguments": [-1]}),
    ("do", {"call": "go", "arguments": [True]}), ("do", {"call": "step", "arguments": [1]}),
    ("do", {"call": "break_at", "arguments": ["1" * 9000]}), ("do", {"call": "delete", "arguments": [9]}),
    ("do", {"call": "watch", "arguments": ["__import__('os').system('true')"]}),
    ("do", {"call": "watch", "arguments": ["a" * 100_000]}), ("do", {"call": "watch", "arguments": ["(" * 3000]}),
    ("do", {"call": "watch", "arguments": ["rms < " + "-" * 9000 + "1"]}),
    ("do", {"call": "watch", "arguments": ["not " * 9000 + "isnan"]}),
    ("do", {"call": "watch", "arguments": ["1" * 9000 + " < rms"]}),
    ("do", {"call": "set_value", "arguments": ["x", "hello"]}),
    ("do", {"call": "set_value", "arguments": ["x", "[" * 5000]}),
    ("do", {"call": "set_value", "arguments": ["x", "[1, [2]]"]}),
    ("do", {"call": "set_value", "arguments": ["x", "1" * 9000]}),
    ("do", {"call": "set_value", "arguments": ["x", "[" + "1" * 9000 + "] = 1"]}),
    ("do", {"call": "open", "arguments": ["nothing"]}), ("do", {"call": "use_run", "arguments": [7]}),
    ("inspect", {"variable": "nothing"}), ("inspect", {"variable": "x", "side": "inside"}),
    ("inspect", {"variable": "x", "slice": "9" * 5000}), ("inspect", {"variable": "x", "slice": "0:," * 900}),
    ("inspect", {"variable": "x", "slice": "__import__('os')"}),
    ("inspect", {"variable": 3}), ("inspect", {"other": 3}),
    ("picture", {"focus": [["a"]]}), ("picture", {"focus": [{"a": 1}] * 1000}), ("looks", {"step": 10**30}),
    ("numbers", {"names": [[]]}), ("numbers", {"names": ["x"] * 10_000}), ("compare", {"runs": [{}, 1]}),
    ("compare", {"runs": [0, 10**30]}), ("check", {"variable": "nothing"}), ("time", {"variable": "x"}),
    ("why", {"node": "nothing"}), ("why", {"node": "x", "of": "colour"}), ("search", {"text": 3}),
]  # fmt: skip


@pytest.fixture(scope="module")
def real():
    x = ge.input("x", 3)
    session = Session(ge.Engine("numpy").trace(ge.sum(ge.tanh(x)), {x: [1, 2, 3]}))
    server = serve(RealScreen(session), PAGE)
    yield server
    server.stop()


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_a_real_session_refuses_what_it_cannot_answer(real, number):
    what, arguments = HOSTILE[number]
    before = content(post(real, b'{"what": "state"}'))
    answer = post(real, json.dumps({"what": what, "arguments": arguments}).encode())
    assert status(answer) == 200 and content(answer)["error"]
    assert content(post(real, b'{"what": "state"}')) == before
