"""Several files, folders, lists and quotas on the command line."""

import json
import subprocess

import pytest
from click.testing import CliRunner

from command import quick_command
from commands import Serving, digest, environment, failure, make_file, run
from dsoftbus_host.cli import transfer
from dsoftbus_host.cli.command import main
from portable import TIMEOUT_S


def test_files_and_folders_go_together_and_nothing_is_replaced_unasked(tmp_path, key, serving):
    folder = tmp_path / "photos"
    (folder / "2026" / ".git").mkdir(parents=True)
    names = ("a.jpg", "2026/b.jpg", "2026/.hidden", "2026/.git/config")
    for name in names:
        make_file(folder / name, 1000)
    (folder / "link").symlink_to(tmp_path)
    bad = make_file(tmp_path / "nul", 10)
    words = ("send", make_file(tmp_path / "one", 10), folder, bad, serving.address, *key)
    done = run(*words)
    assert done.returncode == 1
    stored = ["one", "photos/2026/b.jpg", "photos/a.jpg"]
    assert sorted(line.split()[1].rstrip(",") for line in done.stdout.splitlines()) == stored
    assert "'nul' is no name for a peer's file" in done.stderr
    assert "left out of photos: link, 2026/.git, 2026/.hidden" in done.stderr
    assert "3 of 4 files" in done.stderr
    assert digest(serving.folder / stored[1]) == digest(folder / "2026/b.jpg")
    make_file(tmp_path / "one", 11)
    done = run(*words)
    assert (done.returncode, done.stdout.count("(it was there already)")) == (1, 2)
    assert "has a file of that name already (stream.reset.file_exists)" in done.stderr
    assert "`--replace`" in done.stderr
    assert (serving.folder / "one").stat().st_size == 10
    assert run("send", tmp_path / "one", serving.address, "--replace", *key).returncode == 0
    assert (serving.folder / "one").stat().st_size == 11
    back = tmp_path / "back"
    back.mkdir()
    done = run("fetch", *stored, "missing", serving.address, "--dir", back, *key)
    assert (done.returncode, done.stdout.count("fetched")) == (1, 3)
    assert "missing: 127.0.0.1" in done.stderr and "3 of 4 files" in done.stderr
    (back / "one").write_bytes(b"another")
    done = run("fetch", "one", serving.address, "--dir", back, *key)
    assert (done.returncode, done.stdout) == (1, "")
    assert "is there already (stream.reset.file_exists)" in done.stderr
    told = serving.interrupt()[1]
    assert "who wanted to store one: this node has a file of that name already" in told
    assert "replaced one (11 bytes) from" in told
    assert "who wanted to fetch missing: this node has nothing of that name" in told


def test_a_share_is_listed_and_fetched_by_patterns(tmp_path, key, serving):
    folder = tmp_path / "photos"
    for name, size in (("a.jpg", 3), ("2026/b.jpg", 5), ("2026/c.txt", 7)):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        make_file(folder / name, size)
    assert run("send", folder, serving.address, *key).returncode == 0
    listed = run("ls", serving.address, "**/*.jpg", "--json", *key)
    assert json.loads(listed.stdout) == [
        {"name": "photos/2026/b.jpg", "size": 5},
        {"name": "photos/a.jpg", "size": 3},
    ]
    listed = run("ls", serving.address, *key)
    assert [line.split() for line in listed.stdout.splitlines()] == [
        ["size", "name"],
        ["5", "photos/2026/b.jpg"],
        ["7", "photos/2026/c.txt"],
        ["3", "photos/a.jpg"],
    ]
    assert listed.stderr == "3 files, 15 bytes\n"
    (tmp_path / "back").mkdir()
    done = run("fetch", "photos/**/*.jpg", serving.address, "--dir", tmp_path / "back", *key)
    assert [line.split()[1] for line in done.stdout.splitlines()] == [
        "photos/2026/b.jpg,",
        "photos/a.jpg,",
    ]
    said = failure("fetch", "*.png", serving.address, *key)
    assert "*.png: no file matches" in said


def test_a_folder_has_a_quota(tmp_path, key):
    with Serving(tmp_path / "served", "--anyone", "--quota", "1k") as node:
        assert run("send", make_file(tmp_path / "a", 900), node.address, *key).returncode == 0
        said = failure("send", make_file(tmp_path / "b", 101), node.address, *key)
        assert "(share.quota)" in said
    done = CliRunner().invoke(main, ["serve", "--quota", "much", *map(str, key)])
    assert done.exit_code == 2 and "'much' is no number of bytes" in done.stderr


def test_a_bar_begins_where_the_transfer_goes_on():
    class Bar:
        def __init__(self):
            self.told = []

        def reset(self, task, **what):
            self.told.append(("reset", what["completed"], what["total"]))

        def update(self, task, **what):
            self.told.append(("update", what["completed"], what["total"]))

    bar = Bar()
    told = transfer._Told(bar, 0)
    for done in (400, 700, 600, 1000):  # the second session has less than the first one sent
        told.tell(done, 1000)
    assert bar.told == [
        ("reset", 400, 1000),
        ("update", 700, 1000),
        ("reset", 600, 1000),
        ("update", 1000, 1000),
    ]


def test_the_standard_input_goes_under_a_name(tmp_path, key, serving):
    command = [*quick_command("error"), "send", "-", serving.address, *map(str, key)]
    for more, status in (((), 2), (("--name", "typed"), 0)):
        done = subprocess.run(
            [*command, *more],
            env=environment(),
            input=b"\0 bytes \xff" * 100_000,
            capture_output=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        assert done.returncode == status, done.stderr
    assert (serving.folder / "typed").read_bytes() == b"\0 bytes \xff" * 100_000


def test_what_is_to_be_sent_has_names_that_fit(tmp_path, key):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        make_file(tmp_path / name / "same", 1)
    peer = "00@127.0.0.1:1"
    for words, said in (
        (
            (tmp_path / "a/same", tmp_path / "b/same", peer),
            "two of these files would be called same",
        ),
        ((tmp_path / "a/same", tmp_path / "a", peer, "--name", "x"), "--name is for one file"),
        (
            (tmp_path / "a/same", peer, "--name", "x" * 256),
            "(at most 255 bytes, with its folders)",
        ),
    ):
        done = CliRunner().invoke(main, ["send", *map(str, (*words, *key))])
        assert done.exit_code in (1, 2) and said in done.stderr


@pytest.mark.parametrize("command", ["send", "fetch"])
def test_the_peer_is_asked_for_where_one_word_is_given(tmp_path, command):
    done = CliRunner().invoke(main, [command, str(make_file(tmp_path / "a", 1))])
    assert done.exit_code == 2 and "which PEER?" in done.stderr
