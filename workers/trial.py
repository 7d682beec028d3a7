"""What the user's function is given."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from .protocol import AttemptId, Event, Logged, Reported
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
    ) -> None:
        """A trial that hands what it measures to `emit`, asks `stopping` whether to end, and dates with `clock`."""
        self.config = config
        self.number = id.trial
        self.attempt = id.attempt
        self.seed = seed
        self.device = device
        self._id = id
        self._emit = emit
        self._stopping = stopping
        self._clock = clock

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
        """
        self._emit(Reported(self._id, self._checked_step(step), self._checked_metrics(step, metrics), self._clock()))
        if self._stopping():
            raise TrialStopped(f"trial {self.number} was told to stop at step {step}")

    def log(self, *parts: object) -> None:
        """Keep a line with this trial; `parts` are joined as `print` does."""
        self._emit(Logged(self._id, " ".join(map(str, parts)), self._clock()))

    def _checked_step(self, step: int) -> int:
        try:
            count = operator.index(step)
        except TypeError:
            problem = f"trial {self.number} reported at step {describe(step)}; a step is an integer from 0"
            raise TypeError(problem) from None
        if count < 0:
            raise ValueError(f"trial {self.number} reported at step {count}; steps count from 0")
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
