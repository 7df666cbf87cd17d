"""Fixtures of several tests of commands."""

import pytest

from commands import Serving


@pytest.fixture
def serving(tmp_path):
    with Serving(tmp_path / "served", "--anyone") as node:
        yield node


@pytest.fixture
def key(tmp_path) -> tuple:
    return ("--key", tmp_path / "client.key")
