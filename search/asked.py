"""A trial that is run by who asked for it."""

from __future__ import annotations

from collections.abc import Mapping

from ..workers.protocol import Cause, Event, Failed, Finished, Stopped
from ..workers.results import ResultError, as_values
from ..workers.trial import Trial
from .errors import SweepError


class Asked(Trial):
    """A trial that the caller runs: what a `train` function is given, and the ways to end it.

    It may be ended from any thread, once; after that it takes nothing more.

    Attributes:
        ended: whether it was told, stopped or failed.
    """

    ended = False

    def tell(self, values: Mapping[str, float] | float) -> None:
        """The trial has finished, with `values`: what a `train` function would return.

        Raises:
            SweepError: an objective or constraint is missing or no number, or the trial has ended; nothing is changed.
            StoreError: the store does not answer, or another controller took the sweep over.
        """
        try:
            numbers = as_values(values)
        except ResultError as error:
            raise untellable(self.number, error) from error
        self._end(Finished(self._id, numbers, self._clock()))

    def stop(self) -> None:
        """The trial was ended early, without a result.

        Raises:
            SweepError: the trial has ended.
            StoreError: as `tell`.
        """
        self._end(Stopped(self._id, self._clock()))

    def fail(self, message: str, traceback: str = "") -> None:
        """The trial came to nothing, for a reason told in one sentence.

        Raises:
            SweepError: the trial has ended.
            StoreError: as `tell`.
        """
        self._end(Failed(self._id, Cause.USER, message, traceback, self._clock()))

    def _end(self, event: Event) -> None:
        self._emit(event)
        self.ended = True
        self._files.close()


def untellable(number: int, error: ResultError) -> SweepError:
    """The error for values that cannot be the result of a trial."""
    return SweepError(f"Trial {number} cannot be told that: {error}.")
