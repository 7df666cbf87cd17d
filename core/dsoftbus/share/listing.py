"""Listings of the share service: headers of `[name, size]` each, in the order of names
(docs/share.md). Names only go up, so that a listing has an end; an empty list is its end.
"""

from dsoftbus.base.file_names import allowed_path
from dsoftbus.errors import MALFORMED, PeerError
from dsoftbus.service.values import BYTES_A_CONTAINER
from dsoftbus.share.messages import HEADER_MAX, is_size

if False:  # for types
    from dsoftbus.contracts import Any

_FILE_BYTES = 13  # beside its name: two heads, and a size


def has_room(files: "list[list[Any]]", name: str) -> bool:
    """Returns whether a header with these files has room for one more of this name."""
    if len(files) + 2 > HEADER_MAX // BYTES_A_CONTAINER:
        return False
    used = 3 + _FILE_BYTES + len(name.encode())
    for file in files:
        used += _FILE_BYTES + len(file[0].encode())
    return used <= HEADER_MAX


def get_listing(value: "Any", after: str) -> "list[list[Any]]":
    """The files of a header, of a listing whose last name was `after`. Raises PeerError(MALFORMED)
    for names that do not go up, or that no file here may have."""
    if not isinstance(value, list):
        raise PeerError(MALFORMED, "listing")
    for file in value:
        if not isinstance(file, list) or len(file) != 2 or not is_size(file[1]):
            raise PeerError(MALFORMED, "file of a listing")
        if not isinstance(file[0], str) or file[0] <= after or not allowed_path(file[0]):
            raise PeerError(MALFORMED, "name of a listing")
        after = file[0]
    return value
