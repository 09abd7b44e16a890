"""What keeps an allocation alive, without a relay."""

from __future__ import annotations

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import LocalProtocolError
from gamenet.interfaces import Address
from gamenet.turn_client.channel_numbers import ChannelNumbers
from gamenet.turn_client.keep_alive import KeepAlive
from gamenet.turn_client.requests import RequestAttributes
from gamenet.wire.stun import MessageClass, StunMessage
from gamenet.wire.turn import LIFETIME, encodeLifetime


def _peer(number: int) -> Address:
    return ("192.0.2.1", number)


class KeepAliveTests(SynchronousTestCase):
    """One that has two channel numbers left, and room for two peers."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.lost: list[object] = []
        self.keep_alive = KeepAlive(
            self.clock, self.ask, self.lost.append, 600, 2, ChannelNumbers(first=0x4FFE)
        )

    def tearDown(self) -> None:
        self.keep_alive.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.lost, [])

    def ask(self, method: int, attributes: RequestAttributes) -> Deferred[StunMessage]:
        """Grant everything."""
        attributes(bytes(12))
        lifetime = ((LIFETIME, encodeLifetime(600)),)
        return succeed(StunMessage(method, MessageClass.SUCCESS, bytes(12), lifetime))

    def bind(self, number: int) -> int:
        """Return the number of a channel."""
        return self.successResultOf(self.keep_alive.bindChannel(_peer(number)))

    def test_recycled(self) -> None:
        """
        "Channel numbers recycled (RFC 8656: not reused for 5 minutes after expiry)": with
        every number used, the one that rested 900 s is used again, and none before.
        """
        self.assertEqual((self.bind(1), self.bind(2)), (0x4FFE, 0x4FFF))
        self.clock.advance(240.0)
        self.keep_alive.unbindChannel(_peer(1))
        for _ in range(899):
            self.clock.advance(1.0)
        self.failureResultOf(self.keep_alive.bindChannel(_peer(3)), LocalProtocolError)
        self.clock.advance(1.0)
        self.assertEqual(self.bind(3), 0x4FFE)
        self.assertEqual(self.keep_alive.bound, {_peer(2): 0x4FFF, _peer(3): 0x4FFE})

    def test_oneTimer(self) -> None:
        """Whatever is kept, there is one timer, and none when it is stopped."""
        self.bind(1)
        self.successResultOf(self.keep_alive.permit("192.0.2.9"))
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.keep_alive.stop()
        self.keep_alive.verify()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.failureResultOf(self.keep_alive.permit("192.0.2.9"), LocalProtocolError)
        self.failureResultOf(self.keep_alive.bindChannel(_peer(1)), LocalProtocolError)
