"""
What stands around a service that an operator runs: its options, its signals, its logs, its
metrics, and the processes that it is split over.

The doors C{gamenet.lobby_tap} and L{gamenet.relay_tap} open here.
"""

__all__: list[str] = []
