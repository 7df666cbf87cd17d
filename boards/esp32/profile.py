"""ESP32: 520 KB of RAM, of which the ESP-IDF keeps most; Wi-Fi; a USB chip on UART 0."""

from dsoftbus.const import SMALL

ABOUT = "ESP32"
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
ARCHITECTURE = "xtensawin"  # of its machine code
MACHINE = ("esp32", "with ESP32")  # sys.platform, the end of sys.implementation._machine


class PROFILE(SMALL):
    """Without external RAM: MicroPython's heap shares what the ESP-IDF leaves."""

    sessions = 3
    peers = 8


# Pins, for `"serial": "uart"` in config.json and for your app.py.
# UART 0 is the console. GPIO 16 and 17 are free on boards without PSRAM only.
UART = (2, 17, 16)  # id, TX, RX
LED = 2  # of most development boards
ADC = 36  # for entropy: a pin that floats; of ADC1, since ADC2 is Wi-Fi's
