"""Hypothesis drives two muxes, and two whole sessions, with random programs over a random link.

These hold whatever they do: bytes in are bytes out, in order; memory and events stay within their
bounds; nobody waits for ever; and when all is read, all credit is back.
"""

from hypothesis import settings

from draws import draws
from mux_machine import Machine
from mux_world import MuxWorld, SessionWorld


class MuxMachine(Machine):
    world_of = MuxWorld


class SessionMachine(Machine):
    world_of = SessionWorld


TestMuxes = MuxMachine.TestCase
TestMuxes.settings = settings(max_examples=draws(1600), stateful_step_count=12)
TestSessions = SessionMachine.TestCase
TestSessions.settings = settings(max_examples=draws(500), stateful_step_count=12)
