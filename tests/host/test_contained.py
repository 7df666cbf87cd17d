"""A fault in one call of asyncio's loop does not keep the next one: the node's events, discovery,
serial ports, listeners and the bridge go on."""

import asyncio
import os
import socket
import termios

import pytest

from backend import run
from dsoftbus.const import EV_ONLINE
from dsoftbus.errors import BAD_STATE, LocalError
from dsoftbus.mux.events import NodeEvent
from dsoftbus_host.bare_bus import BareBus
from dsoftbus_host.bridge.bridge import Bridge
from dsoftbus_host.contained import Contained
from dsoftbus_host.discovery.discovery import Discovery
from dsoftbus_host.discovery.interfaces import LOOPBACK
from dsoftbus_host.links import reopening_port as cable_module
from dsoftbus_host.links.udp import UdpLink
from dsoftbus_host.upkeep.file_watch import FileWatch
from free_ports import free_port
from host.test_serial_port import Cable
from node_pair import HOST, A, B, C, bus, until


class Faulty:
    """Fails the first times it is called, then does as `call` does."""

    def __init__(self, call, times: int = 2, error: Exception | None = None):
        self._call = call
        self._times = times
        self._error = error or ZeroDivisionError("a fault")
        self.called = 0

    def __call__(self, *arguments):
        self.called += 1
        if self.called <= self._times:
            raise self._error
        return self._call(*arguments)


def test_a_contained_fault_is_logged_and_the_end_of_the_program_is_not_contained(caplog):
    with Contained("some work"):
        raise ZeroDivisionError
    assert "some work" in caplog.text and "ZeroDivisionError" in caplog.text
    for error in (KeyboardInterrupt, SystemExit, asyncio.CancelledError):
        with pytest.raises(error), Contained("some work"):
            raise error


def test_events_go_on_after_a_program_that_raises():
    async def test():
        async with bus(A) as node:
            told, seen = [], []
            node.on_error = told.append

            def on_event(event):
                seen.append(event.peer)
                raise ValueError(event.peer)

            events = [NodeEvent(EV_ONLINE, name, "", 0, None) for name in "abc"]
            node.node.next_event = lambda: events.pop(0) if events else None
            with FileWatch(node, on_event):
                await until(lambda: len(seen) == 3)
            assert [str(error) for error in told] == seen == ["a", "b", "c"]

    run(test())


@pytest.mark.parametrize("part", ["_follow_file", "_save", "_turn"])
def test_a_watch_looks_again_after_a_fault(part):
    async def test():
        async with bus(A) as node:
            watch = FileWatch(node, lambda event: None)
            faulty = Faulty(getattr(watch, part))
            setattr(watch, part, faulty)
            timers = Faulty(node.node.handle_timer)
            node.node.handle_timer = timers
            with watch:
                await until(lambda: faulty.called > 3 and timers.called > 3)

    run(test())


@pytest.mark.parametrize("part", ["poll_transmit", "poll_timer"])
def test_discovery_speaks_and_hears_after_a_fault(part):
    async def test():
        port = free_port()
        async with bus(A) as one, bus(B) as other:
            found = []
            watches = [FileWatch(one, found.append), FileWatch(other, lambda event: None)]
            with watches[0], watches[1]:
                listening = Discovery(
                    one, watches[0], 0, interfaces=[LOOPBACK], discovery_port=port
                )
                heard = Faulty(one.node.peers.receive_datagram, 1)
                one.node.peers.receive_datagram = heard
                said = Discovery(other, watches[1], 9, interfaces=[LOOPBACK], discovery_port=port)
                spoken = Faulty(getattr(said._announcer, part))
                setattr(said._announcer, part, spoken)
                with listening, said:
                    await until(lambda: [e for e in found if e.kind == EV_ONLINE])
                    await until(lambda: heard.called > 1 and spoken.called > 2)

    run(test())


def test_a_listener_goes_on_after_a_fault():
    async def test():
        async with bus(A) as server, bus(B) as client:
            port = await server.listen(HOST)
            server.node.accept = Faulty(server.node.accept, 1, LocalError(BAD_STATE, "no entropy"))
            for _ in range(2):
                try:
                    await client.connect(HOST, port, server.public)
                except Exception as error:  # noqa: BLE001 - the first one is refused
                    assert server.node.accept.called == 1, error
            assert server.node.accept.called == 2 and len(server.node.sessions) == 1

    run(test())


def test_a_bus_closes_though_a_port_cannot():
    async def test():
        node = bus(C)
        await node.listen(HOST, link="udp")
        port = node._ports[0]
        close = port.close
        port.close = Faulty(close, 1)
        await node.close()
        assert port.close.called == 1
        close()

    run(test())


def test_a_socket_with_smaller_buffers_than_asked_for():
    class Poor(socket.socket):
        def setsockopt(self, *arguments):
            raise OSError("no buffer space available")

    with Poor(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        assert UdpLink(sock).recvfrom_into(bytearray(10)) is None


# Serial lines


@pytest.fixture
def line():
    joined = Cable()
    yield joined
    joined.close()


def test_a_port_that_goes_while_it_is_opened_is_looked_for_again(line, monkeypatch):
    async def test():
        monkeypatch.setattr(cable_module, "REOPEN_SECONDS", 0.01)
        async with BareBus(os.urandom(32)) as node:
            port = node.open_serial(line.paths[0])
            for fault in (termios.error(5, "gone"), RuntimeError("pyserial's"), OSError("absent")):
                opened = Faulty(cable_module.BytePort, 2, fault)
                monkeypatch.setattr(cable_module, "BytePort", opened)
                port._cable.link.ended = True
                port.turn()
                assert not port._cable.there
                await until(lambda: port._cable.there)
                assert opened.called == 3
                monkeypatch.setattr(cable_module, "BytePort", opened._call)

    asyncio.run(test())


def test_what_termios_refuses_is_an_oserror_and_leaves_no_descriptor(line, monkeypatch):
    def refuse(*_arguments):
        raise termios.error(5, "Input/output error")

    monkeypatch.setattr(termios, "tcsetattr", refuse)
    before = len(os.listdir("/proc/self/fd")) if os.path.exists("/proc/self/fd") else 0
    with pytest.raises(OSError, match="Input/output error"):
        cable_module.BytePort(line.paths[0], 115200)
    if before:
        assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("part", ["from_network", "from_line", "next_for_line", "handle_timer"])
def test_a_bridge_goes_on_after_a_fault(line, part):
    """Datagrams from the network, from the board and the clock are looked at again."""

    async def test():
        def fault():
            raise ZeroDivisionError

        bridge = Bridge(
            line.paths[0], host=HOST, interfaces=[LOOPBACK], discovery_port=free_port()
        )
        bridge._on_change = fault
        async with BareBus(os.urandom(32)) as board:
            try:
                faulty = Faulty(getattr(bridge._relay, part))
                setattr(bridge._relay, part, faulty)
                port = board.open_serial(line.paths[1])
                public = bytes(range(32))
                calling = [
                    asyncio.ensure_future(port.connect(public, 2000, None, channel))
                    for channel in (1, 2, 3)
                ]
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                    for _ in range(400):
                        sock.sendto(bytes((1, 0, 0, 0, 7)) + bytes(90), (HOST, bridge.port))
                        await asyncio.sleep(0.01)
                        if faulty.called > 3:
                            break
                assert faulty.called > 3
                for call in calling:
                    call.cancel()
                await asyncio.gather(*calling, return_exceptions=True)
            finally:
                bridge.close()

    asyncio.run(test())
