"""MicroPython's unix port, the board in CI: its terminal is the cable, and it has sockets."""

from dsoftbus.const import SMALL

ABOUT = "MicroPython's unix port, the board in CI"
LINKS = ("console", "network")
SLICES = (
    "kernels",
    "portable",
    "line-discovery",
    "tcp",
    "udp",
    "files",
    "discovery",
    "wifi",
    "watchdog",
    "peer",
    "own-bus",
    "names",
    "services",
    "board",
)
FIRMWARE = "$(PORT_DIR)/variants/standard/manifest.py"  # what is frozen in anyway
ARCHITECTURE = "x64"  # of its machine code
MACHINE = ("linux", "")  # sys.platform, the end of sys.implementation._machine


class PROFILE(SMALL):
    """As boards with Wi-Fi have it, so that what is tested here is what runs there."""

    sessions = 4


# Pins, for `"serial": "uart"` in config.json and for your app.py.
UART = ()  # none
LED = None
ADC = None
