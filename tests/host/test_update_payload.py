"""The files of an update: which go along, their limits, versions, and what a board has already."""

import hashlib
import json
import os
import re

import pytest

from dsoftbus.errors import LocalError
from dsoftbus.trust.store import Entry
from dsoftbus_host.storage import secret_files
from dsoftbus_host.update import fleet, payload
from dsoftbus_host.update.payload import Folder, application, of_folder


@pytest.fixture
def app(tmp_path):
    folder = tmp_path / "app"
    (folder / "lib").mkdir(parents=True)
    (folder / "app.py").write_bytes(b"print(1)\n")
    (folder / "lib/a.py").write_bytes(b"a")
    return folder


def refused(call, words: str) -> None:
    with pytest.raises(LocalError) as raised:
        call()
    assert words in raised.value.detail


def test_an_application_goes_without_what_no_board_runs(app):
    for name in (".hidden", "a.pyc", "lib/.b"):
        (app / name).write_bytes(b"x")
    (app / "lib/__pycache__").mkdir()
    (app / "lib/__pycache__/a.cpython-311.pyc").write_bytes(b"x")
    (app / ".git").mkdir()
    (app / ".git/config").write_bytes(b"x")
    (app / "empty").mkdir()
    (app / "link.py").symlink_to(app / "app.py")
    (app / "away").symlink_to(app.parent)
    (app / "data.bin").write_bytes(b"")
    found = of_folder(app)
    assert found.files == {"app.py": b"print(1)\n", "data.bin": b"", "lib/a.py": b"a"}
    assert found.left == [".git", ".hidden", "a.pyc", "away", "lib/.b", "link.py"]


def test_compiled_programs_of_boards_go(app):
    (app / "app.py").rename(app / "app.mpy")
    assert list(of_folder(app).files) == ["app.mpy", "lib/a.py"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes with names")
def test_what_is_no_file_stays_here(app):
    os.mkfifo(app / "pipe")
    assert of_folder(app).left == ["pipe"]


def test_a_folder_without_an_application_is_refused(app):
    refused(lambda: of_folder(app / "lib"), "has no app.py")
    refused(lambda: of_folder(app / "app.py"), "is no folder")
    refused(lambda: of_folder(app / "none"), "is no folder")


@pytest.mark.parametrize(
    "name", ["manifest.json", "nul.py", "a:b.py", "dot.", "con", 'quote"s.py', "n" * 97]
)
def test_a_name_that_some_board_cannot_have_is_refused(app, name):
    (app / name).write_bytes(b"x")
    refused(lambda: application(of_folder(app), "1"), "name")


def test_two_names_that_are_one_on_some_boards_are_refused(app):
    (app / "App.py").write_bytes(b"x")
    refused(lambda: application(of_folder(app), "1"), "one file on some boards")


def test_limits_hold_before_anything_is_sent(app, monkeypatch):
    monkeypatch.setattr(payload, "LARGEST", 10)
    assert of_folder(app).files["lib/a.py"] == b"a"
    (app / "z.py").write_bytes(b"x")
    refused(lambda: of_folder(app), "z.py")
    monkeypatch.setattr(payload, "LARGEST", 1 << 20)
    for i in range(payload.FILES_MAX - 3):
        (app / f"f{i}").write_bytes(b"")
    assert len(application(of_folder(app), "1").files) == payload.FILES_MAX
    (app / "one_more").write_bytes(b"")
    refused(lambda: of_folder(app), "files")


def test_the_list_of_files_has_a_limit():
    files = {f"{i:03}{'x' * 90}": b"" for i in range(255)} | {"app.py": b""}
    refused(lambda: application(Folder(files, []), "1"), "bytes")


def test_a_secret_of_this_node_stays_here(app):
    secret_files.note(app / "node.key")
    (app / "node.key").write_bytes(b"secret")
    refused(lambda: of_folder(app), "this node's own")


# Versions


def test_a_version_is_given_or_written_or_the_time(app):
    found = of_folder(app)
    assert (application(found, "1.4.2").version, application(found, "1").named) == ("1.4.2", True)
    by_time = application(found, "")
    assert re.fullmatch(r"20\d{6}\.\d{6}", by_time.version) and not by_time.named
    assert payload.time_version(1772366400) == "20260301.120000"
    (app / "version.txt").write_text("2.0\n")
    found = of_folder(app)
    assert (application(found, "").version, application(found, "").named) == ("2.0", True)
    assert application(found, "3").version == "3"


@pytest.mark.parametrize(
    "text", ["1.", ".1", "1.x", "v1", "1-2", "1 2", "\u0661", "1" * 10, "1.1.1.1.1.1.1", "-1", "a"]
)
def test_what_is_no_version_is_refused(app, text):
    refused(lambda: application(of_folder(app), text), "version")
    (app / "version.txt").write_text(text)
    refused(lambda: application(of_folder(app), ""), "version")


def test_an_empty_version_file_says_nothing(app):
    (app / "version.txt").write_text("\n")
    assert not application(of_folder(app), "").named


def test_a_manifest_says_each_file(app):
    made = application(of_folder(app), "1.4.2")
    assert json.loads(made.manifest()) == {
        "version": "1.4.2",
        "files": {
            name: [hashlib.sha256(data).hexdigest(), len(data)]
            for name, data in made.files.items()
        },
    }
    assert made.digest() == hashlib.sha256(made.manifest()).hexdigest()
    assert made.digest("2") != made.digest()


def test_a_peer_that_has_the_files_has_the_version_unless_one_was_named(app):
    found = of_folder(app)
    named, by_time = application(found, "2.0"), application(found, "")
    digest = named.digest("1.0")
    assert by_time.is_what_runs("1.0", digest) and not named.is_what_runs("1.0", digest)
    assert named.is_what_runs("2.0", named.digest())
    assert not by_time.is_what_runs("1.0", named.digest("1.1"))
    assert not by_time.is_what_runs("", "") and not by_time.is_what_runs("1.0", "")


def test_dsoftbus_itself_is_an_update_of_a_kind_of_board():
    made = payload.system("pyboard", "PYBv1.1 with STM32F405RG", 6 | 3 << 8 | 7 << 10, "1.0")
    assert made.track == payload.SYSTEM and made.named
    assert "dsoftbus_profile.py" in made.files and "dsoftbus_boot.mpy" not in made.files
    assert not any(name.startswith("lib/") for name in made.files)
    assert len(payload.system("pyboard", "PYBv1.1 with STM32F405RG", 6, "1.0").files) < len(
        made.files
    )
    esp32 = "esp32", "Generic ESP32 module with ESP32", 6 | 3 << 8 | 10 << 10, "1.0"
    more = set(payload.system(*esp32, group=True).files) - set(payload.system(*esp32).files)
    assert {"dsoftbus_broker.mpy", "dsoftbus_tls.mpy", "dsoftbus_mqtt.mpy"} <= more
    refused(lambda: payload.system("toaster", "with toast", 6, "1.0"), "like with toast")
    refused(lambda: payload.system("linux", "", 5, "1.0"), "mpy version 5")


# Peers


def entries(*names: str) -> list:
    return [Entry(bytes([i + 1]) * 32, name) for i, name in enumerate(names)]


def test_patterns_mean_those_whose_names_they_match():
    known = entries("hall2", "attic", "hall1", "Hall3", "")
    assert fleet.chosen(["attic", "hall*", "hall1", "attic"], known) == ["attic", "hall1", "hall2"]
    assert fleet.chosen(["hall[2-9]"], known) == ["hall2"]
    assert fleet.chosen(["nobody"], known) == ["nobody"]
    refused(lambda: fleet.chosen(["cellar*"], known), "cellar*")
    refused(lambda: fleet.every([]), "nobody is paired")


def test_names_that_say_not_who_are_ids():
    known = entries("hall", "hall", "", "attic")
    ids = sorted(entry.id for entry in known[:2])
    assert fleet.every(known) == [known[2].id, "attic", *ids]
