"""
Tests of the world's streams under Twisted's own services.
"""

from __future__ import annotations

from twisted.application.internet import ClientService, StreamServerEndpointService
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.trial.unittest import SynchronousTestCase

from gamenet.world.link import LinkProfile
from gamenet.world.network import WorldNetwork
from tests.world_streams import CLIENT, SERVER, RecorderFactory


class ServiceTests(SynchronousTestCase):
    """Twisted's own services, unmodified."""

    def test_reconnecting(self) -> None:
        """ClientService finds the server again after a power cut; StreamServerEndpointService
        serves it."""
        network = WorldNetwork(1)
        client = network.machine("client", CLIENT, profile=LinkProfile(latency=0.02))
        accepted, connecting = RecorderFactory(), RecorderFactory()

        def serve() -> StreamServerEndpointService:
            machine = network.machine("server", SERVER)
            service = StreamServerEndpointService(
                machine.streamServerEndpoint("tcp:7770"), accepted
            )
            service.startService()
            return service

        serve()
        calling = ClientService(
            client.streamClientEndpoint(f"tcp:{SERVER}:7770:timeout=2"),
            connecting,
            retryPolicy=lambda attempts: 1.0,
            clock=client.clock,
        )
        calling.startService()
        first = network.runUntil(calling.whenConnected(), 5.0)
        network.machines["server"].stop()
        first.transport.write(b"hello?")
        network.advance(40.0)
        self.assertEqual(first.lostBy(), [ConnectionLost])
        serving = serve()
        second = network.runUntil(calling.whenConnected(), 5.0)
        self.assertIsNot(second, first)
        second.transport.write(b"hello")
        network.advance(1.0)
        self.assertEqual(accepted.built[-1].received, b"hello")
        network.runUntil(calling.stopService(), 5.0)
        network.runUntil(serving.stopService(), 5.0)
        network.advance(1.0)
        self.assertEqual(second.lostBy(), [ConnectionDone])
        self.assertEqual(network.clock.getDelayedCalls(), [])
