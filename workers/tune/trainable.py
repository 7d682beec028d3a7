"""Our `train(trial)` functions as function trainables of Tune."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import ray
from ray import tune
from ray.tune.result import DEFAULT_METRIC

from ...spaces import Configuration, Space
from ..protocol import AttemptId, Event, Job, Logged, Reported
from ..results import as_values
from ..run import seed_all
from ..shipping import pack, unpack
from ..trial import Trial
from .configs import MARK, configuration_of, lineage
from .results import Told


def trainable(train: Callable[[Trial], object], space: Space) -> Callable[[dict[str, Any]], None]:
    """`train` as a function that `ray.tune.Tuner` runs.

    Its config is decoded to a configuration of `space`. What `train` reports goes to `tune.report`, what it returns is
    reported last, and checkpoints are Tune's: `trial.checkpoint` is kept with the next report, `trial.restore` gives
    the one that Tune wants the trial to go on from. Where Tune ends a trial, its next report ends the function,
    `finally` and `with` included. Give it resources with `tune.with_resources`.

    Raises:
        WorkersError: `train` or `space` cannot be sent to a worker.
    """
    cargo = pack(Job("tune", space, train))

    def run_trial(config: dict[str, Any]) -> None:
        with contextlib.chdir("."):  # unpacking changes to where the driver is, but Tune gives each trial a folder
            job = unpack(cargo)
        with ExitStack() as copies:
            trial = TuneTrial(configuration_of(job.space, config), config.get(MARK, {}), copies)
            seed_all(trial.seed)
            trial.finish(as_values(job.train(trial)))

    run_trial.__name__ = getattr(train, "__name__", "train")
    return run_trial


class TuneTrial(Trial):
    """A trial in a Tune session."""

    def __init__(self, config: Configuration, mark: Mapping[str, int], copies: ExitStack) -> None:
        """The trial that `mark` (see `configs.MARK`) names; local copies of checkpoints live in `copies`."""
        self._tune_id = str(tune.get_context().get_trial_id())
        super().__init__(
            AttemptId(mark.get("number", 0), mark.get("attempt", 0)),
            config,
            mark.get("seed", zlib.crc32(self._tune_id.encode())),
            device="cuda" if ray.get_gpu_ids() else "cpu",
            emit=self._tell,
            stopping=lambda: False,
            clock=time.time,
        )
        self._copies = copies
        self._kept: Path | None = None  # a checkpoint that waits for the next report
        self._last: dict[str, float] = {}
        self._step = 0
        self._told_lines: list[str] = []
        self._start = tune.get_checkpoint()
        self._start_mark: dict[str, Any] = self._start.get_metadata() if self._start else {}
        self._origin: str | None = self._start_mark.get("lineage")
        self._lineage = lineage(self._tune_id, config)

    @contextlib.contextmanager
    def checkpoint(self, step: int) -> Iterator[Path]:
        """A folder for what Tune shall keep with the next report, or with what the function returns.

        Raises:
            TypeError, ValueError: `step` is no step.
        """
        count = self._checked_step(step, "made a checkpoint")
        folder = Path(self._copies.enter_context(tempfile.TemporaryDirectory(prefix="checkpoint-")))
        yield folder
        tune.Checkpoint.from_directory(folder).set_metadata({"step": count, "lineage": self._lineage})
        self._kept = folder

    def restore(self) -> Path | None:
        """A local copy of the checkpoint that Tune wants the trial to go on from; None where it starts anew."""
        if self._start is None:
            return None
        self.restored_step = self._start_mark.get("step")
        return Path(self._copies.enter_context(self._start.as_directory()))

    def artifact(self, path: str | os.PathLike[str], name: str | None = None) -> None:
        """Copy a file into Tune's folder of the trial; Tune keeps it with `SyncConfig(sync_artifacts=True)`."""
        source = Path(path)
        target = Path(str(tune.get_context().get_trial_dir()), name or source.name)
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)
        else:
            shutil.copyfile(source, target)

    def finish(self, values: Mapping[str, float]) -> None:
        """Report what the function returned, a bare number under Tune's name for that.

        Metrics that were reported before stay, as schedulers ask for theirs every time.
        """
        self._report(Told(self._step, values, returned=True, lines=self._lines_to_tell(), origin=self._origin))

    def _tell(self, event: Event) -> None:
        match event:
            case Logged(text=text):
                self._told_lines.append(text)
            case Reported(step=step, values=values):
                self._step = step
                self._report(Told(step, values, lines=self._lines_to_tell(), origin=self._origin))

    def _report(self, news: Told) -> None:
        self._last |= {name or DEFAULT_METRIC: value for name, value in news.values.items()}
        kept, self._kept = self._kept, None
        checkpoint = tune.Checkpoint.from_directory(kept) if kept else None
        tune.report({**self._last, **news.mark()}, checkpoint=checkpoint)
        if kept:
            shutil.rmtree(kept)

    def _lines_to_tell(self) -> list[str]:
        lines, self._told_lines = self._told_lines, []
        return lines
