"""A board's Wi-Fi: brought up, watched and brought back, while sessions on other links go on.

`Wifi` is a table of states over an interface that it is given (a `network.WLAN`, or what looks
like one). A step makes one call of the driver at most, so that other tasks wait for one call,
never for a connection. `start` runs it beside a Bus on asyncio; a bare loop calls `handle_timer`
after each `run_once` and takes what `next_event` has.
"""

from dsoftbus.base.backoff import Backoff
from dsoftbus.errors import (
    BAD_ARGUMENT,
    WIFI_DRIVER,
    WIFI_LOST,
    WIFI_NO_NETWORK,
    WIFI_REFUSED,
    WIFI_TIMEOUT,
    WIFI_WRONG_PASSWORD,
    LocalError,
)

try:
    from micropython import const
except ImportError:

    def const(value):
        return value


# States, in steps of 16, so that state + trigger is a key. All but the two pauses are the call
# that comes next.
MAKE = const(0x00)  # the interface itself
ACTIVATE = const(0x10)  # active(True): blocks where the driver loads its firmware
TUNE = const(0x20)  # config(reconnects=0): the driver is to say why it failed, and not to retry
ADDRESS = const(0x30)  # ifconfig(...), where the address is configured
JOIN = const(0x40)  # connect(name, password)
WAIT = const(0x50)  # isconnected()
ASK = const(0x60)  # status(): it is not connected, and why
LEARN = const(0x70)  # ifconfig(): which address this is now
UP = const(0x80)  # isconnected(), from time to time
LEAVE = const(0x90)  # disconnect(): some drivers take no connect() before it
PAUSE = const(0xA0)  # until the next attempt
DROP = const(0xB0)  # active(False): the driver raised, so it restarts
COLD = const(0xC0)  # until it does

DONE = const(0)  # the call returned; for isconnected() and ifconfig(): and said yes
NO = const(1)  # it said no
FAILED = const(2)  # it raised
REFUSED = const(3)  # the driver has given up
LATE = const(4)  # the driver has not said anything for too long

TABLE = {
    MAKE + DONE: ACTIVATE,
    MAKE + FAILED: COLD,
    ACTIVATE + DONE: TUNE,
    ACTIVATE + FAILED: DROP,
    TUNE + DONE: ADDRESS,
    ADDRESS + DONE: JOIN,
    ADDRESS + FAILED: DROP,
    JOIN + DONE: WAIT,
    JOIN + FAILED: DROP,
    WAIT + DONE: LEARN,
    WAIT + NO: ASK,
    WAIT + FAILED: DROP,
    ASK + DONE: WAIT,
    ASK + REFUSED: LEAVE,
    ASK + LATE: LEAVE,
    ASK + FAILED: DROP,
    LEARN + DONE: UP,
    LEARN + NO: ASK,  # joined, but no address yet
    LEARN + FAILED: DROP,
    UP + DONE: LEARN,
    UP + NO: LEAVE,
    UP + FAILED: DROP,
    LEAVE + DONE: PAUSE,
    LEAVE + FAILED: DROP,
    PAUSE + DONE: JOIN,
    DROP + DONE: COLD,
    DROP + FAILED: COLD,
    COLD + DONE: MAKE,
}

_STEP_MS = 20  # between two calls: everyone else's turn
_WAIT_MS = 200  # between two looks at a connection that is being made
_UP_MS = 1000  # between two looks at one that is there: how late its loss may be seen
_JOIN_MS = 20000  # for joining and an address: DHCP alone may ask three times in ten seconds
_SETTLED_MS = 10000  # a network that throws us out sooner than this has not been a success

# What `status()` says, of both families of drivers: CYW43 (Pico W; negative for failures) and
# ESP32 (the reasons of its Wi-Fi stack, 1000 and above while nothing is decided).
_NO_NETWORK = (-2, 201, 210, 211, 212)
_WRONG_PASSWORD = (-3, 15, 202, 204)  # 15 and 204: the handshake that proves the password failed
_CYW43_MOST = 3  # 0 down, 1 joining, 2 no address, 3 up
_ESP32_UNDECIDED = 1000
_NO_ADDRESS = "0.0.0.0"
# By drivers of some release or other; the last three by what is no driver.
_RAISED = (OSError, RuntimeError, ValueError, TypeError, AttributeError, IndexError)

# A board does not hold the labels of errors, so the detail says it, too.
_TEXTS = {
    WIFI_NO_NETWORK: "%s: not found (status %d)",
    WIFI_WRONG_PASSWORD: "%s: wrong password (status %d)",
    WIFI_REFUSED: "%s: refused (status %d)",
    WIFI_TIMEOUT: "%s: no address in time (status %d)",
}


class WifiEvent:
    """The network is there at `address`, or it is not for `failure` (a LocalError)."""

    def __init__(self, address: str, failure=None):
        self.address = address
        self.failure = failure


class Wifi:
    """`make()` gives the interface; `name` and `password` are the network's.

    `fixed` is (address, mask, gateway, name server) where DHCP is not to be asked. `random(n)`
    spreads the attempts of many boards that lost the same network.
    """

    def __init__(self, make, name: str, password: str, random, fixed=None):
        self.state = MAKE
        self.address = ""  # while it is up
        self.stopped = False
        self._make_interface = make  # self._interface: only MAKE comes before it
        self._name = name
        self._password = password
        self._fixed = fixed
        self._backoff = Backoff(random)
        self._due = 0
        self._join_until = 0
        self._up_at = 0
        self._failure: LocalError = None
        self.event: WifiEvent = None  # that nobody has taken

    def handle_timer(self, now: int) -> None:
        """At most one call of the driver. An event that nobody has taken holds it back."""
        if now < self._due or self.event is not None or self.stopped:
            return
        try:
            trigger = _CALLS[self.state >> 4](self, now)
        except _RAISED as error:
            trigger = FAILED
            self._failure = LocalError(WIFI_DRIVER, "driver: " + repr(error))
        self._enter(TABLE[self.state + trigger], trigger, now)

    def poll_timer(self) -> int:
        """Returns when `handle_timer` is due, in ms."""
        return self._due

    def stop(self) -> None:
        """Lets go of the interface, and leaves it as it is."""
        self.stopped = True

    def next_event(self):
        """Returns the next event, or None."""
        event = self.event
        self.event = None
        return event

    def _enter(self, state: int, trigger: int, now: int) -> None:
        if trigger == FAILED or state == LEAVE:
            self._down(now)
        self.state = state
        self._due = now + _STEP_MS
        if state == WAIT:
            self._due = now + _WAIT_MS
        elif state == UP:
            self._due = now + _UP_MS
        elif state in (PAUSE, COLD):
            try:
                self._backoff.failed(now)
            except LocalError:
                pass  # no random bytes any more: then not at a random time
            self._due = self._backoff.until

    def _down(self, now: int) -> None:
        self.event = WifiEvent("", self._failure)  # first: without memory nothing has happened
        if self.address and now - self._up_at >= _SETTLED_MS:
            self._backoff.reset()
        self.address = ""

    # What each state does: one call, and the trigger that follows from it

    def _make(self, now: int) -> int:
        self._interface = self._make_interface()
        return DONE

    def _activate(self, now: int) -> int:
        self._interface.active(True)
        return DONE

    def _tune(self, now: int) -> int:
        try:
            self._interface.config(reconnects=0)
        except _RAISED:
            pass  # a driver that has no such thing does not retry by itself
        return DONE

    def _set_address(self, now: int) -> int:
        if self._fixed is not None:
            self._interface.ifconfig(self._fixed)
        return DONE

    def _join(self, now: int) -> int:
        self._join_until = now + _JOIN_MS
        self._interface.connect(self._name, self._password or None)
        return DONE

    def _look(self, now: int) -> int:
        if self._interface.isconnected():
            return DONE
        self._failure = LocalError(WIFI_LOST, self._name + ": lost")
        return NO

    def _ask(self, now: int) -> int:
        status = self._interface.status()
        code = _failure_of(status)
        if code == 0 and now < self._join_until:
            return DONE
        code = code or WIFI_TIMEOUT
        self._failure = LocalError(code, _TEXTS[code] % (self._name, status))
        return LATE if code == WIFI_TIMEOUT else REFUSED

    def _learn(self, now: int) -> int:
        address = self._interface.ifconfig()[0]
        if address in ("", _NO_ADDRESS):
            return NO
        if address != self.address:
            self.event = WifiEvent(address)
            if not self.address:
                self._up_at = now
            self.address = address
        return DONE

    def _leave(self, now: int) -> int:
        self._interface.disconnect()
        return DONE

    def _rest(self, now: int) -> int:
        return DONE

    def _drop(self, now: int) -> int:
        self._interface.active(False)
        return DONE


_CALLS = (
    Wifi._make,
    Wifi._activate,
    Wifi._tune,
    Wifi._set_address,
    Wifi._join,
    Wifi._look,
    Wifi._ask,
    Wifi._learn,
    Wifi._look,
    Wifi._leave,
    Wifi._rest,
    Wifi._drop,
    Wifi._rest,
)


def _failure_of(status: int) -> int:
    """The code of a failure, 0 while nothing is decided."""
    if 0 <= status <= _CYW43_MOST or status >= _ESP32_UNDECIDED:
        return 0
    if status in _NO_NETWORK:
        return WIFI_NO_NETWORK
    return WIFI_WRONG_PASSWORD if status in _WRONG_PASSWORD else WIFI_REFUSED


def configured(config: dict, random, make=None) -> Wifi:
    """Returns the Wi-Fi that `config` asks for: "wifi": [name, password], and "address": [address,
    mask, gateway, name server] unless DHCP gives them.

    Raises LocalError(BAD_ARGUMENT), and Unsupported where the port has no Wi-Fi.
    """
    wifi, fixed = config["wifi"], config.get("address")
    if len(wifi) != 2 or not wifi[0]:
        raise LocalError(BAD_ARGUMENT, 'wifi: ["network", "password"]')
    if fixed is not None and len(fixed) != 4:
        raise LocalError(BAD_ARGUMENT, 'address: ["address", "mask", "gateway", "name server"]')
    return Wifi(make or _station(), wifi[0], wifi[1], random, fixed and tuple(fixed))


def _station():
    from dsoftbus_mpy.capabilities import network

    port = network()
    return lambda: port.WLAN(port.STA_IF)


def start(bus, config: dict, on_up=None, on_down=None, make=None):
    """Runs the Wi-Fi of `config` beside `bus`; returns its `Wifi`.

    `on_up(address)` is called at each address, `on_down(error)` at each failure (by default
    `bus.on_error`). Turning the interface on may block for seconds: this does it before it
    returns, so call it before the bus has links. Raises what `configured` raises.
    """
    wifi = configured(config, bus.node.local.random, make)
    wifi.handle_timer(bus.now())  # MAKE
    wifi.handle_timer(wifi.poll_timer())  # ACTIVATE
    bus.drive(lambda: _step(bus, wifi, on_up, on_down or bus.tell))
    return wifi


async def _step(bus, wifi: Wifi, on_up, on_down) -> bool:
    """True when there are to be no more."""
    import asyncio  # a bare loop does without

    wifi.handle_timer(bus.now())
    if wifi.event is not None:
        _tell(bus, wifi.event, on_up, on_down)
        wifi.next_event()  # only now: a lack of memory has it told again
    await asyncio.sleep_ms(max(wifi.poll_timer() - bus.now(), _STEP_MS))
    return wifi.stopped


def _tell(bus, event: WifiEvent, on_up, on_down) -> None:
    try:
        if event.failure is not None:
            on_down(event.failure)
        elif on_up is not None:
            on_up(event.address)
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - the program's own
        bus.tell(error)
