"""Every module compiles for every architecture, and the table of sizes is not stale."""

import pytest

import sizes


@pytest.mark.parametrize("architecture", sizes.ARCHITECTURES)
def test_every_module_compiles_for(architecture):
    names = sizes.modules()
    assert names
    for name in names:
        if sizes.has_machine_code_for(name, architecture):
            assert sizes.compiled(name, architecture)[:2] == b"M\x06"
        else:
            with pytest.raises(ValueError, match="SyntaxError"):
                sizes.compiled(name, architecture)


def test_the_table_of_sizes_is_not_stale():
    checked_in = sizes.PAGE.read_text()
    if sizes.version() not in checked_in:
        pytest.skip(f"docs/sizes.md was not measured with {sizes.version()}: sizes may differ")
    assert checked_in == sizes.page(), "run `make sizes` and look at what has changed"
