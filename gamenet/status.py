"""
A page of counters over HTTP, for operators and their tools.

It is for loopback or an inner network: it asks nobody who they are.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.web import http
from twisted.web.http import NOT_ALLOWED, NOT_FOUND
from twisted.web.resource import Resource
from twisted.web.server import Request, Site
from zope.interface import implementer

from gamenet.interfaces import IMachine
from gamenet.services import IListeningService, StreamPorts, raiseNow

__all__ = ["StatusPage", "StatusService"]

#: Seconds after which a connection that says nothing is closed.
_IDLE_LIMIT = 15


class StatusPage(Resource):
    """The counters, as one JSON object, at C{/status}, and nothing anywhere else."""

    isLeaf = True

    def __init__(self, status: Callable[[], dict[str, object]]) -> None:
        """
        @param status: Called for every request; what JSON can hold.
        """
        Resource.__init__(self)
        self._status = status

    def render(self, request: Request) -> bytes:
        """Answer a request; called by twisted.web."""
        content_type = b"text/plain; charset=utf-8"
        if request.path != b"/status":
            request.setResponseCode(NOT_FOUND)
            body = b"There is only /status here.\n"
        elif request.method not in (b"GET", b"HEAD"):
            request.setResponseCode(NOT_ALLOWED)
            request.setHeader(b"allow", b"GET, HEAD")
            body = b"This can only be read.\n"
        else:
            content_type = b"application/json"
            body = json.dumps(self._status()).encode() + b"\n"
        request.setHeader(b"content-type", content_type)
        request.setHeader(b"cache-control", b"no-store")
        request.setHeader(b"content-length", b"%d" % len(body))
        return b"" if request.method == b"HEAD" else body


class _BodilessRequest(Request):
    """A request that may not bring a body: Twisted would keep it on disk, whole."""

    def gotLength(self, length: int | None) -> None:
        """Hang up on whoever announces a body, with a length or in chunks."""
        Request.gotLength(self, 0)
        if length or self.requestHeaders.hasHeader("transfer-encoding"):
            self.loseConnection()  # type: ignore[no-untyped-call]


class _StatusSite(Site):
    """A site that neither logs each request nor shows a traceback to anybody."""

    displayTracebacks = False
    noisy = False
    requestFactory = _BodilessRequest

    def log(self, request: http.Request) -> None:
        """Log nothing: somebody asks every few seconds."""


@implementer(IListeningService)
class StatusService(Service):
    """
    Serves a L{StatusPage}.

    @ivar listening: See L{IListeningService}.
    """

    def __init__(
        self, machine: IMachine, description: str, status: Callable[[], dict[str, object]]
    ) -> None:
        """
        @param machine: What it stands on.
        @param description: A Twisted server endpoint description.
        @param status: Returns the counters.
        @raise gamenet.errors.BadAddress: It is not one.
        """
        self._site = _StatusSite(  # type: ignore[no-untyped-call]
            StatusPage(status), timeout=_IDLE_LIMIT, reactor=machine.clock
        )
        self._ports = StreamPorts(machine, [description])
        self.listening: Deferred[None] | None = None

    def privilegedStartService(self) -> None:
        """
        Open the port, while the process may still have the right to.

        @raise gamenet.errors.CannotBind: It cannot be had.
        """
        if self.listening is not None:
            return
        self.listening = raiseNow(self._ports.open(self._site))

    def startService(self) -> None:
        """
        Open the port, unless that was done, and serve.

        @raise gamenet.errors.CannotBind: It cannot be had.
        """
        self.privilegedStartService()
        Service.startService(self)

    def stopService(self) -> Deferred[None]:
        """
        Close the port.

        @return: Fires when it is closed.
        """
        Service.stopService(self)
        listening, self.listening = self.listening, None
        if listening is not None:
            listening.addErrback(lambda _: None)
        return self._ports.close()

    def places(self) -> dict[str, object]:
        """Return C{status}, the page's URL, or the port's own text where it is not TCP."""
        (place,) = self._ports.places() or [None]
        if not isinstance(place, list):
            return {"status": place}
        host, port = place
        if host in ("0.0.0.0", "::"):
            host = "127.0.0.1" if host == "0.0.0.0" else "::1"
        return {"status": f"http://{f'[{host}]' if ':' in host else host}:{port}/status"}

    def status(self) -> dict[str, object]:
        """Return nothing: it counts nothing of its own."""
        return {}
