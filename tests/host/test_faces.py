"""The names that programs import from `dsoftbus_host`, `dsoftbus_mpy` and `dsoftbus`: pinned, and
there."""

import ast
import re
import subprocess

import pytest

import dsoftbus
import dsoftbus_host
from nodes import environment
from portable import ROOT, TIMEOUT_S, micropython

OF_BOTH = {"ANYONE", "BareBus", "Bus", "BusError", "CallError", "LocalError", "PeerError"}
OF_BOTH |= {"Unsupported"}
OF_HOSTS = {"BusStream", "Connection", "HOST", "Peer", "SMALL", "TINY"}
OF_HOSTS |= {"files", "key_file", "run"}
OF_BOARDS = {"Answers", "Loop", "Publications", "SerialLoop"}
OF_THE_CORE = {"BusError", "LocalError", "PeerError", "Unsupported"}
OF_THE_CORE |= {"Node", "Pump", "DatagramPump"}


def board_face() -> dict:
    """`_HOME` of dsoftbus_mpy: from each name to its module."""
    tree = ast.parse((ROOT / "micropython/dsoftbus_mpy/__init__.py").read_text())
    assigned = [node for node in tree.body if isinstance(node, ast.Assign)]
    (home,) = (node.value for node in assigned if ast.unparse(node.targets[0]) == "_HOME")
    return ast.literal_eval(home)


def test_the_faces_are_pinned():
    assert set(dsoftbus_host.__all__) == OF_BOTH | OF_HOSTS | {"__version__"}
    assert set(board_face()) == OF_BOTH | OF_BOARDS
    assert set(dsoftbus._HOME) == OF_THE_CORE


def test_a_host_finds_each_name_of_its_face():
    for package, names in ((dsoftbus_host, dsoftbus_host.__all__), (dsoftbus, dsoftbus._HOME)):
        for name in names:
            assert getattr(package, name) is not None, name


@pytest.mark.parametrize("name", sorted(OF_BOTH | OF_BOARDS))
def test_a_board_finds_each_name_of_its_face(name):
    """In a process of its own, in which no other name has been asked for before."""
    command = [*micropython(), "-c", f"from dsoftbus_mpy import {name}"]
    subprocess.run(command, env=environment(), check=True, timeout=TIMEOUT_S)


def test_the_version_stands_in_one_place():
    project = (ROOT / "pyproject.toml").read_text()
    assert re.findall(r'^version = "(.+)"$', project, re.MULTILINE) == [dsoftbus_host.__version__]
