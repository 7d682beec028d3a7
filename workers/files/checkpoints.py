"""The checkpoints of one trial.

Each is a folder `checkpoint-<step>-<attempt>.<nth>-<random>` with a manifest beside the user's files. Any attempt at
the trial may read all of them. It removes only its own and those of earlier attempts, so one that was believed dead and
lives on can do no harm to the attempt that took its place.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path

from ..protocol import AttemptId, Keep
from .manifest import Manifest, TornError
from .place import Place
from .retention import Label, kept

FILES = "files"
MANIFEST = "manifest.json"
SCORE = "score.json"


class Checkpoints:
    """The checkpoints in `folder`, as the attempt `id` sees them."""

    def __init__(self, folder: Place, id: AttemptId, keep: Keep) -> None:
        self._folder = folder
        self._id = id
        self._keep = keep
        self._made: list[Label] = []
        self._scores: dict[str, float] = {}
        self._reported: tuple[int, float] | None = None  # the last step with a score, and the score

    def add(self, work: Path, manifest: Manifest) -> Place:
        """Make a checkpoint of the local folder `work`, which holds the user's files in `FILES`."""
        (work / MANIFEST).write_bytes(manifest.to_json())
        label = Label.new(self._id.attempt, len(self._made), manifest.step)
        place = self._folder / label.name
        place.receive_folder(work, last=MANIFEST)
        self._made.append(label)
        self._store_score()
        return place

    def score(self, step: int, value: float) -> None:
        """Take in what the trial reported at `step` of the metric of `Keep.best`; what is not finite is never best."""
        if math.isfinite(value):
            self._reported = step, value
            self._store_score()

    def to_restore(self, assigned: Place | None) -> list[Place]:
        """What to go on from, the best first: what this attempt made, then `assigned`, then what earlier ones made."""
        labels = self._labels()[::-1]
        own = [self._folder / label.name for label in labels if label.attempt == self._id.attempt]
        earlier = [self._folder / label.name for label in labels if label.attempt < self._id.attempt]
        places = [*own, *([assigned] if assigned else []), *earlier]
        return list({place.uri: place for place in places}.values())

    def surplus(self) -> list[Place]:
        """Those that need not be kept: of this attempt and earlier ones, the oldest first."""
        labels = self._labels()
        whole = [label for label in labels if label in self._made or (self._folder / label.name / MANIFEST).exists()]
        keeping = kept(whole, self._keep, self._known_scores(whole))
        return [self._folder / label.name for label in labels if label not in keeping]

    def _labels(self) -> list[Label]:
        labels = filter(None, map(Label.read, self._folder.names()))
        return sorted(label for label in labels if label.attempt <= self._id.attempt)

    def _store_score(self) -> None:
        """Put its score into the newest checkpoint, whichever of the two came first."""
        if self._reported is None or not self._made or self._made[-1].step != self._reported[0]:
            return
        name = self._made[-1].name
        self._scores[name] = self._reported[1]
        (self._folder / name / SCORE).write(json.dumps(self._scores[name]).encode())

    def _known_scores(self, labels: list[Label]) -> Mapping[str, float]:
        if self._keep.best is None:
            return {}
        for label in labels:
            if label not in self._made and label.name not in self._scores:
                self._read_score(label.name)
        return self._scores

    def _read_score(self, name: str) -> None:
        try:
            self._scores[name] = float(json.loads((self._folder / name / SCORE).read()))
        except (FileNotFoundError, ValueError):
            return  # never scored, or only half


def load(place: Place, folder: Path) -> Manifest:
    """Copy the user's files of the checkpoint at `place` into a local folder, and check each of them.

    Raises:
        TornError: it is not whole.
    """
    try:
        manifest = Manifest.from_json((place / MANIFEST).read())
        (place / FILES).fetch(list(manifest.files), folder)
    except FileNotFoundError:
        raise TornError("it, or a file of it, is missing") from None
    manifest.check(folder)
    return manifest
