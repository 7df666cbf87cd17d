"""Raspberry Pi Pico W: RP2040 with 264 KB of RAM and Wi-Fi (CYW43439)."""

from dsoftbus.const import SMALL

ABOUT = "Raspberry Pi Pico W"
LINKS = ("console", "uart", "wifi")
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
    "noise",
    "peer",
    "own-bus",
    "names",
    "services",
    "board",
)
FIRMWARE = "$(BOARD_DIR)/manifest.py"  # what is frozen in anyway
ARCHITECTURE = "armv6m"  # of its machine code
MACHINE = ("rp2", "Pico W with RP2040")  # sys.platform, the end of sys.implementation._machine


class PROFILE(SMALL):
    """The Wi-Fi driver takes some 30 KB of the RAM that a Pico has."""

    sessions = 2  # 10 to 20 KB each
    half_open = 1
    spare_rings = 1  # what a transfer leaves, up to 2 KB each
    peers = 8
    handshakes = 1  # answered in a second: four products of some 90 ms each at 125 MHz


# Pins, for `"serial": "uart"` in config.json and for your app.py.
UART = (0, 0, 1)  # id, TX, RX: GP0 and GP1, pins 1 and 2 of the board
LED = "LED"  # it hangs on the Wi-Fi chip, and has a name in place of a number
ADC = 4  # for entropy: the chip's temperature sensor
