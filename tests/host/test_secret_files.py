"""No peer may read or replace keys, trust or plans, under any name and through any link."""

import os
from pathlib import Path

import pytest

from backend import run
from dsoftbus.const import HOST as LIMITS
from dsoftbus.errors import BAD_ARGUMENT, NO_SUCH_SERVICE, STREAM_REFUSED, LocalError
from dsoftbus_host import key_file
from dsoftbus_host.bare_bus import ANYONE, BareBus
from dsoftbus_host.storage import folder, secret_files
from dsoftbus_host.storage.trust_file import StoreFile
from dsoftbus_host.upkeep import next_key
from node_pair import HOST, A, B, refused
from shared import asked


@pytest.fixture(autouse=True)
def settings(tmp_path_factory, monkeypatch):
    """This user's folder of settings, empty, and nothing noted from other tests."""
    own = tmp_path_factory.mktemp("home") / "settings"
    own.mkdir()
    monkeypatch.setattr(secret_files, "settings_folder", lambda: own)
    monkeypatch.setattr(secret_files, "_noted", {})
    return own


def made_key(path: Path) -> bytes:
    return key_file.load_or_make(path)


def refuses(served: Path) -> str:
    """Returns the message of a service that will not serve this folder."""
    bus = BareBus(A)
    with pytest.raises(LocalError) as caught:
        bus.share(served)
    assert caught.value.code == BAD_ARGUMENT
    assert "folder of their own" in str(caught.value)
    return str(caught.value)


def test_a_folder_with_the_key_in_it_is_not_served(tmp_path):
    made_key(tmp_path / "node.key")
    assert "node.key" in refuses(tmp_path)


def test_a_folder_above_that_of_the_key_is_not_served(tmp_path):
    (tmp_path / "a/b").mkdir(parents=True)
    made_key(tmp_path / "a/b/node.key")
    for served in (tmp_path, tmp_path / "a", tmp_path / "a/b"):
        refuses(served)
    (tmp_path / "a/b/files").mkdir()
    BareBus(A).share(tmp_path / "a/b/files")


def test_a_folder_with_the_trust_store_in_it_is_not_served_before_there_is_one(tmp_path):
    StoreFile(tmp_path / "trust.json", LIMITS)
    assert not (tmp_path / "trust.json").exists()
    assert "trust.json" in refuses(tmp_path)


def test_the_folder_of_settings_is_never_served(settings):
    refuses(settings)
    refuses(settings.parent)


def test_a_link_to_such_a_folder_is_not_served(tmp_path):
    (tmp_path / "own").mkdir()
    made_key(tmp_path / "own/node.key")
    (tmp_path / "link").symlink_to(tmp_path / "own")
    refuses(tmp_path / "link")
    refuses(tmp_path / "own" / ".." / "own")


def test_a_folder_in_which_the_key_is_what_a_link_leads_to_is_not_served(tmp_path):
    for name in ("own", "served"):
        (tmp_path / name).mkdir()
    made_key(tmp_path / "served/real")
    secret_files._noted.clear()
    (tmp_path / "own/node.key").symlink_to(tmp_path / "served/real")
    made_key(tmp_path / "own/node.key")
    refuses(tmp_path / "served")


def test_a_relative_folder_and_a_relative_key(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made_key(Path("node.key"))
    (tmp_path / "a").mkdir()
    for served in (".", "", "./", "a/..", ".."):
        refuses(Path(served))


def test_a_folder_that_programs_are_loaded_from_is_not_served(tmp_path, monkeypatch):
    (tmp_path / "programs").mkdir()
    monkeypatch.syspath_prepend(tmp_path / "programs")
    assert "programs" in refuses(tmp_path / "programs")


# What is in a folder


@pytest.fixture
def served(tmp_path):
    path = tmp_path / "served"
    path.mkdir()
    return path


@pytest.fixture
def key_path(tmp_path):
    path = tmp_path / "own/node.key"
    path.parent.mkdir()
    made_key(path)
    next_key.plan(path, 1000)
    return path


def peer_of(served: Path, test) -> None:
    """Runs `test(session)` with a session to a node that serves this folder."""

    async def main():
        async with BareBus(A, allow=ANYONE) as server, BareBus(B) as client:
            server.on_error = lambda error: None  # that a store fails is what this is about
            server.share(served)
            port = await server.listen(HOST)
            await test(await client.connect(HOST, port, server.public))

    run(main())


def plant(place: Path, key_path: Path) -> list:
    """Every way in which a name in the folder may lead out of it."""
    (place / "soft").symlink_to(key_path)
    (place / "dangling").symlink_to(key_path.parent / "made.json")
    (place / "round").symlink_to(place / "round")
    (place / "up").symlink_to("..")
    os.link(key_path, place / "hard")
    os.link(key_path.with_name("node.key.next"), place / "plan")
    os.mkfifo(place / "pipe")
    (place / "folder").mkdir()
    return ["soft", "dangling", "round", "up", "hard", "plan", "pipe", "folder"]


def test_what_leads_out_of_the_folder_is_neither_read_nor_replaced(served, key_path, tmp_path):
    names = plant(served, key_path)
    before = {path: path.read_bytes() for path in key_path.parent.iterdir()}
    listed = sorted(os.listdir(served))

    async def test(session):
        for name in names:
            (tmp_path / "got").mkdir(exist_ok=True)
            await refused(NO_SUCH_SERVICE, session.fetch(name, tmp_path / "got"))
            await refused(STREAM_REFUSED, (await asked(session, "put", name, 4, True)).read())

    peer_of(served, test)
    assert {path: path.read_bytes() for path in key_path.parent.iterdir()} == before
    assert sorted(os.listdir(served)) == listed
    assert os.listdir(tmp_path / "got") == []


def test_a_name_that_only_the_file_system_takes_for_anothers_is_refused(served, monkeypatch):
    """As where case, normal forms or short names do not count: the file answers, unlisted."""
    (served / "Kept").write_bytes(b"kept")
    lexists, open_ = os.path.lexists, os.open

    def alias(path):
        path = Path(path)
        return path.with_name("Kept") if path.name in ("kept", "KEPT", "KEPT~1") else path

    monkeypatch.setattr(os.path, "lexists", lambda path: lexists(alias(path)))
    monkeypatch.setattr(os, "open", lambda path, *rest, **more: open_(alias(path), *rest, **more))
    for name in ("kept", "KEPT", "KEPT~1"):
        with pytest.raises(FileNotFoundError):
            folder.open_file(served, name)
        with pytest.raises(FileExistsError):
            folder.check_place(served, name)
    with folder.open_file(served, "Kept") as file:
        assert file.read() == b"kept"
    folder.check_place(served, "Kept")


def test_a_secret_is_recognised_by_what_it_is_once_it_is_open(served, key_path, monkeypatch):
    """A link that takes the file's place after the look at the list."""
    (served / "file").write_bytes(b"harmless")
    open_ = os.open
    monkeypatch.setattr(os, "open", lambda path, *rest: open_(key_path, *rest))
    with pytest.raises(FileNotFoundError):
        folder.open_file(served, "file")


# What is fetched and sent


@pytest.mark.parametrize(
    "name",
    [
        *("node.key", "NODE.KEY", "Node.Key", "node.key.next", "\uff4eode.key"),
        *("trust.json", "TRUST.JSON", "trust.json.places", "trust.json.damaged-1"),
    ],
)
def test_what_is_fetched_replaces_no_secret(tmp_path, served, name):
    """Into the folder where they lie, as the current one may be."""
    own = tmp_path / "own"
    own.mkdir()
    made_key(own / "node.key")
    StoreFile(own / "trust.json", LIMITS)
    (served / name).write_bytes(b"evil")
    before = (own / "node.key").read_bytes()

    async def test(session):
        with pytest.raises(PermissionError):
            await session.fetch(name, own)
        await session.fetch(name, tmp_path)  # elsewhere it is a file like any other

    peer_of(served, test)
    assert (own / "node.key").read_bytes() == before
    assert os.listdir(own) == ["node.key"]


def test_nothing_is_fetched_into_the_folder_of_settings(tmp_path, served, settings):
    (served / "harmless").write_bytes(b"evil")

    async def test(session):
        with pytest.raises(PermissionError):
            await session.fetch("harmless", settings)

    peer_of(served, test)
    assert os.listdir(settings) == []


def test_no_secret_is_sent(tmp_path, served, key_path):
    (tmp_path / "link").symlink_to(key_path)
    os.link(key_path, tmp_path / "hard")

    async def test(session):
        for name in (key_path, key_path.with_name("node.key.next"), tmp_path / "link"):
            await refused(STREAM_REFUSED, session.send(name))
        await refused(STREAM_REFUSED, session.send(tmp_path / "hard"))

    peer_of(served, test)
    assert os.listdir(served) == []
