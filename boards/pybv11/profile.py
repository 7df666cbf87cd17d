"""pyboard 1.1: STM32F405 with 192 KB of RAM, of which about half is heap; no network."""

from dsoftbus.const import TINY

ABOUT = "pyboard 1.1"
LINKS = ("console", "uart")
SLICES = ("kernels", "portable", "noise", "names", "cable")  # the heap holds no more
FROM_FILES = False  # 92 KB of files, of which one is there twice for a moment; its FAT has 95 free
FIRMWARE = "$(PORT_DIR)/boards/manifest.py"  # what is frozen in anyway
ARCHITECTURE = "armv7emsp"  # of its machine code
MACHINE = (
    "pyboard",
    "PYBv1.1 with STM32F405RG",
)  # sys.platform, the end of sys.implementation._machine


class PROFILE(TINY):
    """One session, and small frames."""

    trusted = 2  # keys that may begin it: a hub, and who may take its place


# Pins, for `"serial": "uart"` in config.json and for your app.py.
UART = (1, None, None)  # id; its pins are fixed: TX on X9, RX on X10
LED = "LED_BLUE"
ADC = None  # for entropy: the chip's own temperature sensor
