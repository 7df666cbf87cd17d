"""The page of the public face is what sources say, and says something of everything."""

import re

import api
from dsoftbus_host.board.make import short_names

PAGE = api.PAGE.read_text()


def test_the_page_is_not_stale():
    assert api.page() == PAGE, "run `make docs-api`"


def entries() -> list:
    """Each heading with the text below it, code left out."""
    found = re.split(r"^#{3,4} `(.+)`$", PAGE, flags=re.MULTILINE)
    texts = (re.sub(r"```[^`]*```|^## [^#]*", "", part, flags=re.M) for part in found[2::2])
    return list(zip(found[1::2], texts, strict=True))


def headings() -> set:
    return {name for name, _ in entries()}


def test_every_name_of_the_faces_is_there():
    names = [*api.face("dsoftbus_host"), *api.face("dsoftbus_mpy")]
    assert {name for name in names if name[0] != "_"} <= headings()


def test_every_name_has_a_text():
    assert [name for name, text in entries() if not text.strip()] == []


def test_members_between_the_project_s_objects_are_left_out():
    assert "Bus.close" in headings()
    assert not {"Bus.adopt", "Connection.on_event", "BusStream.notify"} & headings()


def test_a_board_keeps_the_names_of_its_face():
    """Linked slices have short names for all that is not public: a program would not find it."""
    board = PAGE[PAGE.index("## On a board") :]
    members = set(re.findall(r"^#### `(?:\w+\.)?[A-Z]\w*\.(\w+)`$", board, flags=re.MULTILINE))
    assert {"on_stream", "listen"} <= members
    assert [name for name in sorted(members) if short_names.attribute(name) != name] == []
