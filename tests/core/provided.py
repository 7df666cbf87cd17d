"""The suite of this interpreter's backend: OpenSSL's, kernels, or where neither is, portable."""

from dsoftbus.const import SUITE_CHACHA_SHA256

try:
    from dsoftbus_host.crypto import suite
except ImportError:
    try:
        from dsoftbus_mpy.crypto import suite
    except ImportError:
        from dsoftbus.crypto.provider import suite

SUITE = suite(SUITE_CHACHA_SHA256)
