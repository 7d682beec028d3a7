"""Local folders for work under way, which do not outlive a process that is killed."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """An empty folder in the temporary folder of this machine, until the `with` block ends.

    It is locked by its process, so the next one that asks for such a folder knows those of the dead, and removes them.
    """
    root = Path(tempfile.gettempdir()) / f"paretree-{os.getuid()}"
    root.mkdir(mode=0o700, exist_ok=True)
    with _locked(root):  # nobody takes a folder for a dead one's before it is locked
        _remove_unlocked(root)
        folder = Path(tempfile.mkdtemp(dir=root))
        descriptor = os.open(folder, os.O_RDONLY)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _remove_unlocked(root: Path) -> None:
    for folder in root.iterdir():
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        except BlockingIOError:
            continue  # its process lives
        finally:
            os.close(descriptor)
