"""What the user's function is given."""

from __future__ import annotations

import operator
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from .files.trial_files import TrialFiles
from .protocol import AttemptId, Checkpointed, Event, Logged, Reported, Saved
from .results import as_number, describe

if TYPE_CHECKING:
    from ..spaces import Configuration
    from ..spaces.cost import Cost

Device = Literal["cpu", "cuda"]


class TrialStopped(BaseException):
    """The sweep wants no more of this trial.

    `Trial.report` raises it; let it pass. It is a `BaseException`, as `KeyboardInterrupt` is, so that an
    `except Exception` around a training step does not swallow it. `finally` and `with` still clean up, and a function
    that catches it and returns objectives has finished with them.
    """


class Trial:
    """One try at one configuration.

    Attributes:
        config: the decisions, and the parts built from them.
        number: which trial of the sweep this is, from 0.
        attempt: which try at it, from 0; above 0 the earlier ones were lost.
        seed: where the trial's randomness starts. `random`, `numpy.random` and, where it is loaded, `torch` are
            seeded with it before the function is called.
        device: "cuda" where the worker was allotted GPUs, else "cpu".
        restored_step: the step of the checkpoint that `restore` last returned; None before, and where there was none.
    """

    def __init__(
        self,
        id: AttemptId,
        config: Configuration,
        seed: int,
        *,
        device: Device,
        emit: Callable[[Event], None],
        stopping: Callable[[], bool],
        clock: Callable[[], float],
        draining: Callable[[], bool] = lambda: False,
        files: TrialFiles | None = None,
        leads: bool = True,
    ) -> None:
        """A trial that hands what it measures to `emit`, asks `stopping` whether to end, and dates with `clock`.

        Checkpoints and artifacts go to `files`. Where several processes run one attempt, only the one that `leads`
        keeps them. `draining` says whether the worker is about to go.
        """
        self.config = config
        self.number = id.trial
        self.attempt = id.attempt
        self.seed = seed
        self.device = device
        self.restored_step: int | None = None
        self._id = id
        self._emit = emit
        self._stopping = stopping
        self._clock = clock
        self._draining = draining
        self._files = files or TrialFiles(id)
        self._leads = leads
        self._lines = 0

    def __repr__(self) -> str:
        return f"Trial(number={self.number}, attempt={self.attempt}, seed={self.seed}, device={self.device!r})"

    @property
    def cost(self) -> Cost:
        """Size of the model last built with an `input_shape`: `params`, `flops` and `activation_bytes`.

        Raises:
            ConfigurationError: nothing was built yet.
        """
        return self.config.cost

    def build(self, input_shape: tuple[int, ...] | None = None) -> dict[str, Any]:
        """All named parts, built (see `Configuration.build`)."""
        return self.config.build(input_shape)

    def report(self, step: int, **metrics: float) -> None:
        """Say what was measured at `step` (an epoch, a batch: any count from 0).

        Metrics are numbers; NumPy and torch scalars are taken as well.

        Raises:
            TrialStopped: the sweep wants no more of this trial.
            TypeError: `step` is not an integer, or a metric is missing or not a number.
            ValueError: `step` is negative.
            FilesError: the metric of `Keep.best` could not be written to the checkpoint of this step.
        """
        count = self._checked_step(step, "reported")
        values = self._checked_metrics(step, metrics)
        self._emit(Reported(self._id, count, values, self._clock()))
        if self._leads:
            self._files.reported(count, values)
        if self._stopping():
            raise TrialStopped(f"trial {self.number} was told to stop at step {step}")

    def log(self, *parts: object) -> None:
        """Keep a line with this trial; `parts` are joined as `print` does."""
        self._emit(Logged(self._id, " ".join(map(str, parts)), self._clock(), self._lines))
        self._lines += 1

    @property
    def should_checkpoint(self) -> bool:
        """Whether this worker is about to go, so that a checkpoint made now saves what was computed since the last."""
        return self._draining()

    @contextmanager
    def checkpoint(self, step: int) -> Iterator[Path]:
        """Make a checkpoint of what the `with` block writes into the empty folder that it is given.

            with trial.checkpoint(step) as folder:
                torch.save(model.state_dict(), folder / "model.pt")

        It exists once the block has ended without an exception, whole or not at all, whatever dies on the way. A later
        attempt at the trial finds it with `restore`. Once it exists, older ones go, as the sweep's `Keep` says.

        Raises:
            FilesError: it could not be kept (a full disk, a store that does not answer); those from before stay.
            ValueError: the block wrote nothing, or `step` is negative.
            TypeError: `step` is not an integer.
            WorkersError: the sweep keeps no files.
        """
        count = self._checked_step(step, "made a checkpoint")
        with self._files.new_checkpoint() as folder:
            yield folder
            if not self._leads:
                return
            made = self._files.add_checkpoint(folder, count)
        surplus = self._files.surplus(self.log)
        dropped = tuple(place.uri for place in surplus)
        self._emit(Checkpointed(self._id, count, made.uri, made.size, made.sha256, self._clock(), dropped))
        self._files.remove(surplus, self.log)

    def restore(self) -> Path | None:
        """A local copy of the latest good checkpoint of this trial, made by any attempt; None where there is none.

            if folder := trial.restore():
                model.load_state_dict(torch.load(folder / "model.pt"))

        `restored_step` is then its step. Each file is compared with its checksum: a checkpoint that is not as it was
        written is logged and passed over for the one before it. The copy is gone when the trial ends.

        Raises:
            FilesError: the checkpoints cannot be read now, so nobody can say which there are.
        """
        restored = self._files.restore(self.log)
        folder, self.restored_step = restored or (None, None)
        return folder

    def artifact(self, path: str | os.PathLike[str], name: str | None = None) -> None:
        """Keep a copy of a file with this trial, as `name` or as it is called itself; a folder is kept as a zip file.

        An artifact of a name that this attempt used before takes the place of the earlier one.

        Raises:
            FileNotFoundError: there is no such file or folder.
            ValueError: no file can have this name.
            FilesError: it could not be kept (a full disk, a store that does not answer).
            WorkersError: the sweep keeps no files.
        """
        if self._leads:
            artifact = self._files.add_artifact(Path(path), name)
            self._emit(Saved(self._id, *artifact, self._clock()))

    def _checked_step(self, step: int, deed: str) -> int:
        try:
            count = operator.index(step)
        except TypeError:
            problem = f"trial {self.number} {deed} at step {describe(step)}; a step is an integer from 0"
            raise TypeError(problem) from None
        if count < 0:
            raise ValueError(f"trial {self.number} {deed} at step {count}; steps count from 0")
        return count

    def _checked_metrics(self, step: int, metrics: dict[str, float]) -> dict[str, float]:
        if not metrics:
            raise TypeError(f"trial {self.number} reported nothing at step {step}; name a metric, as in loss=0.1")
        checked = {}
        for name, value in metrics.items():
            number = as_number(value)
            if number is None:
                raise TypeError(
                    f"trial {self.number} reported {name!r}={describe(value)} at step {step}; metrics must be numbers"
                )
            checked[name] = number
        return checked
