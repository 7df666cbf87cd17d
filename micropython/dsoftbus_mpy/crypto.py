"""The suites of this backend."""

from dsoftbus.const import SUITE_CHACHA_SHA256
from dsoftbus.crypto import suite as portable


def suite(code: int = SUITE_CHACHA_SHA256):
    """The suite `code`. Raises Unsupported for one that this platform lacks."""
    return portable.portable(code)
