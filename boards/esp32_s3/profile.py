"""ESP32-S3: 512 KB of RAM, Wi-Fi, USB of its own; with or without PSRAM."""

from dsoftbus.const import SMALL

ABOUT = "ESP32-S3"
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
MACHINE = ("esp32", "with ESP32S3")  # sys.platform, the end of sys.implementation._machine


class PROFILE(SMALL):
    """The profile for a board without PSRAM. With PSRAM, take more: this is a class as any
    other."""

    sessions = 4
    peers = 16


# Pins, for `"serial": "uart"` in config.json and for your app.py.
UART = (1, 17, 18)  # id, TX, RX
LED = 48  # an addressable one on most development boards
ADC = 1  # for entropy: a pin that floats; of ADC1, since ADC2 is Wi-Fi's
