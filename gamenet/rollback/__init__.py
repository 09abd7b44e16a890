"""The deterministic rollback simulator: inputs in, steps and packets out; pure."""
