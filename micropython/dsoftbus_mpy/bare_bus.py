"""The bus on MicroPython: `dsoftbus_aio.bus` over TCP, UDP and serial lines."""

from dsoftbus.const import ANYONE as ANYONE
from dsoftbus.errors import PeerError
from dsoftbus_aio.bus import BaseBus
from dsoftbus_mpy.base.overlay import unload
from dsoftbus_mpy.runtime import Runtime


class BareBus(BaseBus):
    """One node. `key` is its 32-byte static secret (`keyfile.load_or_make` keeps one).

    Nobody may begin a session with it but the peers that `allow` names: their public keys, or
    ANYONE for every peer that proves some key; a stream's handler decides what they may do. With
    a `guard` its trust store decides; with both, both have to agree. `psk`: 32 bytes that every
    peer has to show; without `allow` and `guard` that is enough.
    `on_error(error)` may be replaced: it is told of what a handler raised.
    """

    def __init__(self, key: bytes, name: str = "", profile=None, allow=None, psk=None, guard=None):
        from dsoftbus_mpy.node import make  # for a while, as `overlay` says

        super().__init__(make(key, name, profile, psk, guard, allow), Runtime(self))
        # Ours
        self.drive = self.runtime.drive
        self.calling = None  # the UdpPort for sessions from here

    def open_serial(self, byte_port):
        """Takes sessions on a serial line from now on: on a UartPort or a ConsolePort."""
        from dsoftbus_mpy.serial import SerialPort  # only who has such a link pays for it

        self.check_open()
        return self.open_port(SerialPort(self, byte_port))

    def alive(self, late_ms: int) -> bool:
        """Returns whether no timer is later than `late_ms`, and no task of a link has ended."""
        from dsoftbus_mpy.watchdog import alive  # only who has a watchdog asks

        return alive(self, late_ms)

    def share(self, folder: str, quota=None, on_transfer=None) -> None:
        """Shares a folder, as `BaseBus.share` says. Its code is in the heap while peers use it."""
        from dsoftbus_mpy.services.late_share import LateShare  # only who shares pays for it

        LateShare(self, folder, quota, on_transfer)

    # Ours: its links

    def _listen(self, host: str, port: int, link: str, tries: int = 8) -> int:
        if link == "udp":
            return self.open_udp(host, port).port
        from dsoftbus_mpy.links.tcp import Listener  # only who has such links pays for it

        listener = Listener(host, port)
        if link == "auto":
            try:
                self.open_udp(host, listener.port)
            except (OSError, MemoryError):  # taken for datagrams, perhaps
                listener.close()
                if port or not tries:
                    raise
                return self._listen(host, 0, link, tries - 1)
        self.streams.listen(listener)
        return listener.port

    def open_udp(self, host: str, port: int):
        from dsoftbus_mpy.links.udp import UdpPort  # only who has such a link pays for it

        return self.open_port(UdpPort(self, host, port))

    async def connect_over(self, link: str, host: str, port: int, public, timeout_ms, psk, suite):
        from dsoftbus_mpy.links.calling import begin  # only who begins sessions pays for it

        deadline = self.now() + timeout_ms
        connection = begin(self, link, host, port, public, deadline, psk, suite)
        return await connection.established()

    def traceback(self, error) -> str:
        import io
        import sys

        out = io.StringIO()
        sys.print_exception(error, out)
        return out.getvalue()

    def log_source(self, records):
        from dsoftbus_mpy.services.output import Output  # only who keeps a log pays for it

        return Output(records)

    def _on_timer(self) -> None:
        super()._on_timer()
        unload(self.node)

    def _log_error(self, error) -> None:
        """Prints an error, unless it is a peer's fault, which is expected."""
        if not isinstance(error, PeerError):
            from dsoftbus_mpy.base.display import print_error

            print_error(error)

    def update_place(self):
        """This board, as `updates` needs it."""
        from dsoftbus_mpy.services.update_place import (
            UpdatePlace,  # only who is updated pays for it
        )

        return UpdatePlace()

    def local_files(self):
        """The files of this board, for shares."""
        from dsoftbus_mpy.services.shared_files import (
            Files,  # only who shares or sends files pays for it
        )

        return Files()
