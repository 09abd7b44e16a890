"""
Pages over HTTP for operators and their tools: one page, read only.

They are for loopback or an inner network: they ask nobody who they are.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import ClassVar, TypeAlias

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web import http
from twisted.web.http import INTERNAL_SERVER_ERROR, NOT_ALLOWED, NOT_FOUND
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request, Site
from zope.interface import implementer

from gamenet.interfaces import IMachine
from gamenet.listening import IListeningService, StreamPorts, raiseNow

__all__ = ["OperatorPage", "PageService", "StatusPage", "StatusService"]

#: What a status page shows, now or in a moment.
Status: TypeAlias = "dict[str, object] | Deferred[dict[str, object]]"

#: Seconds after which a connection that says nothing is closed.
_IDLE_LIMIT = 15


class OperatorPage(Resource):
    """
    One page, and nothing anywhere else.  Override L{body}.

    @cvar path: Where the page is.
    @cvar content_type: Of what kind it is.
    """

    isLeaf = True
    path: ClassVar[str]
    content_type: ClassVar[str]

    _log: ClassVar[Logger] = Logger()

    def __init__(self) -> None:
        Resource.__init__(self)

    def body(self) -> bytes | Deferred[bytes]:
        """Return the page, now or in a moment; called for every request."""
        raise NotImplementedError

    def render(self, request: Request) -> int:
        """Answer a request; called by twisted.web."""
        plain = b"text/plain; charset=utf-8"
        if request.path != self.path.encode():
            request.setResponseCode(NOT_FOUND)
            self._answer(request, plain, f"There is only {self.path} here.\n".encode())
        elif request.method not in (b"GET", b"HEAD"):
            request.setResponseCode(NOT_ALLOWED)
            request.setHeader(b"allow", b"GET, HEAD")
            self._answer(request, plain, b"This can only be read.\n")
        else:
            gone: list[Failure] = []
            request.notifyFinish().addErrback(gone.append)
            made: Deferred[bytes] = Deferred.fromCoroutine(self._made())
            made.addErrback(self._failed, request).addCallback(self._give, request, gone)
        return NOT_DONE_YET

    async def _made(self) -> bytes:
        body = self.body()
        return await body if isinstance(body, Deferred) else body

    def _give(self, body: bytes, request: Request, gone: list[Failure]) -> None:
        """Give the page to whoever still waits for it."""
        if not gone:
            self._answer(request, None, body)

    def _failed(self, failure: Failure, request: Request) -> bytes:
        """Log why there is no page; the caller is told nothing of it."""
        self._log.failure("the page {path} cannot be made", failure, path=self.path)
        request.setResponseCode(INTERNAL_SERVER_ERROR)
        return b""

    def _answer(self, request: Request, content_type: bytes | None, body: bytes) -> None:
        request.setHeader(b"content-type", content_type or self.content_type.encode())
        request.setHeader(b"cache-control", b"no-store")
        request.setHeader(b"content-length", b"%d" % len(body))
        if request.method != b"HEAD":
            request.write(body)
        request.finish()


class StatusPage(OperatorPage):
    """The counters, as one JSON object, at C{/status}."""

    path = "/status"
    content_type = "application/json"

    def __init__(self, status: Callable[[], Status]) -> None:
        """
        @param status: Called for every request; what JSON can hold.
        """
        OperatorPage.__init__(self)
        self._status = status

    def body(self) -> bytes | Deferred[bytes]:
        """Return the counters as they are now."""
        status = self._status()
        return status.addCallback(_asJson) if isinstance(status, Deferred) else _asJson(status)


def _asJson(status: dict[str, object]) -> bytes:
    return json.dumps(status).encode() + b"\n"


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
class PageService(Service):
    """
    Serves an L{OperatorPage}.

    @ivar listening: See L{IListeningService}.
    """

    def __init__(self, machine: IMachine, description: str, page: OperatorPage) -> None:
        """
        @param machine: What it stands on.
        @param description: A Twisted server endpoint description.
        @param page: The page.
        @raise gamenet.errors.BadAddress: It is not one.
        """
        self._page = page
        self._site = _StatusSite(  # type: ignore[no-untyped-call]
            page, timeout=_IDLE_LIMIT, reactor=machine.clock
        )
        self._scheme = "http" if description.startswith("tcp") else "https"
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

    def reloadCertificates(self) -> None:
        """
        Read the certificate again, where the endpoint has one.

        @raise gamenet.errors.BadSetting: It cannot be read; the old one stays.
        """
        self._ports.reload()

    def places(self) -> dict[str, object]:
        """Return the page's URL, or the port's own text where it is not TCP, by its name."""
        name = self._page.path.removeprefix("/")
        (place,) = self._ports.places() or [None]
        if not isinstance(place, list):
            return {name: place}
        host, port = place
        if host in ("0.0.0.0", "::"):
            host = "127.0.0.1" if host == "0.0.0.0" else "::1"
        shown = f"[{host}]" if ":" in host else host
        return {name: f"{self._scheme}://{shown}:{port}{self._page.path}"}

    def status(self) -> dict[str, object]:
        """Return nothing: it counts nothing of its own."""
        return {}


class StatusService(PageService):
    """
    Serves a L{StatusPage}.
    """

    def __init__(
        self, machine: IMachine, description: str, status: Callable[[], Status]
    ) -> None:
        """
        @param machine: What it stands on.
        @param description: A Twisted server endpoint description.
        @param status: Returns the counters.
        @raise gamenet.errors.BadAddress: It is not one.
        """
        super().__init__(machine, description, StatusPage(status))
