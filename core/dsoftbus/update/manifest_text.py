"""The text of a manifest, for who makes a version: boards only read it (`update_manifest`)."""

import binascii

from dsoftbus.errors import BAD_ARGUMENT, LocalError
from dsoftbus.update.lines import FILE_LINE, SIZE_MAX
from dsoftbus.update.manifest import (
    FILES_MAX,
    HEAD_BEFORE,
    HEAD_BEHIND,
    MANIFEST_MAX,
    TAIL,
    is_name,
    is_version,
)


def manifest_text(version: str, files: "dict[str, tuple[bytes, int]]") -> str:
    """The text of a manifest: `files` maps a name to SHA-256 and size in bytes.

    Raises LocalError(BAD_ARGUMENT), which says what is not allowed.
    """
    if not is_version(version):
        raise LocalError(BAD_ARGUMENT, "version %s: numbers with dots between" % version)
    if not 1 <= len(files) <= FILES_MAX:
        raise LocalError(BAD_ARGUMENT, "%d files: 1 to %d" % (len(files), FILES_MAX))
    lines = []
    for name in sorted(files, key=str.encode):
        digest, size = files[name]
        if not is_name(name) or not 0 <= size <= SIZE_MAX:
            raise LocalError(BAD_ARGUMENT, "%s: no name, or too large for a board" % name)
        lines.append(FILE_LINE % (name, str(binascii.hexlify(digest), "ascii"), size))
    text = HEAD_BEFORE + version + HEAD_BEHIND + "\n" + ",\n".join(lines) + "\n" + TAIL + "\n"
    if len(text.encode()) > MANIFEST_MAX:
        raise LocalError(BAD_ARGUMENT, "manifest of more than %d bytes" % MANIFEST_MAX)
    return text
