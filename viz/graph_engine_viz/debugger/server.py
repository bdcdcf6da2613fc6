"""The server of the debugger's page: on this machine only, for whoever holds its token, and nothing but page and answers.

It listens on the loopback device. Who asks for an answer shows a random token that only the page's address holds; Host
and Origin are checked, so that no page of another site gets in through the browser, while `ssh -L` to any port works.
Nothing that a request holds is run, and no path of a request is looked up on the disk. One lock makes the session's
answers come one after the other, whatever number of browsers asks.
"""

from __future__ import annotations

import hmac
import io
import json
import logging
import os
import re
import secrets
import socket
import socketserver
import time
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import BoundedSemaphore, Lock, Thread
from typing import Any, ClassVar, NamedTuple, Protocol
from urllib.parse import parse_qs, urlsplit

from graph_engine.errors import GraphEngineError

__all__ = ["Answering", "Server", "page_files", "serve"]

LARGEST_BODY = 1 << 20
PATIENCE = 10.0
"""Seconds within which a request has come, or its answer has gone; a connection that is silent for so long is closed."""
MOST_CONNECTIONS = 128

_HOST = re.compile(r"(?:localhost|127\.0\.0\.1|\[::1\])(?::\d{1,5})?", re.IGNORECASE)
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_CLOSED = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_FOLDER = Path(__file__).parent.parent / "web" / "debugger"
_log = logging.getLogger(__name__)


class Answering(Protocol):
    """What a server asks: the screen of a session."""

    def answer(self, what: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Return an answer as plain data, or raise an error of this library."""


class File(NamedTuple):
    """A file of the page."""

    kind: str
    content: bytes


def page_files(folder: Path = _FOLDER) -> dict[str, File]:
    """Read the files of the page, by the path of their address."""
    found = [path for path in sorted(folder.rglob("*")) if path.suffix in _TYPES]
    return {f"/{path.relative_to(folder).as_posix()}": File(_TYPES[path.suffix], path.read_bytes()) for path in found}


def serve(screen: Answering, port: int = 0, files: Mapping[str, File] | None = None) -> Server:
    """Serve the page of a session until `stop` is called, or the program ends.

    Parameters
    ----------
    screen : Screen
    port : int
        By default, one that is free.
    files : mapping of str to File, optional
        Other files than the debugger's page; "/index.html" is the one that is opened.

    Returns
    -------
    Server
        Its `url` opens the page.

    Raises
    ------
    OSError
        Where the port is taken.

    Examples
    --------
    >>> class Echo:
    ...     def answer(self, what, arguments):
    ...         return arguments
    >>> server = serve(Echo(), files={"/index.html": File("text/html", b"hello")})
    >>> server.url.startswith("http://127.0.0.1:")
    True
    >>> server.stop()
    """
    server = Server(screen, port, page_files() if files is None else files)
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
    return server


class Server(socketserver.ThreadingMixIn, HTTPServer):
    """Answers the page of one session; made by `serve`.

    Attributes
    ----------
    screen : Screen
    files : mapping of str to File
    token : str
        What a request has to show.
    lock : Lock
        Held while the session is asked.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    allow_reuse_address = os.name != "nt"  # there, it would let another program take the port over

    def __init__(self, screen: Answering, port: int, files: Mapping[str, File]) -> None:
        self.screen = screen
        self.files = files
        self.token = secrets.token_urlsafe(32)
        self.lock = Lock()
        self._room = BoundedSemaphore(MOST_CONNECTIONS)
        self._open: set[Any] = set()
        super().__init__(("127.0.0.1", port), Handler)

    @property
    def url(self) -> str:
        """The address that opens the page; it holds the token, so it is not for others."""
        return f"http://127.0.0.1:{self.server_address[1]}/?token={self.token}"

    def answer(self, what: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Ask the session; what it refuses is an answer, too."""
        try:
            with self.lock:
                return self.screen.answer(what, arguments)
        except GraphEngineError as error:
            return {"error": str(error)}

    def stop(self) -> None:
        """Close all connections, and answer no more."""
        self.shutdown()
        self.server_close()
        for connection in tuple(self._open):
            _hang_up(connection)

    # ---- connections -------------------------------------------------------------------------------------------

    def server_bind(self) -> None:
        """Bind, without looking up what this machine is called."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "localhost", self.server_address[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer a connection in a thread of its own; where there are too many, the newest waits, and then goes."""
        if not self._room.acquire(timeout=PATIENCE / 10):
            super().shutdown_request(request)
            return
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Close a connection."""
        super().shutdown_request(request)
        if request in self._open:
            self._open.discard(request)
            self._room.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Let connections break: their browsers ask again."""
        _log.debug("a connection broke", exc_info=True)


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
    timeout: ClassVar[float] = PATIENCE
    disable_nagle_algorithm = True

    def setup(self) -> None:
        """Read with a limit on the time for a whole request."""
        super().setup()
        self.rfile.close()
        self._reader = _Deadline(self.connection)
        self.rfile = io.BufferedReader(self._reader)

    def handle_one_request(self) -> None:
        """Answer one request, if it comes in time."""
        self._reader.begin()
        self._left = 0
        try:
            super().handle_one_request()
        except OSError:  # gone, or too slow
            self.close_connection = True

    def do_GET(self) -> None:
        """Send a file of the page."""
        self._reply(self._file)

    def do_POST(self) -> None:
        """Send an answer of the session."""
        self._reply(self._answer)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse a request that could not even be read; of other methods than GET and POST, too."""
        self.close_connection = True
        status = HTTPStatus.METHOD_NOT_ALLOWED if code == HTTPStatus.NOT_IMPLEMENTED else HTTPStatus(code)
        self._send(status, _TEXT, status.phrase.encode())

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing on the terminal."""

    def version_string(self) -> str:
        """Say no more than needed of what answers."""
        return "graph-engine"

    # ---- inside ------------------------------------------------------------------------------------------------

    def _reply(self, find: Any) -> None:
        try:
            self._left = self._body_length()
            self._check_sender()
            kind, content = find()
            status = HTTPStatus.OK
        except Refused as refused:
            status, kind, content = refused.status, _TEXT, refused.text.encode()
        except OSError:
            raise
        except Exception as error:  # ours: the page shows it, and goes on
            _log.info("an answer failed", exc_info=True)
            status, kind, content = HTTPStatus.INTERNAL_SERVER_ERROR, _JSON, _as_json({"error": _described(error)})
        self.close_connection |= self._left > 0
        self._send(status, kind, content)
        if self._left:
            self._drain()

    def _check_sender(self) -> None:
        """Refuse what no page of this server sends: another Host, another Origin, a page of another site."""
        hosts = self.headers.get_all("Host") or []
        if len(hosts) != 1 or not _HOST.fullmatch(hosts[0]):
            raise Refused(HTTPStatus.FORBIDDEN, "this server is called localhost")
        origins = self.headers.get_all("Origin") or []
        if any(origin.lower() != f"http://{hosts[0].lower()}" for origin in origins):
            raise Refused(HTTPStatus.FORBIDDEN, "a page of another site may not ask")
        opened = self.command == "GET" and self.headers.get("Sec-Fetch-Mode") == "navigate"
        if not opened and self.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none"):
            raise Refused(HTTPStatus.FORBIDDEN, "a page of another site may not ask")

    def _check_token(self, token: str) -> None:
        if not hmac.compare_digest(token.encode("utf-8", "replace"), self.server.token.encode()):
            raise Refused(HTTPStatus.FORBIDDEN, "a wrong token: open the address that the debugger shows")

    def _file(self) -> tuple[str, bytes]:
        """Find a file; the page itself is for who holds the token, its style and scripts are the same for everybody."""
        address = urlsplit(self.path)
        path = "/index.html" if address.path == "/" else address.path
        if path == "/index.html":
            self._check_token((parse_qs(address.query).get("token") or [""])[0])
        if path not in self.server.files:
            raise Refused(HTTPStatus.NOT_FOUND, "there is no such page")
        return self.server.files[path]

    def _answer(self) -> tuple[str, bytes]:
        self._check_token(self.headers.get("X-Token", ""))
        if self.path != "/answer":
            raise Refused(HTTPStatus.NOT_FOUND, "there is no such page")
        if self.headers.get_content_type() != "application/json":
            raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "a request is application/json")
        what, arguments = _read_question(self._body())
        return _JSON, _as_json(self.server.answer(what, arguments))

    def _body_length(self) -> int:
        lengths = self.headers.get_all("Content-Length") or []
        if "Transfer-Encoding" in self.headers or (not lengths and self.command == "POST"):
            self.close_connection = True
            raise Refused(HTTPStatus.BAD_REQUEST, "a request says its length")
        if len(lengths) > 1 or (lengths and not re.fullmatch(r"[0-9]{1,15}", lengths[0])):
            self.close_connection = True
            raise Refused(HTTPStatus.BAD_REQUEST, "a wrong length")
        return int(lengths[0]) if lengths else 0

    def _body(self) -> bytes:
        if self._left > LARGEST_BODY:
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a request has at most {LARGEST_BODY} bytes")
        content = self.rfile.read(self._left)
        if len(content) < self._left:
            raise ConnectionResetError("the request ended early")
        self._left = 0
        return content

    def _send(self, status: HTTPStatus, kind: str, content: bytes) -> None:
        self.send_response(status)
        headers = {"Content-Type": kind, "Content-Length": str(len(content)), **_CLOSED}
        for name, value in headers.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _drain(self) -> None:
        """Take what still comes of a refused request, for a moment, so that the refusal arrives."""
        self.connection.shutdown(socket.SHUT_WR)
        self._reader.begin(PATIENCE / 10)
        while self._left > 0 and (piece := self.rfile.read1(min(self._left, 1 << 16))):
            self._left -= len(piece)


class _Deadline(socket.SocketIO):
    """Reads from a connection until a point in time, however slowly it comes."""

    def __init__(self, connection: socket.socket) -> None:
        super().__init__(connection, "r")
        self._connection = connection
        self.begin()

    def begin(self, seconds: float = PATIENCE) -> None:
        """Begin to count."""
        self._end = time.monotonic() + seconds

    def readinto(self, buffer: Any) -> int | None:
        """Read what is there."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError("too slow")
        self._connection.settimeout(left)
        count = self._connection.recv_into(buffer)
        self._connection.settimeout(PATIENCE)
        return count


_TEXT = "text/plain; charset=utf-8"
_JSON = "application/json"


def _read_question(body: bytes) -> tuple[str, dict[str, Any]]:
    try:
        asked = json.loads(body.decode(), parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise Refused(HTTPStatus.BAD_REQUEST, "a request is JSON") from None
    arguments = asked.get("arguments", {}) if isinstance(asked, dict) else None
    if not isinstance(arguments, dict) or not isinstance(asked.get("what"), str) or set(asked) - {"what", "arguments"}:
        raise Refused(HTTPStatus.BAD_REQUEST, 'a request is {"what": name, "arguments": {...}}')
    return asked["what"], arguments


def _no_constant(text: str) -> None:
    raise ValueError(f"{text} is no JSON")


def _as_json(answer: Mapping[str, Any]) -> bytes:
    return json.dumps(answer, allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode()


def _described(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _hang_up(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # it has gone already
