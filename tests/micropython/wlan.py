"""A Wi-Fi driver in virtual time, of both families, with a network that goes through trouble."""

CYW43 = {"down": 0, "joining": 1, "no_ip": 2, "up": 3, "refused": -1, "no_net": -2, "auth": -3}
ESP32 = {
    "down": 1000,
    "joining": 1001,
    "no_ip": 1001,
    "up": 1010,
    "refused": 203,
    "no_net": 201,
    "auth": 202,
}
JOIN_MS = 700  # to associate, or to be refused
DHCP_MS = 500


class Air:
    """The networks that can be joined, and when: tests change them as time goes by."""

    def __init__(self):
        self.now = 0
        self.name = "hall"
        self.password = "secret99"
        self.refuses = False  # takes nobody in
        self.serves = True  # addresses
        self.address = "192.168.1.7"


class Wlan:
    """`network.WLAN` as far as the node uses it. `faults`: from the name of a call to the errors
    that it raises, one each time (None where it goes well). `calls` is what was called."""

    def __init__(self, air: Air, status=CYW43, faults=None):
        self.calls = []
        self.faults = faults or {}
        self.fixed = None
        self._air = air
        self._status = status
        self._active = False
        self._joining = None  # (since, name, password)

    def make(self):
        """In place of `network.WLAN(network.STA_IF)`."""
        self._called("make")
        return self

    def _called(self, name: str) -> None:
        self.calls.append(name)
        errors = self.faults.get(name)
        error = errors.pop(0) if errors else None
        if error is not None:
            raise error

    def active(self, on: bool) -> None:
        self._called("up" if on else "down")
        self._active = on
        self._joining = None

    def config(self, **options) -> None:
        self._called("config")
        assert options == {"reconnects": 0}
        if self._status is CYW43:
            raise ValueError("unknown config param")

    def connect(self, name: str, password) -> None:
        self._called("connect")
        if not self._active:
            raise OSError("Wifi Not Started")
        if self._joining is not None:
            raise OSError("Wifi Internal State Error")
        self._joining = (self._air.now, name, password)

    def disconnect(self) -> None:
        self._called("disconnect")
        self._joining = None

    def isconnected(self) -> bool:
        self._called("isconnected")
        return self._state() == "up"

    def status(self) -> int:
        self._called("status")
        return self._status[self._state()]

    def ifconfig(self, fixed=None):
        if fixed is not None:
            self._called("set_ifconfig")
            self.fixed = fixed
            return None
        self._called("ifconfig")
        address = "0.0.0.0"
        if self._state() == "up":
            address = self.fixed[0] if self.fixed else self._air.address
        return (address, "255.255.255.0", "192.168.1.1", "192.168.1.1")

    def _state(self) -> str:
        if self._joining is None:
            return "down"
        since, name, password = self._joining
        took = self._air.now - since
        if took < JOIN_MS:
            return "joining"
        if name != self._air.name:
            return "no_net"
        if password != self._air.password:
            return "auth"
        if self._air.refuses:
            return "refused"
        has_address = self.fixed or (self._air.serves and took >= JOIN_MS + DHCP_MS)
        return "up" if has_address else "no_ip"
