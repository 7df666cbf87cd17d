"""For the tests of the WebAssembly port: one node for all of them that a worker runs."""

import pytest

import wasm_server


@pytest.fixture(scope="session")
def wasm():
    server = wasm_server.Server()
    yield server
    server.close()
