"""
C{twistd gamenet-relay}: the relay's command line.
"""

from __future__ import annotations

from twisted.application.service import IService

from gamenet.machine.reactor_machine import ReactorMachine
from gamenet.operation.process_signals import ProcessSignals
from gamenet.operation.relay_operation import OperatedRelay
from gamenet.operation.relay_options import Options
from gamenet.operation.single_relay import SingleRelay
from gamenet.operation.supervisor import Supervisor

__all__ = ["Options", "makeService"]


def makeService(options: Options) -> IService:
    """
    Make the relay that the command line asks for; called by twistd.

    @param options: The parsed command line.
    """
    from twisted.internet import reactor

    # Becoming a machine puts the reactor on monotonic time, before anything is scheduled.
    machine = ReactorMachine(reactor)
    machine.dedicate()
    signals = ProcessSignals(reactor)
    end = reactor.stop
    if not options.workers:
        single = SingleRelay(machine, options.settings)
        return OperatedRelay(machine, single, options, end, signals)
    supervisor = Supervisor(
        reactor,
        options.workers,
        options.arguments,
        options.directory,
        options.reloadable,
    )
    operated = OperatedRelay(machine, supervisor, options, end, signals)
    supervisor.onChange(operated.workersChanged)
    return operated
