"""The requests of the debugger's page: which are answered, and which are not.

Whoever asks shows the token, and is a page of this server: its Host is this machine's, at whatever port a tunnel has
there, and its Origin, where a browser sends one, is the same. A request comes whole and in time, or the connection is
closed.
"""

from __future__ import annotations

import gzip
import hmac
import io
import json
import logging
import re
import socket
import time
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import parse_qs

from graph_engine.collector import paused_collection
from graph_engine_viz.debugger.screen.plain import as_bytes

if TYPE_CHECKING:
    from graph_engine_viz.debugger.server import Server

__all__ = ["LARGEST_BODY", "PATIENCE", "Handler"]

LARGEST_BODY = 1 << 20
PATIENCE = 10.0
"""Seconds within which a request has come; a connection that is silent for so long is closed."""

LARGE = 100_000
"""Answers of more bytes are sent compressed: through a tunnel, that is what takes the time."""

_SLOWEST = 1e5  # bytes a second at which an answer is taken
_TEXT = "text/plain; charset=utf-8"
_JSON = "application/json"
_HTML = "text/html; charset=utf-8"
_HOST = re.compile(r"(?:localhost|127\.0\.0\.1|\[::1\])(?::[0-9]{1,5})?", re.IGNORECASE)
_GZIP = re.compile(r"\bgzip\b(?!\s*;\s*q=0(?:\.0*)?\s*(?:,|$))")
_LENGTH = re.compile(r"[0-9]{1,15}")
_CLOSED = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_FAILED = "the debugger itself failed at this; its program logs why: logging.basicConfig() shows it"
_log = logging.getLogger(__name__)


class Refused(Exception):
    """A request that gets no answer.

    Parameters
    ----------
    status : HTTPStatus
    text : str
        Why, in few words.
    """

    def __init__(self, status: HTTPStatus, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


class Handler(BaseHTTPRequestHandler):
    """Answers the requests of one connection."""

    server: Server
    protocol_version = "HTTP/1.1"
    default_request_version = "HTTP/1.1"  # of a request that does not say one: it gets a status, too
    timeout: ClassVar[float] = PATIENCE
    disable_nagle_algorithm = True

    def setup(self) -> None:
        """Read with a limit on the time for a whole request."""
        super().setup()
        self.rfile.close()
        self._reader = Deadline(self.connection)
        self.rfile = io.BufferedReader(self._reader)

    def handle_one_request(self) -> None:
        """Answer one request, if it comes in time."""
        self._reader.begin(PATIENCE)
        try:
            super().handle_one_request()
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    def do_GET(self) -> None:
        """Send the page."""
        self._reply(self._page)

    def do_POST(self) -> None:
        """Send an answer of the session."""
        self._reply(self._answer)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse a request that could not be read, or that is neither GET nor POST."""
        self.close_connection = True
        status = HTTPStatus.METHOD_NOT_ALLOWED if code == HTTPStatus.NOT_IMPLEMENTED else HTTPStatus(code)
        self._send(status, _TEXT, status.phrase.encode())

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing on the terminal."""

    def version_string(self) -> str:
        """Say no more than needed of what answers."""
        return "graph-engine"

    # ---- what is answered --------------------------------------------------------------------------------------

    def _reply(self, find: Callable[[], tuple[str, bytes]]) -> None:
        self._left = 0  # bytes of the body that have not been read
        try:
            self._left = self._body_length()
            self._check_sender()
            (kind, content), status = find(), HTTPStatus.OK
        except Refused as refused:
            status, kind, content = refused.status, _TEXT, refused.text.encode()
        except (ConnectionError, TimeoutError):
            raise
        except Exception:  # a mistake of ours: the page says so, and goes on
            _log.exception("an answer failed")
            status, kind, content = HTTPStatus.INTERNAL_SERVER_ERROR, _JSON, as_bytes({"error": _FAILED})
        self.close_connection = self.close_connection or self._left > 0
        self._send(status, kind, content)
        if self._left:
            self._drain()

    def _page(self) -> tuple[str, bytes]:
        path, _, query = self.path.partition("?")
        if path != "/":
            raise Refused(HTTPStatus.NOT_FOUND, "there is no such page")
        self._check_token((parse_qs(query).get("token") or [""])[0])
        return _HTML, self.server.page

    def _answer(self) -> tuple[str, bytes]:
        self._check_token(self.headers.get("X-Token", ""))
        if self.path != "/answer":
            raise Refused(HTTPStatus.NOT_FOUND, "there is no such page")
        if self.headers.get_content_type() != _JSON:
            raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"a question is {_JSON}")
        what, arguments = _read_question(self._body())
        with paused_collection():  # of a large run, it would look through all nodes in the midst of an answer
            return _JSON, as_bytes(self.server.answer(what, arguments))

    # ---- what is checked ---------------------------------------------------------------------------------------

    def _check_sender(self) -> None:
        """Refuse what no page of this server sends."""
        hosts, origins = self.headers.get_all("Host") or [], self.headers.get_all("Origin") or []
        if len(hosts) != 1 or not _HOST.fullmatch(hosts[0]):
            raise Refused(HTTPStatus.FORBIDDEN, "this server is called localhost")
        opened = self.command == "GET" and self.headers.get("Sec-Fetch-Mode") == "navigate"  # a link that was followed
        inside = opened or self.headers.get("Sec-Fetch-Site", "none") in ("same-origin", "none")
        if not inside or any(origin.lower() != f"http://{hosts[0].lower()}" for origin in origins):
            raise Refused(HTTPStatus.FORBIDDEN, "a page of another site may not ask")

    def _check_token(self, token: str) -> None:
        if not hmac.compare_digest(token.encode("utf-8", "replace"), self.server.token.encode()):
            raise Refused(HTTPStatus.FORBIDDEN, "a wrong token: open the address that the debugger shows")

    def _body_length(self) -> int:
        lengths = self.headers.get_all("Content-Length") or []
        known = len(lengths) == 1 and _LENGTH.fullmatch(lengths[0]) and "Transfer-Encoding" not in self.headers
        if known:
            return int(lengths[0])
        if lengths or "Transfer-Encoding" in self.headers or self.command == "POST":
            self.close_connection = True  # nobody knows where the next request begins
            raise Refused(HTTPStatus.BAD_REQUEST, "a question says its length")
        return 0

    def _body(self) -> bytes:
        if self._left > LARGEST_BODY:
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a question has at most {LARGEST_BODY} bytes")
        content = self.rfile.read(self._left)
        if len(content) < self._left:
            raise ConnectionResetError("the question ended early")
        self._left = 0
        return content

    # ---- what is sent ------------------------------------------------------------------------------------------

    def _send(self, status: HTTPStatus, kind: str, content: bytes) -> None:
        packed = len(content) > LARGE and bool(_GZIP.search(_accepted(self)))
        content = gzip.compress(content, 1) if packed else content
        self.connection.settimeout(PATIENCE + len(content) / _SLOWEST)
        policy = self.server.policy if kind == _HTML else "default-src 'none'"
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Content-Security-Policy", f"{policy}; frame-ancestors 'none'")
        for name, value in _CLOSED.items():
            self.send_header(name, value)
        if packed:
            self.send_header("Content-Encoding", "gzip")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _drain(self) -> None:
        """Take what still comes of a refused question, for a moment, so that the refusal arrives."""
        self.connection.shutdown(socket.SHUT_WR)
        self._reader.begin(1.0)
        while self._left > 0 and (piece := self.rfile.read1(min(self._left, 1 << 16))):
            self._left -= len(piece)


def _accepted(handler: Handler) -> str:
    """Return the encodings that a browser takes; a request that was cut off has said nothing."""
    headers = getattr(handler, "headers", None)
    return str(headers.get("Accept-Encoding", "")) if headers is not None else ""


class Deadline(socket.SocketIO):
    """Reads from a connection until a point in time, however slowly it comes."""

    def __init__(self, connection: socket.socket) -> None:
        super().__init__(connection, "r")
        self._connection = connection
        self.begin(PATIENCE)

    def begin(self, seconds: float) -> None:
        """Wait no longer than so many seconds, all together."""
        self._end = time.monotonic() + seconds

    def readinto(self, buffer: Any) -> int | None:
        """Read what is there."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError("too slow")
        self._connection.settimeout(left)
        return self._connection.recv_into(buffer)


def _read_question(body: bytes) -> tuple[str, dict[str, Any]]:
    try:
        asked = json.loads(body.decode(), parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise Refused(HTTPStatus.BAD_REQUEST, "a question is JSON") from None
    fits = isinstance(asked, dict) and {"what"} <= set(asked) <= {"what", "arguments"}
    what, arguments = (asked["what"], asked.get("arguments", {})) if fits else (None, None)
    if not isinstance(what, str) or not isinstance(arguments, dict):
        raise Refused(HTTPStatus.BAD_REQUEST, 'a question is {"what": name, "arguments": {...}}')
    return what, arguments


def _refuse_constant(text: str) -> None:
    raise ValueError(f"{text} is no JSON")
