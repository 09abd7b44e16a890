"""The tests of gamenet."""
