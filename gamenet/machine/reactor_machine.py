"""
The machine that a reactor runs on: its clock, its entropy, its sockets.

This is the only room below the doors that reads a clock or asks the system for
random bytes.
"""

from __future__ import annotations

import os
import time
from typing import cast

from twisted.internet.base import ReactorBase
from twisted.internet.endpoints import clientFromString, serverFromString
from twisted.internet.interfaces import (
    IReactorTime,
    IStreamClientEndpoint,
    IStreamServerEndpoint,
)
from zope.interface import implementer

from gamenet.errors import BadAddress
from gamenet.interfaces import DatagramReceiver, IDatagramSocket, IMachine
from gamenet.machine import own_addresses
from gamenet.machine.datagram_socket import ReactorDatagramSocket, openDatagramSocket
from gamenet.machine.epoll_turns import EpollTurns
from gamenet.machine.tls_endpoint import PREFIX, tlsServerEndpoint

__all__ = ["ReactorMachine", "asMachine", "useMonotonicTime"]


def useMonotonicTime(reactor: IReactorTime) -> None:
    """
    Let a reactor's timers run on the monotonic clock instead of the wall clock.

    Twisted's C{reactor.seconds()} is the wall clock: after a step back its
    timers stand still, after a step forward they all fire at once.  Calls that
    are already pending keep the time they had left.  Doing it twice is
    harmless; doing it from within a timed call is safe.

    @param reactor: The reactor.  One that is not Twisted's own, such as a
        simulated clock, has no wall clock to be freed from and is left alone.
    """
    if not isinstance(reactor, ReactorBase) or reactor.seconds is time.monotonic:
        return
    wall_now = reactor.seconds()
    pending = [(call, call.getTime() - wall_now) for call in reactor.getDelayedCalls()]
    reactor.seconds = time.monotonic
    for call, remaining in pending:
        call.seconds = time.monotonic  # type: ignore[attr-defined]
        call.reset(remaining)
    # A loop that is firing calls right now compares with the wall time it read when it
    # began, so it would fire everything that has moved over.  Calls that wait to be
    # inserted are out of its reach.
    reactor._newTimedCalls.extend(reactor._pendingTimedCalls)
    reactor._pendingTimedCalls.clear()


@implementer(IMachine)
class ReactorMachine:
    """
    A machine as the reactor's process sees it.

    @ivar clock: The reactor, on monotonic time.
    """

    def __init__(self, reactor: IReactorTime) -> None:
        """
        @param reactor: The reactor; it is moved to monotonic time.
        """
        useMonotonicTime(reactor)
        self.clock = reactor
        self._turns: EpollTurns | None = None

    def dedicate(self) -> None:
        """
        Give the process to its UDP sockets: those opened from now on read on without going
        back to the reactor, as long as there is nothing else to do
        (L{gamenet.machine.epoll_turns}).  Only where C{reactor.run} owns the loop.  Does
        nothing with another reactor than Twisted's on epoll.
        """
        self._turns = EpollTurns.of(self.clock, ReactorDatagramSocket)

    def wallClock(self) -> float:
        """Return seconds since 1970, as this machine believes."""
        return time.time()

    def randomBytes(self, count: int) -> bytes:
        """Return C{count} bytes from the system's generator for secrets."""
        return os.urandom(count)

    def openDatagramSocket(
        self, receiver: DatagramReceiver, interface: str = "", port: int = 0
    ) -> IDatagramSocket:
        """
        Open a UDP socket, over IPv6 where C{interface} is of that family.

        @raise gamenet.errors.CannotBind: The address is taken or not ours.
        """
        return openDatagramSocket(self.clock, receiver, interface, port, self._turns)

    def streamClientEndpoint(self, description: str) -> IStreamClientEndpoint:
        """
        Return the endpoint that C{description} names.

        @raise gamenet.errors.BadAddress: It is not a description of one.
        """
        try:
            return cast("IStreamClientEndpoint", clientFromString(self.clock, description))
        except Exception as error:
            raise BadAddress(f"not a client endpoint: {description!r} ({error})") from error

    def streamServerEndpoint(self, description: str) -> IStreamServerEndpoint:
        """
        Return the endpoint that C{description} names.

        @raise gamenet.errors.BadAddress: It is not a description of one.
        @raise gamenet.errors.BadSetting: A file of it cannot be used.
        """
        if description.startswith(PREFIX):
            return tlsServerEndpoint(self.clock, description)
        try:
            return cast("IStreamServerEndpoint", serverFromString(self.clock, description))
        except Exception as error:
            raise BadAddress(f"not a server endpoint: {description!r} ({error})") from error

    def sourceAddress(self, destination: str) -> str:
        """
        Return the local address that datagrams to C{destination} would leave
        from.  Sends nothing: it asks the routing table by connecting a UDP socket.

        @raise gamenet.errors.BadAddress: C{destination} is not a numeric host.
        @raise gamenet.errors.CannotBind: There is no route to it.
        """
        return own_addresses.sourceAddress(destination)

    def isOwnAddress(self, host: str) -> bool:
        """Return whether datagrams to C{host} would stay on this machine; binds a socket to see."""
        return own_addresses.isOwnAddress(host)


def asMachine(reactor_or_machine: object) -> IMachine:
    """
    Return the machine that somebody means by a reactor or by a machine.

    @param reactor_or_machine: A reactor (it is moved to monotonic time), or
        something that provides L{IMachine} already, for example a simulated one.
    @raise TypeError: It is neither.
    """
    if IMachine.providedBy(reactor_or_machine):
        return reactor_or_machine
    if IReactorTime.providedBy(reactor_or_machine):
        return ReactorMachine(reactor_or_machine)
    raise TypeError(f"neither a reactor nor a machine: {reactor_or_machine!r}")
