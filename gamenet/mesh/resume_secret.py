"""
What a player's process leaves to the one that comes after it: enough to return to a
match whose other players are still there, with no lobby and nothing of the past.

Whoever has it B{is} the player: it holds the private half of the key by which the others
know them.  It is an array in canonical CBOR::

    [2, ticket, statement seed, relay or null, known, relay only]

    ticket          as L{gamenet.wire.lobby_messages} has it, with everybody who was in the
                    match when the secret was made, and where they were to be reached
    statement seed  32 bytes: the private half of our statement key (RFC 8032, 5.1.5)
    relay           [address, username, password]
    known           for each other player [player number, link key, its generation, ours]
    relay only      whether no address of ours but the relayed one is to be known

Version 1, which is still read, ends before the last field.
"""

from __future__ import annotations

from typing import ClassVar

import attrs

from gamenet.errors import GamenetError, LocalProtocolError, MalformedMessage
from gamenet.interfaces import Address
from gamenet.sealing.player_keys import PlayerKeys
from gamenet.wire import canonical_cbor
from gamenet.wire.handshake_packets import GENERATION_LAST, LINK_KEY_BYTES
from gamenet.wire.lobby_answers import MatchTicket
from gamenet.wire.lobby_fields import (
    Field,
    ListOf,
    Octets,
    Row,
    RowOf,
    Text,
    TransportAddress,
    Whole,
    packRow,
    unpackRow,
)
from gamenet.wire.lobby_values import PLAYERS_LIMIT

__all__ = [
    "RESUME_SECRET_LIMIT",
    "BadResumeSecret",
    "KnownKey",
    "RelayLogin",
    "ResumeSecret",
    "decodeResumeSecret",
    "encodeResumeSecret",
]

#: The most bytes of a resume secret.
RESUME_SECRET_LIMIT = 64 << 10

#: The version of the form.
_VERSION = 2

#: The first version, without the last field; it is read too.
_FIRST_VERSION = 1

#: The most characters of a relay's username and of the password.
_USERNAME_LIMIT, _PASSWORD_LIMIT = 508, 763

#: Bytes of the private half of a statement key.
_SEED_BYTES = 32


class BadResumeSecret(GamenetError, ValueError):
    """
    A resume secret is none, was cut short, or is of another version of gamenet.  Give the
    bytes that C{resumeSecret()} returned, unchanged.
    """


@attrs.frozen
class KnownKey(Row):
    """
    The newest process of another player that ours knew.

    @ivar player: Their player number.
    @ivar link_key: Its X25519 public key, 32 bytes.
    @ivar generation: Its generation.
    @ivar own_generation: Ours, towards them.
    """

    layout: ClassVar[tuple[Field, ...]] = (
        Whole(1, PLAYERS_LIMIT),
        Octets(LINK_KEY_BYTES),
        Whole(0, GENERATION_LAST),
        Whole(0, GENERATION_LAST),
    )

    player: int
    link_key: bytes
    generation: int
    own_generation: int


@attrs.frozen
class RelayLogin(Row):
    """
    A relay, and how to use it.

    @ivar address: The relay's UDP address.
    @ivar username: 1 to 508 characters.
    @ivar password: 1 to 763 characters; secret.
    """

    layout: ClassVar[tuple[Field, ...]] = (
        TransportAddress(), Text(1, _USERNAME_LIMIT), Text(1, _PASSWORD_LIMIT)
    )  # fmt: skip

    address: Address
    username: str
    password: str = attrs.field(repr=False)


_KNOWN = ListOf(RowOf(KnownKey), 0, PLAYERS_LIMIT, identity=lambda known: known.player)


@attrs.frozen
class ResumeSecret:
    """
    A player of a match, to be continued.

    @ivar ticket: The match, with its members as they were last known.
    @ivar statement_seed: The private half of our statement key, 32 bytes.
    @ivar relay: The relay, C{None} where there was none.
    @ivar known: What was known of the others' keys, by ascending player number.
    @ivar relay_only: Whether no address of ours but the relayed one is to be known.
    """

    ticket: MatchTicket
    statement_seed: bytes = attrs.field(repr=False)
    relay: RelayLogin | None
    known: tuple[KnownKey, ...]
    relay_only: bool = False

    def keys(self, link_seed: bytes) -> PlayerKeys:
        """
        Return the keys of the process that returns.

        @param link_seed: 32 unpredictable bytes, never used for anything else: the new
            process has a link key of its own.
        @raise ValueError: It has another size.
        """
        return PlayerKeys.fromRandomBytes(link_seed + self.statement_seed)


def encodeResumeSecret(secret: ResumeSecret) -> bytes:
    """
    Return a secret's bytes.

    @raise LocalProtocolError: A field is out of bounds.
    """
    if type(secret.statement_seed) is not bytes or len(secret.statement_seed) != _SEED_BYTES:
        raise LocalProtocolError(f"a statement seed is {_SEED_BYTES} bytes")
    try:
        relay = None if secret.relay is None else packRow(secret.relay)
        fields = [packRow(secret.ticket), secret.statement_seed, relay, _KNOWN.pack(secret.known)]
    except ValueError as error:
        raise LocalProtocolError(f"a resume secret: {error}") from error
    return canonical_cbor.encode([_VERSION, *fields, secret.relay_only])


def decodeResumeSecret(data: bytes) -> ResumeSecret:
    """
    Return the secret in these bytes.

    @raise BadResumeSecret: There is none.
    """
    if type(data) is not bytes or len(data) > RESUME_SECRET_LIMIT:
        raise BadResumeSecret(f"a resume secret is at most {RESUME_SECRET_LIMIT} bytes")
    try:
        whole = canonical_cbor.decode(data)
        version = whole[0] if type(whole) is list and whole else None
        if type(whole) is not list or version not in (_FIRST_VERSION, _VERSION):
            raise BadResumeSecret("no resume secret of this version of gamenet")
        fields = [*whole, False] if version == _FIRST_VERSION else whole
        _, ticket_row, seed, relay_row, known_rows, only = fields
        if type(only) is not bool:
            raise BadResumeSecret("a resume secret says neither yes nor no to relay only")
        ticket = unpackRow(MatchTicket, ticket_row)
        relay = None if relay_row is None else unpackRow(RelayLogin, relay_row)
        known = _KNOWN.unpack(known_rows)
        Octets(_SEED_BYTES).unpack(seed)
    except BadResumeSecret:
        raise
    except (MalformedMessage, ValueError) as error:
        raise BadResumeSecret(f"no resume secret: {error}") from error
    secret = ResumeSecret(ticket, seed, relay, known, only)  # type: ignore[arg-type]
    _requireConsistent(secret)
    return secret


def _requireConsistent(secret: ResumeSecret) -> None:
    """
    @raise BadResumeSecret: A key is known of nobody in the match, or our own seed is not
        that of our statement key.
    """
    ticket = secret.ticket
    others = [each.player for each in ticket.members if each.player != ticket.player]
    if any(known.player not in others for known in secret.known):
        raise BadResumeSecret("a resume secret with the key of nobody in the match")
    ours = [each for each in ticket.members if each.player == ticket.player]
    if secret.keys(bytes(_SEED_BYTES)).statement_key != ours[0].statement_key:
        raise BadResumeSecret("a resume secret of somebody else")
