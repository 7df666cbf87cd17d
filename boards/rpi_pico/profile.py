"""Raspberry Pi Pico: RP2040 with 264 KB of RAM, no network: a node at the end of a cable."""

from dsoftbus.const import SMALL

ABOUT = "Raspberry Pi Pico"
LINKS = ("console", "uart")
SLICES = (
    "kernels",
    "portable",
    "line-discovery",
    "files",
    "trust",
    "watchdog",
    "noise",
    "names",
    "services",
    "board",
)
FIRMWARE = "$(PORT_DIR)/boards/manifest.py"  # what is frozen in anyway
ARCHITECTURE = "armv6m"  # of its machine code
MACHINE = ("rp2", "with RP2040")  # sys.platform, the end of sys.implementation._machine


class PROFILE(SMALL):
    """Code and sessions share the heap: fewer of the latter than SMALL has."""

    sessions = 2  # who sits at the cable, and one more that a bridge lets in
    half_open = 1
    spare_rings = 1  # what a transfer leaves, up to 2 KB each
    peers = 4  # nobody is discovered here
    peer_services = 1
    handshakes = 1  # answered in a second: four products of some 90 ms each at 125 MHz


# Pins, for `"serial": "uart"` in config.json and for your app.py.
UART = (0, 0, 1)  # id, TX, RX: GP0 and GP1, pins 1 and 2 of the board
LED = 25
ADC = 4  # for entropy: the chip's temperature sensor
