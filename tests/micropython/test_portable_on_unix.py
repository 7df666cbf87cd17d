"""Each portable file on the MicroPython unix port: 64-bit, with the native emitters."""

import pytest

import portable


@pytest.mark.parametrize("file", portable.FILES, ids=portable.name)
def test_portable_on_unix(file, record_property):
    output = portable.output_of(portable.unix_command(file), f"{file.name} on {portable.UNIX}")
    portable.check(portable.UNIX, output, file, record_property)
