"""Wi-Fi as a table of states, over drivers of both families, in virtual time."""

from wlan import CYW43, DHCP_MS, ESP32, JOIN_MS, Air, Wlan

from dsoftbus.errors import (
    BAD_ARGUMENT,
    ENTROPY_UNAVAILABLE,
    UNSUPPORTED,
    WIFI_DRIVER,
    WIFI_LOST,
    WIFI_NO_NETWORK,
    WIFI_REFUSED,
    WIFI_TIMEOUT,
    WIFI_WRONG_PASSWORD,
    LocalError,
)
from dsoftbus_mpy import wifi
from dsoftbus_mpy.wifi import TABLE, Wifi
from support import Random, raises

ADDRESS = "192.168.1.7"
FIXED = ("192.168.1.9", "255.255.255.0", "192.168.1.1", "192.168.1.1")
MINUTE = 60_000
STEP_MS = 20
STEPS = 20_000  # ends what never rests
CALLS = ("make", "up", "config", "set_ifconfig", "connect", "isconnected", "status", "ifconfig")
EVERY_CALL = CALLS + ("down", "disconnect")


class Station:
    """A node's Wi-Fi and its driver; `happened` is what the program heard: (ms, what)."""

    def __init__(self, status=CYW43, faults=None, name="hall", password="secret99", fixed=None):
        self.air = Air()
        self.wlan = Wlan(self.air, status, faults)
        self.wifi = Wifi(self.wlan.make, name, password, Random(3), fixed)
        self.happened = []

    def run(self, ms: int):
        """Lets so much time go by; every step makes one call at most."""
        end = self.air.now + ms
        for _ in range(STEPS):
            due = max(self.wifi.poll_timer(), self.air.now)
            if due > end:
                self.air.now = end
                return self
            self.air.now = due
            before = len(self.wlan.calls)
            self.wifi.handle_timer(due)
            assert len(self.wlan.calls) - before <= 1
            assert self.wifi.poll_timer() >= due + STEP_MS  # everyone else's turn
            self._take()
        raise AssertionError("it does not rest")

    def _take(self):
        event = self.wifi.next_event()
        if event is not None:
            failure = event.failure
            self.happened.append((self.air.now, failure.code if failure else event.address))
            assert (event.address == "") == (failure is not None)
        assert self.wifi.next_event() is None

    @property
    def heard(self) -> list:
        return [what for _, what in self.happened]


def test_it_comes_up_and_stays_up():
    for status in (CYW43, ESP32):
        station = Station(status).run(10 * MINUTE)
        assert station.heard == [ADDRESS]
        assert station.happened[0][0] < JOIN_MS + DHCP_MS + 1000
        assert station.wifi.address == ADDRESS
        assert station.wlan.calls.count("connect") == 1


def test_a_fixed_address_is_set_before_joining():
    station = Station(ESP32, fixed=FIXED)
    station.air.serves = False  # nobody gives addresses
    station.run(MINUTE)
    assert station.heard == [FIXED[0]]
    assert station.wlan.calls.index("set_ifconfig") < station.wlan.calls.index("connect")


def test_no_network_and_a_wrong_password_are_told_apart():
    for status in (CYW43, ESP32):
        assert set(Station(status, name="elsewhere").run(MINUTE).heard) == {WIFI_NO_NETWORK}
        assert set(Station(status, password="wrong").run(MINUTE).heard) == {WIFI_WRONG_PASSWORD}
        station = Station(status)
        station.air.refuses = True
        assert set(station.run(MINUTE).heard) == {WIFI_REFUSED}
        station = Station(status)
        station.air.serves = False
        assert set(station.run(3 * MINUTE).heard) == {WIFI_TIMEOUT}


def test_each_failure_says_which_network_and_what_the_driver_said():
    station = Station(ESP32, password="wrong")
    while station.wifi.next_event() is None:
        station.air.now = station.wifi.poll_timer()
        station.wifi.handle_timer(station.air.now)
    said = "wifi.wrong_password: hall: wrong password (status 202)"
    assert str(station.wifi._failure) == said


def test_every_known_status_has_its_meaning():
    undecided = (0, 1, 2, 3, 1000, 1001, 1010)
    meanings = (
        (undecided, 0),
        ((-2, 201, 210, 211, 212), WIFI_NO_NETWORK),
        ((-3, 15, 202, 204), WIFI_WRONG_PASSWORD),
        ((-1, 4, 8, 200, 203, 205, 206, 207, 208, 209), WIFI_REFUSED),
    )
    for statuses, code in meanings:
        for status in statuses:
            assert wifi._failure_of(status) == code, status


def waits(station) -> list:
    """ms between the attempts to join."""
    times = [at for at, _ in station.happened]
    return [times[n + 1] - times[n] for n in range(len(times) - 1)]


def test_attempts_come_less_and_less_often_but_always_again():
    station = Station(name="elsewhere").run(20 * MINUTE)
    gaps = waits(station)
    assert gaps[0] < 4000
    assert sorted(gaps[:6]) == gaps[:6]
    assert all(gap <= 60000 * 5 // 4 + 2000 for gap in gaps)
    assert all(gap >= 60000 for gap in gaps[7:])
    assert len({gap % 1000 for gap in gaps[7:]}) > 3  # spread by chance


def test_a_network_that_comes_later_is_joined():
    station = Station(ESP32)
    station.air.name = "not yet"
    station.run(10 * MINUTE)
    assert set(station.heard) == {WIFI_NO_NETWORK}
    station.air.name = "hall"
    station.run(2 * MINUTE)
    assert station.heard[-1] == ADDRESS


def test_a_lost_network_is_noticed_and_joined_again():
    for status in (CYW43, ESP32):
        station = Station(status).run(MINUTE)
        station.wlan._joining = None  # thrown out
        station.run(10_000)
        assert station.heard == [ADDRESS, WIFI_LOST, ADDRESS]
        lost_at, back_at = station.happened[1][0], station.happened[2][0]
        assert lost_at - MINUTE < 1500
        assert back_at - lost_at < 5000
        station.air.name = "away"
        station.run(MINUTE)
        assert station.heard[3] == WIFI_LOST
        assert station.wifi.address == ""
        station.air.name = "hall"
        station.run(2 * MINUTE)
        assert station.heard[-1] == ADDRESS


def test_a_network_that_throws_us_out_at_once_is_not_joined_in_a_loop():
    station = Station()
    for _ in range(1200):
        station.run(500)
        if station.wifi.address:
            station.wlan._joining = None
    lost = station.heard.count(WIFI_LOST)
    assert 5 < lost < 20, lost


def test_a_changed_address_is_told():
    station = Station(ESP32).run(MINUTE)
    station.air.address = "192.168.1.8"
    station.run(5000)
    assert station.heard == [ADDRESS, "192.168.1.8"]
    assert station.wifi.address == "192.168.1.8"


def test_an_address_that_is_taken_away_is_a_loss():
    station = Station(CYW43).run(MINUTE)
    station.air.address = "0.0.0.0"
    station.run(2 * MINUTE)
    assert station.heard[0] == ADDRESS
    assert set(station.heard[1:]) == {WIFI_TIMEOUT}
    station.air.address = ADDRESS
    station.run(2 * MINUTE)
    assert station.heard[-1] == ADDRESS


ERRORS = (
    OSError("Wifi Internal Error"),
    OSError(19),
    RuntimeError("Wifi Unknown Error 0x0105"),
    TypeError("not a WLAN"),
)


def test_an_error_of_any_call_is_told_once_and_got_over():
    for status in (CYW43, ESP32):
        for call in CALLS:
            for error in ERRORS:
                for at in (0, 1, 2):
                    faults = {call: [None] * at + [error]}
                    station = Station(status, faults, fixed=FIXED)
                    station.run(3 * MINUTE)
                    if not faults[call]:  # it came so far
                        told = 0 if call == "config" else 1
                        assert station.heard.count(WIFI_DRIVER) == told, (call, at)
                    assert station.wifi.address == FIXED[0], (call, at)


def test_errors_while_it_leaves_and_drops_are_got_over():
    for call in ("disconnect", "down", "up", "make"):
        station = Station(ESP32, {call: [ERRORS[0]] * 3, "isconnected": [None] * 9 + [ERRORS[1]]})
        station.run(MINUTE)
        station.wlan._joining = None
        station.run(10 * MINUTE)
        assert station.wifi.address == ADDRESS, call
        assert WIFI_DRIVER in station.heard


def test_an_interface_that_vanishes_is_made_anew():
    station = Station(ESP32).run(MINUTE)
    station.wlan.faults = {name: [OSError(19)] * 50 for name in EVERY_CALL}
    station.run(5 * MINUTE)
    assert station.wifi.address == ""
    made = station.wlan.calls.count("make")
    assert made > 3
    assert station.heard.count(WIFI_DRIVER) >= made - 1
    station.wlan.faults = {}
    station.run(2 * MINUTE)
    assert station.heard[-1] == ADDRESS


class Mad:
    """A driver that says and raises whatever comes."""

    def __init__(self, random):
        self.calls = []
        self._random = random

    def make(self):
        self.calls.append("make")
        return self._any(self)

    def active(self, on):
        return self._called()

    def config(self, **options):
        return self._called()

    def connect(self, name, password):
        return self._called()

    def disconnect(self):
        return self._called()

    def isconnected(self):
        return self._called()

    def status(self):
        return self._called()

    def ifconfig(self, fixed=None):
        return self._called()

    def _called(self):
        self.calls.append("")
        numbers = (-4, -3, -2, -1, 0, 1, 2, 3, 4, 15, 200, 201, 202, 210, 255, 1000, 1010)
        answers = (True, False, None, "", (), ("",), ("0.0.0.0",), ("10.0.0.1",), (7,), b"x")
        answers += numbers
        return self._any(answers[self._random.below(len(answers))])

    def _any(self, answer):
        if self._random.below(6) == 0:
            raise ERRORS[self._random.below(len(ERRORS))]
        return answer


def test_a_driver_that_says_anything_at_all_is_survived():
    for seed in range(15):
        station = Station()
        station.wlan = Mad(Random(100 + seed))
        station.wifi = Wifi(station.wlan.make, "hall", "", Random(seed))
        station.run(60 * MINUTE)
        assert len(station.wlan.calls) > 100


def test_an_event_that_nobody_takes_holds_everything_back():
    station = Station().run(0)
    wlan, machine = station.wlan, station.wifi
    for _ in range(1000):
        station.air.now += 100
        machine.handle_timer(station.air.now)
    calls = len(wlan.calls)
    assert machine.next_event().address == ADDRESS
    machine.handle_timer(station.air.now)
    assert len(wlan.calls) == calls + 1


def test_no_memory_at_any_allocation_only_delays():
    """A driver call or an event that finds no memory is done again, and nothing is left out."""

    def event(address: str, failure=None):
        lacking[0] -= 1
        if lacking[0] == 0:
            raise MemoryError
        return made(address, failure)

    made = wifi.WifiEvent
    for at in range(1, 6):
        lacking = [at]
        station = Station(ESP32)
        wifi.WifiEvent = event
        try:
            for thrown_out in range(2):
                run_without_memory(station, MINUTE)
                station.wlan._joining = None if thrown_out == 0 else station.wlan._joining
        finally:
            wifi.WifiEvent = made
        assert station.heard == [ADDRESS, WIFI_LOST, ADDRESS], at


def run_without_memory(station, ms: int) -> None:
    end = station.air.now + ms
    while station.air.now < end:
        try:
            station.run(end - station.air.now)
        except MemoryError:
            pass


def test_without_random_bytes_it_comes_back_all_the_same():
    def closed(n: int):
        raise LocalError(ENTROPY_UNAVAILABLE)

    station = Station(ESP32)
    station.wifi._backoff = wifi.Backoff(closed)
    station.run(MINUTE)
    station.wlan._joining = None
    station.run(MINUTE)
    assert station.heard == [ADDRESS, WIFI_LOST, ADDRESS]


def test_one_that_was_stopped_calls_nothing():
    station = Station().run(MINUTE)
    calls = len(station.wlan.calls)
    station.wifi.stop()
    station.wlan._joining = None
    for _ in range(100):
        station.air.now += 1000
        station.wifi.handle_timer(station.air.now)
    assert len(station.wlan.calls) == calls and station.heard == [ADDRESS]


def test_an_open_network_is_joined_without_a_password():
    station = Station(password="")
    station.air.password = None
    assert station.run(MINUTE).heard == [ADDRESS]


def test_every_state_can_be_reached_and_leads_to_a_connection():
    states = {key // 16 * 16 for key in TABLE} | set(TABLE.values())
    assert len(states) == 13
    for state in states:
        reached = {state}
        for _ in states:
            reached |= {after for key, after in TABLE.items() if key // 16 * 16 in reached}
        assert wifi.UP in reached and reached == states


def test_chaos_ends_in_a_connection():
    """The link comes up in the end, whatever the driver raises and the air does, in any order."""
    for seed in range(20):
        random = Random(seed)
        station = Station(ESP32 if seed & 1 else CYW43)
        for _ in range(60):
            call = EVERY_CALL[random.below(10)]
            station.wlan.faults.setdefault(call, []).append(ERRORS[random.below(3)])
            station.air.name = "hall" if random.below(3) else "away"
            station.air.refuses = random.below(3) == 0
            station.air.serves = random.below(3) > 0
            if random.below(4) == 0:
                station.wlan._joining = None
            station.run(random.below(20_000))
        station.wlan.faults.clear()
        station.air.name, station.air.refuses, station.air.serves = "hall", False, True
        station.run(5 * MINUTE)
        assert station.wifi.address == ADDRESS, seed
        ups = [what for what in station.heard if isinstance(what, str)]
        assert len(ups) >= 1


# What config.json says


def test_what_the_configuration_asks_for():
    air = Air()
    wlan = Wlan(air)
    made = wifi.configured(
        {"wifi": ["hall", "secret99"], "address": list(FIXED)}, Random(1), wlan.make
    )
    for _ in range(6):
        made.handle_timer(made.poll_timer())
    assert wlan.fixed == FIXED and "connect" in wlan.calls


def test_what_the_configuration_must_not_ask_for():
    for config in (
        {"wifi": []},
        {"wifi": ["hall"]},
        {"wifi": ["", "secret99"]},
        {"wifi": ["a", "b", "c"]},
        {"wifi": ["hall", "secret99"], "address": ["192.168.1.9"]},
    ):
        raises(BAD_ARGUMENT, wifi.configured, config, Random(1), Wlan(Air()).make)


def test_a_port_without_wifi_says_so():
    error = raises(UNSUPPORTED, wifi.configured, {"wifi": ["hall", ""]}, Random(1))
    assert error.detail == "Wi-Fi: this port has no module network"
