"""A folder on any file system, and how something comes to exist there whole."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from ..protocol import WorkersError
from .scratch import scratch_folder

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is: `path` on the file system `fs`, which everybody else finds at `uri`.

    Where it is local, on a file system of this machine, a rename makes a whole folder exist at once.
    """

    fs: AbstractFileSystem
    path: str
    uri: str
    is_local: bool

    @classmethod
    def at(cls, url: str) -> Place:
        """The place at `url`, or at a path of this machine.

        Raises:
            WorkersError: fsspec knows no such file system, or the package that it needs for it is not installed.
        """
        import fsspec  # a tenth of a second, which most trials need not spend
        from fsspec.implementations.local import LocalFileSystem

        try:
            fs, path = fsspec.url_to_fs(url)
        except (ValueError, ImportError) as error:
            raise WorkersError(
                f"files cannot be kept at {url!r} ({error}); "
                "give a folder, or the URL of a file system that fsspec knows, and install the package it names"
            ) from error
        path = path.rstrip("/")
        is_local = isinstance(fs, LocalFileSystem)
        return cls(fs, path, f"file://{path}" if is_local else url.rstrip("/"), is_local)

    def __truediv__(self, name: str) -> Place:
        return Place(self.fs, f"{self.path}/{name}", f"{self.uri}/{name}", self.is_local)

    def names(self) -> list[str]:
        """What is in this folder; nothing where it does not exist."""
        self.fs.invalidate_cache(self.path)  # some remember a listing from before another process wrote there
        try:
            paths = self.fs.ls(self.path, detail=False)
        except FileNotFoundError:
            return []
        return [PurePosixPath(path).name for path in paths]

    def exists(self) -> bool:
        """Whether there is something."""
        return bool(self.fs.exists(self.path))

    def read(self) -> bytes:
        """The content of this file.

        Raises:
            FileNotFoundError: there is none.
        """
        return bytes(self.fs.cat_file(self.path))

    def write(self, content: bytes) -> None:
        """Make this a file with `content`; a death on the way may leave a part of it."""
        self.fs.pipe_file(self.path, content)

    def remove(self) -> None:
        """Remove this and all that is in it, if it is there."""
        with suppress(FileNotFoundError):  # somebody else removes it too
            self.fs.rm(self.path, recursive=True)

    def fetch(self, names: Sequence[str], folder: Path) -> None:
        """Copy the files `names` of this place into a local folder.

        Raises:
            FileNotFoundError: one of them is missing.
        """
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
        self.fs.get([f"{self.path}/{name}" for name in names], [str(folder / name) for name in names])

    def receive_folder(self, folder: Path, last: str) -> None:
        """Hold what a local folder holds, its file `last` being written after all others.

        On a local file system, `folder` is moved here, and all of it appears at once.
        """
        if self.is_local:
            _move(folder, Path(self.path))
            return
        names = [name for name in files_in(folder) if name != last]
        for parent in {(PurePosixPath(self.path) / name).parent for name in names}:
            self.fs.makedirs(str(parent), exist_ok=True)
        self.fs.put([str(folder / name) for name in names], [f"{self.path}/{name}" for name in names])
        self.fs.put_file(str(folder / last), f"{self.path}/{last}")

    def receive_file(self, file: Path) -> None:
        """Hold what a local file holds, instead of what was here before; on a local file system, `file` is moved."""
        if self.is_local:
            _move(file, Path(self.path))
            return
        self.fs.makedirs(str(PurePosixPath(self.path).parent), exist_ok=True)
        self.fs.put_file(str(file), self.path)

    @contextmanager
    def scratch(self, prefix: str) -> Iterator[Path]:
        """An empty local folder until the `with` block ends; if this place is local, inside it and on its disk."""
        if not self.is_local:
            with scratch_folder() as folder:
                yield folder
            return
        self.fs.makedirs(self.path, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=prefix, dir=self.path, ignore_cleanup_errors=True) as inside:
            yield Path(inside)


def files_in(folder: Path) -> list[str]:
    """The files in a local folder and those below it, relative to it, in order."""
    return sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())


def _move(source: Path, target: Path) -> None:
    """Rename on one disk, so that a power cut leaves either nothing at `target` or all of `source`."""
    for path in [source, *source.rglob("*")]:
        if path.is_file() or path.is_dir():
            _sync(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    source.replace(target)
    _sync(target.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
