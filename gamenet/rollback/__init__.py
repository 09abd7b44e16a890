"""The deterministic rollback simulator: inputs in, steps and packets out; pure."""

__all__: list[str] = []
