"""What a checkpoint consists of. It is written last, so a checkpoint without a whole manifest is none."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from ..protocol import AttemptId
from .place import files_in

FORMAT = 1


class TornError(Exception):
    """A checkpoint is not whole; the message says what is wrong with it."""


class Fingerprint(NamedTuple):
    """Tells whether a file is the one that was written."""

    size: int
    sha256: str

    @classmethod
    def of(cls, file: Path) -> Fingerprint:
        """The fingerprint of a local file."""
        with file.open("rb") as stream:
            return cls(file.stat().st_size, hashlib.file_digest(stream, "sha256").hexdigest())


@dataclass(frozen=True, slots=True)
class Manifest:
    """The attempt and the step that a checkpoint is of, and its files by their path in it."""

    id: AttemptId
    step: int
    files: Mapping[str, Fingerprint]

    @classmethod
    def of(cls, folder: Path, id: AttemptId, step: int) -> Manifest:
        """The manifest of what is in a local folder."""
        return cls(id, step, {name: Fingerprint.of(folder / name) for name in files_in(folder)})

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(file.size for file in self.files.values())

    @property
    def sha256(self) -> str:
        """Tells this checkpoint from any other: all that the manifest says, and so each file."""
        return hashlib.sha256(json.dumps(self._data(), sort_keys=True).encode()).hexdigest()

    def to_json(self) -> bytes:
        """As it is stored."""
        return json.dumps({"manifest": self._data(), "sha256": self.sha256}, indent=1).encode()

    @classmethod
    def from_json(cls, content: bytes) -> Manifest:
        """The manifest that `to_json` wrote.

        Raises:
            TornError: `content` is not all of one, or was changed.
        """
        try:
            stored = json.loads(content)
            data, sha256 = stored["manifest"], stored["sha256"]
            files = {name: Fingerprint(**file) for name, file in data["files"].items()}
            manifest = cls(AttemptId(data["trial"], data["attempt"]), data["step"], files)
        except (ValueError, LookupError, TypeError, AttributeError):
            raise TornError("its manifest cannot be read") from None
        if manifest.sha256 != sha256 or any(map(_leads_out, files)):
            raise TornError("its manifest is not as it was written")
        return manifest

    def _data(self) -> dict[str, Any]:
        files = {name: file._asdict() for name, file in self.files.items()}
        return {"format": FORMAT, **self.id._asdict(), "step": self.step, "files": files}

    def check(self, folder: Path) -> None:
        """See that the files in a local folder are those of this manifest.

        Raises:
            TornError: one differs.
        """
        for name, fingerprint in self.files.items():
            if Fingerprint.of(folder / name) != fingerprint:
                raise TornError(f"its file {name!r} is not as it was written")


def _leads_out(name: str) -> bool:
    path = PurePosixPath(name)
    return path.is_absolute() or ".." in path.parts
