"""Where the mirror of a sweep stands: in memory, and open for rehearsal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from optuna import Study
from optuna.storages import InMemoryStorage


class RehearsalStorage(InMemoryStorage):
    """Optuna's storage in memory, in which trials can be asked for without a trace."""

    @contextmanager
    def rehearsal(self, study_id: int) -> Iterator[None]:
        """Afterwards the trials that were begun within are gone, and the study's attributes are as they were."""
        study = self._studies[study_id]
        known, greatest, attributes = len(study.trials), self._max_trial_id, study.system_attrs
        try:
            yield
        finally:
            for trial in study.trials[known:]:
                del self._trial_id_to_study_id_and_number[trial._trial_id]
            del study.trials[known:]
            self._max_trial_id, study.system_attrs = greatest, attributes


class EndlessStudy(Study):
    """A study that goes on when its sampler thinks that nothing is left: when a sweep ends, others decide."""

    def stop(self) -> None:
        """Ignored; Optuna's own accepts this only within `optimize`."""
