"""Places for what a sleeper keeps: RTC memory, which a deep sleep leaves and a power cut does not,
or a file."""

from dsoftbus_mpy.base.secret_files import noted
from dsoftbus_mpy.key_file import place, read
from dsoftbus_mpy.sleeper.kept import MOST

FILE = "dsoftbus.sleep"


class RtcMemory:
    """The memory of the RTC, which belongs to the bus alone. `most` is how many bytes it holds."""

    def __init__(self, memory):
        self._memory = memory  # machine.RTC().memory
        self.most = MOST

    def load(self):
        """The bytes that are there."""
        return self._memory()

    def store(self, data: bytes) -> None:
        """Puts `data` there. Raises ValueError where it is too long."""
        self._memory(data)


class KeptFile:
    """A file beside the key, which is replaced in one step, and only where it says more."""

    most = MOST

    def __init__(self, path: str = FILE):
        noted.append(path)
        self._path = path
        self._last: bytes | None = None

    def load(self):
        """The bytes that are there; of a cut on FAT, which removes the old name first, the new."""
        self._last = read(self._path, MOST)
        return read(self._path + ".new", MOST) if self._last is None else self._last

    def store(self, data: bytes) -> None:
        """Puts `data` there. Raises OSError."""
        if data != self._last:
            self._last = None  # it may be cut short
            place(self._path, data)
            self._last = data


def default():
    """The place of this board."""
    try:
        memory = __import__("machine").RTC().memory
        memory()
    except (ImportError, AttributeError, OSError, TypeError):
        return KeptFile()
    return RtcMemory(memory)
