"""The plain Python data plane passes the tests of every data plane, with its short cut or not."""

from __future__ import annotations

from gamenet.errors import LocalProtocolError
from gamenet.relay_plane.counters import RelayCounters
from gamenet.relay_plane.data_plane import IDataPlane
from gamenet.relay_plane.python_plane import PythonPlane
from gamenet.relay_plane.relay_host import RelayHost
from gamenet.wire.turn import encodeChannelData
from tests.relay_desk import RELAY_HOST
from tests.relay_hosts_scene import HostsMachine
from tests.relay_plane_case import RecordingOwner
from tests.relay_plane_pairs import PairConformance


class _PythonPlaneCase(PairConformance):
    """A plane with the short cut, or without."""

    short_cut: bool

    def makePlane(
        self,
        machine: HostsMachine,
        owner: RecordingOwner,
        counters: RelayCounters,
        hosts: dict[int, RelayHost],
    ) -> IDataPlane:
        """Return a new plane."""
        return PythonPlane(machine, owner, counters, hosts, 1 << 95, self.short_cut)

    def test_counted(self) -> None:
        """The short cut is counted where it is taken, and taken where it can be."""
        one, other = self.pair()
        one.grant((RELAY_HOST, True), channels=((0x4000, other.relayed),))
        other.grant((RELAY_HOST, True))
        one.put(encodeChannelData(0x4000, b"x"))
        other.send(one.relayed, b"x")
        self.assertEqual(self.counters.short_cut_packets, 2 if self.short_cut else 0)

    def test_nobodyListens(self) -> None:
        """Programming for a listener that there is not is our mistake."""
        client = self.client(stream=True)
        self.plane.disconnect(client.flow)
        self.assertRaises(LocalProtocolError, client.grant, "198.51.100.50")


class ShortCutTests(_PythonPlaneCase):
    """With the short cut."""

    short_cut = True


class LongWayTests(_PythonPlaneCase):
    """Without it."""

    short_cut = False


del PairConformance, _PythonPlaneCase
