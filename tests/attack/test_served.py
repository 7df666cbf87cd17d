"""The node's own files are neither read nor replaced by a peer, whatever folder is served."""

import os

import pytest

import nodes
from attack import served
from attack.honest import SECRET
from attack.owner import run
from attack.victim import BOTH, HostVictim
from attack.wire import public_of
from dsoftbus_host import key_file
from dsoftbus_host.storage.trust_file import StoreFile

ALLOWED = public_of(SECRET).hex()
both = pytest.mark.parametrize("kind", BOTH, ids=lambda kind: kind.kind)


LOOPBACK = ("--host", "127.0.0.1")


def make_secrets(home) -> None:
    """The files of a node."""
    for name in ("node.key", "dsoftbus.key"):
        key_file.load_or_make(home / name)
    own = StoreFile(home / "trust.json")
    own.store.touch()
    own.save()
    (home / "dsoftbus.seed").write_bytes(bytes(48))


def words(kind, home, folder) -> list:
    """The command `serve` of either kind."""
    if kind is HostVictim:
        files = ("--key", home / "node.key", "--trust", home / "trust.json")
        return ["serve", *LOOPBACK, "--port", 0, *files, "--dir", folder, "--allow", ALLOWED]
    key = ("--key", home / "dsoftbus.key")
    return ["serve", *LOOPBACK, *key, "--dir", folder, "--allow", ALLOWED]


@both
@pytest.mark.parametrize("attacker", [served.OwnFiles, served.Links])
def test_a_peer_has_none_of_the_nodes_own_files(tmp_path, kind, attacker):
    folder = tmp_path / "served"
    folder.mkdir()
    make_secrets(tmp_path)
    os.symlink(tmp_path / "dsoftbus.key", folder / "link")
    os.symlink("link", folder / "chain")
    os.symlink(tmp_path, folder / "folder")
    with kind.running(folder, *words(kind, tmp_path, folder)) as victim:
        assert not attacker(victim, secret=SECRET).run().effects


@both
def test_a_folder_with_the_nodes_own_files_is_not_served(tmp_path, kind):
    make_secrets(tmp_path)
    asked = words(kind, tmp_path, tmp_path)
    if kind is HostVictim:
        said = run(*asked, fails=True)
    else:
        done = nodes.run(*asked)
        assert done.returncode
        said = done.stderr
    assert "a folder of their own" in said
