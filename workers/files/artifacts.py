"""Files that a trial leaves for people to look at."""

from __future__ import annotations

import mimetypes
import shutil
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from .manifest import Fingerprint
from .place import Place

UNKNOWN = "application/octet-stream"


class Artifact(NamedTuple):
    """A file that is kept, and where."""

    name: str
    uri: str
    media_type: str
    size: int
    sha256: str


def checked_name(source: Path, name: str | None) -> str:
    """What to call the artifact made of `source`: `name`, else as it is called itself; a folder's ends in `.zip`.

    Raises:
        FileNotFoundError: there is no `source`.
        ValueError: the name leads out of the folder of artifacts.
    """
    if not source.exists():
        raise FileNotFoundError(f"{str(source)!r} cannot be kept as an artifact: there is no such file or folder")
    path = PurePosixPath(source.resolve().name if name is None else name)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise ValueError(f"an artifact cannot be called {name!r}; give a name such as 'plots/loss.png'")
    return f"{path}.zip" if source.is_dir() and path.suffix != ".zip" else str(path)


def keep(source: Path, name: str, folder: Place, scratch: Path) -> Artifact:
    """Put `source`, a folder zipped, under `name` into `folder`, instead of an earlier one of that name."""
    copy = scratch / PurePosixPath(name).name
    if source.is_dir():
        shutil.make_archive(str(copy.with_suffix("")), "zip", source)
    else:
        shutil.copyfile(source, copy)
    fingerprint = Fingerprint.of(copy)
    place = folder / name
    place.receive_file(copy)
    return Artifact(name, place.uri, mimetypes.guess_type(name)[0] or UNKNOWN, *fingerprint)
