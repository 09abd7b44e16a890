"""The main job on one machine: lobby, relay and players as real processes."""
