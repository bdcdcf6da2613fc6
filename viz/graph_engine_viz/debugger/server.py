"""The server of the debugger's page: on this machine only, for whoever holds its token; nothing but page and answers.

It listens on the loopback device. Nothing that a request holds is run, and no path of a request is looked up on the
disk: the page is one text. One lock makes the session's answers come one after the other, however many browsers ask.
`handling` has what is checked of each request.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import secrets
import socket
import socketserver
from http.server import HTTPServer
from threading import BoundedSemaphore, Lock, Thread
from typing import Any, Protocol

from graph_engine.errors import GraphEngineError
from graph_engine_viz.debugger.handling import Handler

__all__ = ["Answering", "Server", "serve"]

MOST_CONNECTIONS = 128

_POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">')
_log = logging.getLogger(__name__)


class Answering(Protocol):
    """What a server asks: the screen of a session."""

    def answer(self, what: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Return an answer as plain data, or raise an error of this library."""


def serve(screen: Answering, page: str, port: int = 0) -> Server:
    """Serve the page of a session until `stop` is called, or the program ends.

    Parameters
    ----------
    screen : Screen
    page : str
        The page, as HTML, whole: it says in itself what a browser may do with it (its Content-Security-Policy).
    port : int
        By default, one that is free.

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
    >>> server = serve(Echo(), "<!doctype html>")
    >>> server.url.startswith("http://127.0.0.1:")
    True
    >>> server.stop()
    """
    server = Server(screen, page, port)
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
    return server


class Server(socketserver.ThreadingMixIn, HTTPServer):
    """Answers the page of one session; made by `serve`.

    Attributes
    ----------
    screen : Screen
    page : bytes
    policy : str
        What a browser may do with the page.
    token : str
        What a request has to show.
    lock : Lock
        Held while the session is asked.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    allow_reuse_address = os.name != "nt"  # there, it would let another program take the port over

    def __init__(self, screen: Answering, page: str, port: int) -> None:
        found = _POLICY.search(page)
        self.screen = screen
        self.page = page.encode()
        self.policy = found[1] if found else "default-src 'none'"
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
        """Ask the session; what it refuses is an answer, too: {"error": text}."""
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
            with contextlib.suppress(OSError):  # it may have gone already
                connection.shutdown(socket.SHUT_RDWR)

    # ---- connections -------------------------------------------------------------------------------------------

    def server_bind(self) -> None:
        """Bind, without looking up what this machine is called."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "localhost", self.server_address[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer a connection in a thread of its own; where there are too many, the newest waits, and then goes."""
        if not self._room.acquire(timeout=1.0):
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
