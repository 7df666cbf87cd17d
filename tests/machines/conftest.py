"""Machines on one network, anew for each test; left out where the system does not allow them."""

import os

import pytest

from machines.machine import Network, missing


@pytest.fixture(scope="session")
def reason(tmp_path_factory):
    """Returns why there are none, or ""."""
    return missing(tmp_path_factory.mktemp("probe"))


@pytest.fixture
def network(reason, tmp_path):
    if reason:
        if os.environ.get("CI") == "true":
            pytest.fail(f"{reason}, and under CI=true these tests must run", pytrace=False)
        pytest.skip(reason)
    with Network(tmp_path) as made:
        yield made


@pytest.fixture
def attic(network):
    return network.machine("attic")


@pytest.fixture
def kitchen(network):
    return network.machine("kitchen")
