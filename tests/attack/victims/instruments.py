"""A victim reports the cost of an attack, on request and over a socket of its own.

Runs on CPython and on MicroPython. The product under attack is the real one; it is only counted.
"""

import json

from counting import CountingSuite
from dsoftbus.const import EV_MESSAGE, SHARE_STREAM
from dsoftbus.packet.drop_labels import labelled

_IDS = 64  # of peers that are told apart


class Instruments:
    """Counts in the `Bus` of one backend, which is given by `install`."""

    def __init__(self):
        self.suites = []
        self.bus = None
        self.ports = []  # where the bus listens
        self.clock_s = 0  # how far the wall clock lies
        self.served = {}  # by device id: for how many streams a handler ran
        self.messages = {}  # by device id: unreliable ones that a program was given
        self.errors = []  # what the program was told of
        self.events = []  # of the node, as texts
        self.orders = {}  # more that the program does on request: name -> call(argument)

    # Counting

    def install(self, bus_class, suite_module, start) -> None:
        """`start(self)` makes the control socket answer; it is called on the running loop."""
        self._count_suites(suite_module)
        self._count_handlers(bus_class)
        self._count_messages(bus_class)
        listen = bus_class.listen

        async def counted_listen(bus, *args, **kwargs):
            port = await listen(bus, *args, **kwargs)
            self.bus = bus
            self.ports.append(port)
            start(self)
            return port

        bus_class.listen = counted_listen

    def _count_suites(self, suite_module) -> None:
        make = suite_module.suite

        def suite(*args):
            made = CountingSuite(make(*args))
            self.suites.append(made)
            return made

        suite_module.suite = suite

    def _count_handlers(self, bus_class) -> None:
        serve = bus_class.serve

        def counted(bus, handler, connection, stream):
            # A share is there for all whom the node trusts, and asks the rules for each file.
            if stream.name != SHARE_STREAM or connection.peer_id not in self._trusted():
                _count(self.served, connection.peer_id)
            return serve(bus, handler, connection, stream)

        bus_class.serve = counted

    def _count_messages(self, bus_class) -> None:
        adopt = bus_class.adopt

        def counted(bus, connection):
            tell = connection.on_event

            def on_event(event):
                tell(event)
                if event.kind == EV_MESSAGE:
                    self._take_messages(connection.session)

            connection.on_event = on_event
            return adopt(bus, connection)

        bus_class.adopt = counted

    def _take_messages(self, session) -> None:
        while session.recv_datagram() is not None:
            _count(self.messages, session.peer_id)

    def lying_time(self, real) -> object:
        """A `time` whose wall clock is wrong by `clock_s`; all else is that of `real`."""
        return LyingTime(self, real)

    # Telling

    def answer(self, request: bytes) -> bytes:
        """The answer to one datagram: `{"do": NAME, "with": ARGUMENT, "number": NUMBER}`. It has
        that number, too: who asks again may be answered twice."""
        number = None
        try:
            asked = json.loads(request)
            number = asked["number"]
            answer = self._do(asked["do"], asked.get("with"))
        except Exception as error:  # noqa: BLE001 - the harness has to hear of any
            answer = {"failed": repr(error)}
        answer["number"] = number
        return json.dumps(answer).encode()

    def _do(self, what: str, argument):
        if what == "report":
            return self.report()
        if what == "clock":
            self.clock_s = argument
            return {}
        return self.orders[what](argument) or {}

    def report(self) -> dict:
        sessions = list(self.bus.node.sessions) if self.bus else []
        return {
            "public": self.bus.public.hex() if self.bus else "",
            "id": self.bus.id if self.bus else "",
            "ports": self.ports,
            "multiplications": sum([suite.multiplications for suite in self.suites]),
            "places": sum([not session.closed for session in sessions]),
            "held": len(sessions),
            "peers": [session.peer_id for session in sessions[:_IDS] if session.peer_public],
            "half_open": sum([session.half_open for session in sessions]),
            "served": self.served,
            "messages": self.messages,
            "drops": self._drops(),
            "trusted": self._trusted(),
            "rotating": self._rotating(),
            "errors": self.errors[-8:],
            "events": self.events[-32:],
        }

    def _trusted(self) -> list:
        guard = self.bus.node.guard if self.bus else None
        return [entry.id for entry in guard.store] if guard is not None else []

    def _rotating(self) -> bool:
        guard = self.bus.node.guard if self.bus else None
        return guard is not None and guard.rotation is not None

    def _drops(self) -> dict:
        drops = {}
        for port in self.bus._ports if self.bus else ():
            endpoint = getattr(port, "endpoint", None)
            if endpoint is not None:
                for label, n in labelled(endpoint.drops).items():
                    drops[label] = drops.get(label, 0) + n
        return drops


class LyingTime:
    """Stands in the place of the module `time`."""

    def __init__(self, instruments, real):
        self._instruments = instruments
        self._real = real

    def time(self):
        return self._real.time() + self._instruments.clock_s

    def __getattr__(self, name):
        return getattr(self._real, name)


def _count(table: dict, device) -> None:
    if device in table or len(table) < _IDS:
        table[device] = table.get(device, 0) + 1
