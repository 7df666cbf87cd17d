"""Files of this host that are for peers: the user's folder for them, and names for them; the
echo."""

from __future__ import annotations

from pathlib import Path

import platformdirs

from dsoftbus.base import file_names
from dsoftbus.errors import STREAM_REFUSED, LocalError
from dsoftbus.share.messages import NAME_MAX
from dsoftbus_aio.echo import serve_echo as serve_echo
from dsoftbus_aio.services.share_listing import Shared as Shared
from dsoftbus_host.storage import secret_files


def check_name(name: str) -> str:
    """Returns `name`, which may lead through folders. Raises LocalError(STREAM_REFUSED) for one
    that no peer takes."""
    if not file_names.allowed_path(name):
        long = len(name.encode(errors="replace")) > NAME_MAX
        why = f" (at most {NAME_MAX} bytes, with its folders)" if long else ""
        raise LocalError(STREAM_REFUSED, f"{name!r} is no name for a peer's file{why}")
    return name


def default_folder() -> Path:
    """This user's folder for files of peers. Raises LocalError(BAD_ARGUMENT) for a user without a
    home."""
    return secret_files.at_home(platformdirs.user_data_dir, "XDG_DATA_HOME") / "files"


def made_folder() -> Path:
    """This user's folder for files of peers, which is made if it does not exist.

    Raises OSError, and LocalError(BAD_ARGUMENT) for a user without a home.
    """
    folder = default_folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder
