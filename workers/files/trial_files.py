"""The files of one attempt at a trial: its checkpoints, what it goes on from, and its artifacts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from ...spaces.errors import ParetreeError
from ..protocol import AttemptId, FilesError, Keep, WorkersError
from . import artifacts
from .artifacts import Artifact
from .checkpoints import FILES, Checkpoints, load
from .manifest import Manifest, TornError
from .place import Place

SCRATCH = re.compile(r"\.attempt-(\d+)-.*")

Log = Callable[[str], None]


class Made(NamedTuple):
    """A checkpoint that exists now."""

    uri: str
    size: int
    sha256: str


class TrialFiles:
    """What the attempt `id` keeps below `url`, in a folder of its sweep and trial. Nothing is touched before it is due.

    Args:
        url: a folder or a URL; without it, nothing can be kept.
        key: the name of the sweep's folder.
        keep: which checkpoints are kept.
        checkpoint: the URI of one to go on from, of an earlier attempt or of another trial.
    """

    def __init__(
        self,
        id: AttemptId,
        url: str | None = None,
        key: str = "",
        keep: Keep | None = None,
        checkpoint: str | None = None,
    ) -> None:
        self._id = id
        self._url = url
        self._key = key
        self._keep = keep or Keep()
        self._assigned = checkpoint
        self._copies = ExitStack()

    def close(self) -> None:
        """Remove the local copies that `restore` made."""
        self._copies.close()

    @contextmanager
    def new_checkpoint(self) -> Iterator[Path]:
        """An empty local folder for the user's files, to be given to `add_checkpoint`.

        Raises:
            FilesError: it cannot be made.
        """
        with ExitStack() as stack:
            with self._explaining("a checkpoint cannot be begun"):
                folder = stack.enter_context(self._scratch()) / "checkpoint" / FILES
                folder.mkdir(parents=True)
            yield folder

    def add_checkpoint(self, folder: Path, step: int) -> Made:
        """Make a checkpoint of a folder that `new_checkpoint` gave.

        Raises:
            ValueError: there is no file in it.
            FilesError: it could not be written; those from before stay.
        """
        with self._explaining(f"the checkpoint at step {step} could not be kept, and those before it stay"):
            manifest = Manifest.of(folder, self._id, step)
            if manifest.files:
                place = self._checkpoints.add(folder.parent, manifest)
                return Made(place.uri, manifest.size, manifest.sha256)
        raise ValueError(
            f"the checkpoint of trial {self._id.trial} at step {step} is empty; "
            "write its files into the folder that trial.checkpoint gives"
        )

    def surplus(self, log: Log) -> Sequence[Place]:
        """The checkpoints that need not be kept now that there is a newer one; none where nobody can say."""
        try:
            return self._checkpoints.surplus()
        except Exception as error:
            log(f"older checkpoints stay, because they cannot be listed ({_reason(error)})")
            return []

    def remove(self, surplus: Sequence[Place], log: Log) -> None:
        """Remove these, and what earlier attempts left unfinished; what cannot be removed stays."""
        try:
            for place in [*surplus, *self._leftovers()]:
                place.remove()
        except Exception as error:
            log(f"older checkpoints stay, because they cannot be removed ({_reason(error)})")

    def restore(self, log: Log) -> tuple[Path, int] | None:
        """A local copy of the newest checkpoint that is whole, and its step; None where there is none.

        Raises:
            FilesError: nobody can say what there is.
        """
        if self._url is None and self._assigned is None:
            return None
        with self._explaining("its checkpoints cannot be read"):
            assigned = Place.at(self._assigned) if self._assigned else None
            for place in self._checkpoints.to_restore(assigned):
                try:
                    return self._copy(place)
                except TornError as problem:
                    log(f"the checkpoint {place.uri} is not used, because {problem}; the one before it is tried")
        return None

    def reported(self, step: int, metrics: Mapping[str, float]) -> None:
        """Take in a report, for `Keep.best`.

        Raises:
            FilesError: it could not be written to the checkpoint it belongs to.
        """
        best = self._keep.best
        if best is not None and best in metrics and self._url is not None:
            with self._explaining(f"{best} at step {step} could not be kept with its checkpoint"):
                self._checkpoints.score(step, metrics[best])

    def add_artifact(self, source: Path, name: str | None) -> Artifact:
        """Keep a copy of a file, or of a folder as a zip file.

        Raises:
            FileNotFoundError: there is no such file or folder.
            ValueError: no file can have this name.
            FilesError: it could not be written.
        """
        checked = artifacts.checked_name(source, name)
        with self._explaining(f"the artifact {checked!r} could not be kept"), self._scratch() as scratch:
            return artifacts.keep(source, checked, self._folder / "artifacts" / f"{self._id.attempt:03}", scratch)

    @cached_property
    def _folder(self) -> Place:
        if self._url is None:
            raise WorkersError(
                f"trial {self._id.trial} has nowhere to keep checkpoints and artifacts; "
                "give the sweep a folder or a URL that all workers reach, as in Sweep(..., files=...)"
            )
        folder = Place.at(self._url)
        return (folder / self._key if self._key else folder) / f"trial-{self._id.trial:06}"

    @cached_property
    def _checkpoints(self) -> Checkpoints:
        return Checkpoints(self._folder, self._id, self._keep)

    def _copy(self, place: Place) -> tuple[Path, int]:
        with ExitStack() as stack:
            folder = stack.enter_context(self._scratch())
            manifest = load(place, folder)
            self._copies.push(stack.pop_all())
        return folder, manifest.step

    def _scratch(self) -> AbstractContextManager[Path]:
        """A local folder, in that of the trial where it is local: so the next attempt finds what a dead one left."""
        return self._folder.scratch(f".attempt-{self._id.attempt:03}-")

    def _leftovers(self) -> list[Place]:
        if not self._folder.is_local:
            return []
        matches = filter(None, map(SCRATCH.fullmatch, self._folder.names()))
        return [self._folder / match[0] for match in matches if int(match[1]) < self._id.attempt]

    @contextmanager
    def _explaining(self, problem: str) -> Iterator[None]:
        try:
            yield
        except ParetreeError:
            raise
        except Exception as error:
            message = f"trial {self._id.trial}: {problem} ({_reason(error)}); see to {self._url}"
            raise FilesError(message) from error


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
