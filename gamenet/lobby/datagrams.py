"""
The lobby's UDP port: heartbeats, and the answers of a STUN server (N1, N12).
"""

from __future__ import annotations

from twisted.logger import Logger

from gamenet.errors import MalformedMessage
from gamenet.interfaces import Address
from gamenet.lobby.protocol import LobbyFactory
from gamenet.machine.demultiplexer import Demultiplexer, Face
from gamenet.machine.sparse_log import SparseLog
from gamenet.wire.demultiplexing import HEARTBEAT, DatagramKind
from gamenet.wire.heartbeats import encodeHeartbeatAnswer, readClientId, verifyHeartbeat
from gamenet.wire.stun import (
    BINDING,
    MessageClass,
    decode,
    encodeBindingError,
    encodeBindingSuccess,
)
from gamenet.wire.stun_attributes import NONCE, REALM, UNKNOWN_ATTRIBUTE, USERNAME
from gamenet.wire.transport_address import isSendable

__all__ = ["LobbyDatagrams"]

#: Attributes that must be understood and may stand in a Binding request: a
#: client's credentials, which this server has no use for.
_UNDERSTOOD = (USERNAME, REALM, NONCE)


class LobbyDatagrams:
    """
    What the lobby does on its UDP port.

    Bad datagrams are counted and never answered, so nobody's address can be
    flooded with answers through them; the log tells of each kind once in
    L{gamenet.machine.sparse_log.LOG_INTERVAL}.
    """

    _log = Logger()

    def __init__(self, factory: LobbyFactory, demultiplexer: Demultiplexer) -> None:
        """
        Claim the lobby's share of a port, and open the lobby for streams.

        @param factory: The streams' side of the same lobby.
        @param demultiplexer: The port's owner; the caller closes it.
        @raise gamenet.errors.LocalProtocolError: Somebody else has claimed STUN or
            heartbeats on that port.
        """
        self._factory = factory
        self._sparse = SparseLog(self._log, factory.machine.clock)
        self._heartbeats: Face = demultiplexer.face(
            self.heartbeatReceived, first_bytes=(HEARTBEAT,)
        )
        try:
            self._stun: Face = demultiplexer.face(self.stunReceived, kinds=(DatagramKind.STUN,))
        except BaseException:
            self._heartbeats.close()
            raise
        factory.directory.udp_port = demultiplexer.address[1]

    def close(self) -> None:
        """Give the share of the port back; the lobby takes no new streams in any more."""
        self._factory.directory.udp_port = 0
        self._heartbeats.close()
        self._stun.close()

    def heartbeatReceived(self, data: bytes, address: Address) -> None:
        """
        Note and answer a heartbeat, if it is a client's and new.

        @param data: A datagram that begins as one.
        @param address: Where it came from.
        """
        factory = self._factory
        counters = factory.counters
        try:
            client_id = readClientId(data)
        except MalformedMessage:
            counters.heartbeats_malformed += 1
            self._note("malformed heartbeat", address)
            return
        key = factory.directory.heartbeatKey(client_id)
        if key is None:
            counters.heartbeats_unknown += 1
            self._note("heartbeat of nobody here", address)
            return
        try:
            sequence = verifyHeartbeat(key, data)
        except MalformedMessage:
            counters.heartbeats_forged += 1
            self._note("forged heartbeat", address)
            return
        now = factory.machine.clock.seconds()
        effects = factory.directory.heartbeat(client_id, sequence, address, now)
        if effects is None:
            counters.heartbeats_old += 1
            return
        counters.heartbeats += 1
        self._heartbeats.send(encodeHeartbeatAnswer(key, sequence), address)
        factory.perform(effects)

    def stunReceived(self, data: bytes, address: Address) -> None:
        """
        Answer a Binding request with the address it came from (RFC 8489, section 6.3).

        @param data: A datagram that begins as STUN.
        @param address: Where it came from.
        """
        counters = self._factory.counters
        try:
            message = decode(data)
        except MalformedMessage:
            counters.stun_ignored += 1
            self._note("malformed STUN message", address)
            return
        if (
            message.method != BINDING
            or message.message_class is not MessageClass.REQUEST
            or not isSendable(address)
        ):
            counters.stun_ignored += 1
            return
        unknown = message.unknownAttributes(_UNDERSTOOD)
        if unknown:
            counters.bindings_refused += 1
            # Without a reason phrase, so that it is hardly longer than the request.
            answer = encodeBindingError(
                message.transaction_id, UNKNOWN_ATTRIBUTE, "", unknown_attributes=unknown
            )
        else:
            counters.bindings += 1
            answer = encodeBindingSuccess(message.transaction_id, address)
        self._stun.send(answer, address)

    def _note(self, kind: str, address: Address) -> None:
        """Log a bad datagram, unless one of its kind was logged a moment ago."""
        self._sparse.note(
            kind, "lobby ignored a {kind} from {host}:{port}", host=address[0], port=address[1]
        )
