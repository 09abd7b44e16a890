"""What a process stands on: its clock, its sockets, its entropy."""

__all__: list[str] = []
