"""Names of files that are shared, patterns that match them, and names of their parts.

A name is a path below the shared folder with `/` between its parts. In a pattern `*` stands for
any characters of one part, `?` for one, and the part `**` for any number of parts. A pattern
without these means that file, or all that lies in the folder of that name; "" means everything.
"""

from dsoftbus.base.file_names import allowed_path

if False:  # for types
    from collections.abc import Callable

    from dsoftbus.contracts import Any

_DEEP = "**"
_HEX = 8  # of the peer's id in the name of a part
_PART = ".part"


def is_pattern(text: str) -> bool:
    """Returns whether `text` is a pattern; each name is one, and so is ""."""
    plain = []
    for part in text.split("/"):
        plain.append("a" if part == _DEEP else part.replace("*", "a").replace("?", "a"))
    return not text or allowed_path("/".join(plain))


def is_wide(text: str) -> bool:
    """Returns whether a pattern has wild characters."""
    return "*" in text or "?" in text


def matches(text: str, name: str) -> bool:
    """Returns whether a pattern matches the name of a file."""
    if not is_wide(text):
        return not text or name == text or name.startswith(text + "/")
    return _match(text.split("/"), name.split("/"), _DEEP, _part_matches)


def leads(text: str, folder: str) -> bool:
    """Returns whether a pattern may match files in this folder, at any depth: a walk leaves out
    the others."""
    if not is_wide(text):
        return not text or (text + "/").startswith(folder + "/") or matches(text, folder)
    wanted, given = text.split("/"), folder.split("/")
    for i in range(len(given)):
        if i >= len(wanted) - 1 and wanted[-1] != _DEEP:
            return False
        if i >= len(wanted) or wanted[i] == _DEEP:
            return True
        if not _part_matches(wanted[i], given[i]):
            return False
    return True


def part_name(name: str, peer: str) -> str:
    """The name of the partial file for `name`, which the peer with this id sends."""
    at = name.rfind("/") + 1
    return name[:at] + "." + name[at:] + "." + peer[:_HEX] + _PART


def is_part(name: str) -> bool:
    """Returns whether a file of a folder, named without that, is a partial one."""
    return name[:1] == "." and name[-len(_PART) :] == _PART and name[-_HEX - 6 : -_HEX - 5] == "."


def _part_matches(pattern: str, part: str) -> bool:
    return _match(pattern, part, "*", _char_matches)


def _char_matches(pattern: str, char: str) -> bool:
    return pattern in ("?", char)


def _match(
    wanted: "Any", given: "Any", any_number: str, one_matches: "Callable[[str, str], bool]"
) -> bool:
    """Matches parts of a path, or characters of a part. Only the last `any_number` is tried again,
    with one item more: a hostile pattern costs no more than its length times that of the name."""
    i = at = 0
    star = star_at = -1
    while at < len(given):
        if i < len(wanted) and wanted[i] == any_number:
            star, star_at = i, at
            i += 1
        elif i < len(wanted) and one_matches(wanted[i], given[at]):
            i += 1
            at += 1
        elif star >= 0:
            star_at += 1
            i, at = star + 1, star_at
        else:
            return False
    while i < len(wanted) and wanted[i] == any_number:
        i += 1
    return i == len(wanted)
