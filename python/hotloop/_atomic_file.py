"""Files replaced all at once: at any moment, also after a crash, the whole old content or the whole new."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat


def write_atomically(path: str | os.PathLike[str], data: bytes) -> None:
    """Makes ``data`` the content of ``path``.

    A symbolic link is followed, and the permissions of a file that is replaced are kept. Where anything fails, the old
    file stays and nothing else is left behind; a process killed halfway leaves its temporary file.
    """
    target = os.path.realpath(path)
    mode = None
    with contextlib.suppress(FileNotFoundError):
        status = os.stat(target)
        if stat.S_ISDIR(status.st_mode):
            raise IsADirectoryError(f"cannot write to {os.fspath(path)}: it is a directory")
        if not stat.S_ISREG(status.st_mode):  # renaming over a device would remove the device
            raise OSError(f"cannot replace {os.fspath(path)}: it is not a regular file")
        mode = stat.S_IMODE(status.st_mode)
    directory = os.path.dirname(target)
    temporary = os.path.join(directory, f".hotloop-{secrets.token_hex(8)}.tmp")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            if mode is not None:
                os.fchmod(descriptor, mode)
            os.fsync(descriptor)
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    _sync_directory(directory)


def _sync_directory(directory: str) -> None:
    """Makes a rename inside ``directory`` survive a power cut."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
