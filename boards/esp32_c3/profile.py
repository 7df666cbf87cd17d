"""ESP32-C3: 400 KB of RAM, one RISC-V core, Wi-Fi, USB of its own."""

from dsoftbus.const import SMALL

ABOUT = "ESP32-C3"
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
FIRMWARE = "$(PORT_DIR)/boards/manifest.py"  # what is frozen in anyway
ARCHITECTURE = "rv32imc"  # of its machine code
MACHINE = ("esp32", "with ESP32C3")  # sys.platform, the end of sys.implementation._machine


class PROFILE(SMALL):
    """MicroPython's heap shares what the ESP-IDF leaves."""

    sessions = 2
    half_open = 1
    peers = 8


# Pins, for `"serial": "uart"` in config.json and for your app.py.
UART = (1, 21, 20)  # id, TX, RX
LED = 8  # an addressable one on most development boards
ADC = 0  # for entropy: a pin that floats
