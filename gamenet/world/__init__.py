"""The twin world: clock, network, NATs and machines, all in memory and all from one seed."""
