"""Each portable file on the MicroPython unix port: 64-bit, with the native emitters."""

import pytest

import portable


@pytest.mark.parametrize("file", portable.FILES, ids=portable.name)
def test_portable_on_unix(file, record_property):
    portable.check(portable.UNIX, portable.unix_command(file), file, record_property)
