"""Sleepers: a board's bus that outlives its sleep (docs/sleepers.md)."""
