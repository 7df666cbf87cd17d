"""Transfers over networks that change, and networks of all kinds."""

import signal

import pytest

from commands import make_file
from machines.people import Serving, acquaint, agree, digits_of
from nodes import digest

BIG = 8 << 20  # at the pace of `slow_down`: four seconds


def arriving(serving: Serving, sending) -> None:
    """Waits until something of the file `big` lies there."""
    while not [part for part in serving.folder.glob(".big.*") if part.stat().st_size]:
        assert sending.process.poll() is None, sending.said


def test_who_serves_is_ended_in_the_middle_and_the_sender_is_told(attic, kitchen):
    acquaint(attic, kitchen)
    make_file(kitchen.home / "big", BIG)
    kitchen.slow_down()
    with Serving(attic) as serving, kitchen.spawn("dsoftbus send big attic --wait 0") as sending:
        arriving(serving, sending)
        serving.terminal.process.send_signal(signal.SIGTERM)
        assert serving.terminal.status() == 143
        assert sending.status() == 1
        assert "session.end.peer" in sending.said
    assert [path.suffix for path in serving.folder.iterdir()] == [".part"]
    with Serving(attic) as serving:
        done = kitchen.run("dsoftbus send big attic")
        assert done.stdout.startswith("stored big"), done.stderr
        assert digest(serving.folder / "big") == digest(kitchen.home / "big")
        serving.interrupt()


def test_a_sender_that_moves_to_another_address_goes_on(attic, kitchen):
    acquaint(attic, kitchen)
    file = make_file(kitchen.home / "big", BIG)
    kitchen.slow_down()
    with Serving(attic, "--port 37021") as serving:
        with kitchen.spawn(f"dsoftbus send big udp://{serving.address}") as sending:
            arriving(serving, sending)
            kitchen.move(2, 77)
            assert sending.process.poll() is None
            assert sending.status() == 0, sending.said
        assert digest(serving.folder / "big") == digest(file)
        serving.interrupt()


@pytest.fixture
def cables(network):
    """kitchen with two cables, of which each has an fe80::1 at its other end: attic and hall."""
    machines = [network.bare_machine(name) for name in ("attic", "kitchen", "hall")]
    attic, kitchen, hall = machines
    network.plug(attic, "v0", 1, "one")
    network.plug(kitchen, "v0", 2, "one")
    network.plug(kitchen, "v1", 2, "two")
    network.plug(hall, "v0", 1, "two")
    return machines


@pytest.mark.parametrize("scheme", ["", "udp://"])
def test_link_local_addresses_are_told_apart_by_their_interface(cables, scheme):
    attic, kitchen, _ = cables
    acquaint(attic, kitchen)
    make_file(kitchen.home / "photo.jpg", 10)
    with Serving(attic, "--port 37021") as serving:
        assert serving.place == "[fe80::1%v0]:37021"

        def sent(host: str) -> str:
            address = f"{scheme}{serving.key}@[{host}]:37021"
            done = kitchen.run(f"dsoftbus send photo.jpg {address} --replace")
            return done.stderr if done.returncode else done.stdout

        assert sent("fe80::1%v0").startswith("stored photo.jpg")
        assert "fe80::1%v1" in sent("fe80::1%v1")  # refused: hall does not serve
        assert "fe80::1: link-local, so with its interface" in sent("fe80::1")
        assert "fe80::1%v7: this machine has no interface v7" in sent("fe80::1%v7")
        serving.interrupt()


def test_a_machine_without_a_network_is_a_node_all_the_same(network):
    attic = network.bare_machine("attic")
    assert attic.run("dsoftbus id").returncode == 0
    with Serving(attic) as serving:
        assert serving.place == "127.0.0.1:37020"
        found = attic.run("dsoftbus discover --seconds 1")
        assert (found.returncode, found.stderr) == (0, "")
        serving.interrupt()


def test_a_cable_that_is_plugged_in_later(network, kitchen):
    """attic serves before it has an address."""
    attic = network.bare_machine("attic")
    acquaint(attic, kitchen)
    make_file(kitchen.home / "photo.jpg", 10)
    with Serving(attic) as serving:
        network.plug(attic, "v0", 2)
        attic.add_ipv4(2)
        done = kitchen.run("dsoftbus send photo.jpg attic --replace")
        assert done.returncode == 0, done
        serving.interrupt()


def test_a_node_of_micropython_is_found_and_paired_and_sends(attic, kitchen):
    with (
        kitchen.spawn("micropython -m dsoftbus_mpy node --name board") as board,
        attic.spawn("dsoftbus pair board") as person,
    ):
        board.until("listening")
        board.types("open\n")
        digits = digits_of(person)
        assert f"digits {digits.replace(' ', '')} " in board.find(r"digits \d{6} .*\n")[0]
        board.types(f"yes {digits.replace(' ', '')}\n")
        agree(person)
        assert person.status() == 0, person.said
        board.until("paired")
        board.types("quit\n")
        assert board.status() == 0
    file = make_file(kitchen.home / "photo.jpg", 50_000)
    with Serving(attic) as serving:
        words = f"photo.jpg 192.0.2.1:37020 {serving.key}"
        done = kitchen.run(f"micropython -m dsoftbus_mpy send {words}")
        assert done.returncode == 0, done
        assert digest(serving.folder / "photo.jpg") == digest(file)
        serving.interrupt()
