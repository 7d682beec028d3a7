"""Population based training (PBT, PB2) over a sweep."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ray import tune
from ray.tune.experiment import Trial
from ray.tune.search import SearchAlgorithm, SearchGenerator

from ...spaces import Configuration, ConfigurationError, Space
from ...spaces.domains import Domain, Integer, Labels, Real
from ..protocol import WorkersError
from .configs import MARK, nearest
from .searcher import TuneSearch


class Population(SearchAlgorithm):
    """A `TuneSearch` for `PopulationBasedTraining` and `PB2`, which refuse every `Searcher`.

    `TuneConfig(search_alg=Population(TuneSearch(session)), scheduler=PopulationBasedTraining(...))`. The sampler
    chooses the first population; the scheduler changes it. `max_concurrent_trials` has no effect.
    """

    def __init__(self, search: TuneSearch) -> None:
        self._generator = SearchGenerator(search)

    @property
    def total_samples(self) -> int:
        """How many Tune trials there will be."""
        return int(self._generator.total_samples)

    def set_search_properties(self, metric: str | None, mode: str | None, config: dict[str, Any], **spec: Any) -> bool:
        """Refuse a `param_space`, as `TuneSearch` does."""
        return bool(self._generator.set_search_properties(metric, mode, config, **spec))

    def add_configurations(self, experiments: Any) -> None:
        """Take in what is to be run."""
        self._generator.add_configurations(experiments)

    def next_trial(self) -> Trial | None:
        """The next Tune trial."""
        found: Trial | None = self._generator.next_trial()  # type: ignore[no-untyped-call]
        return found

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Hand on a result."""
        self._generator.on_trial_result(trial_id, result)

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Hand on the end of a trial."""
        self._generator.on_trial_complete(trial_id, result, error)

    def is_finished(self) -> bool:
        """Whether no more trials will come."""
        return self._finished or bool(self._generator.is_finished())

    def has_checkpoint(self, dirpath: str) -> bool:
        """Whether something was saved there."""
        return bool(self._generator.has_checkpoint(dirpath))

    def save_to_dir(self, dirpath: str, **kwargs: Any) -> None:
        """Save what `restore_from_dir` needs."""
        self._generator.save_to_dir(dirpath, **kwargs)

    def restore_from_dir(self, dirpath: str) -> None:
        """Go on where `save_to_dir` was called."""
        self._generator.restore_from_dir(dirpath)


def mutations(space: Space, *paths: str) -> dict[str, Any]:
    """The `hyperparam_mutations` of PBT for some decisions of a space.

    Name decisions that can change while a model trains, such as a learning rate: one that decides on the model's shape
    would make its checkpoint useless.

    Raises:
        WorkersError: a decision is not always made, or others depend on it.
    """
    return {path: _distribution(_free_domain(space, path)) for path in paths}


def bounds(space: Space, *paths: str) -> dict[str, list[float]]:
    """The `hyperparam_bounds` of PB2 for some numeric decisions of a space.

    Raises:
        WorkersError: a decision is no number, is not always made, or others depend on it.
    """
    found: dict[str, list[float]] = {}
    for path in paths:
        domain = _free_domain(space, path)
        if not isinstance(domain, Real | Integer):
            raise WorkersError(f"Decision {path!r} is no number, so it has no bounds; leave it out.")
        found[path] = [domain.low, domain.high]
    return found


def explore(space: Space) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """The `custom_explore_fn` of PBT that brings a changed config back into a space.

    Numbers become the nearest ones of their ranges. A config that breaks what the space requires becomes one that
    keeps it, and differs in one decision where that is enough.
    """

    def explored(config: dict[str, Any]) -> dict[str, Any]:
        values = nearest(space, config)
        try:
            configuration = space.configuration(values)
        except ConfigurationError:
            configuration = space.decode(space.encode(Configuration(space, values)))
        kept = {MARK: config[MARK]} if MARK in config else {}
        return {**configuration.values, **kept}

    return explored


def _free_domain(space: Space, path: str) -> Domain:
    """The domain of a decision that is always made and on which no other one depends."""
    slot = next((slot for slot in space.slots if slot.path == path), None)
    if slot is None:
        known = ", ".join(slot.path for slot in space.slots if not slot.when)
        raise WorkersError(f"There is no decision {path!r} in the space; those that are always made are {known}.")
    if slot.when or any(literal.path == path for other in space.slots for literal in other.when):
        raise WorkersError(
            f"Decision {path!r} cannot change while a trial runs, because it is not always made or others depend on "
            "it; leave it out."
        )
    return slot.domain


def _distribution(domain: Domain) -> Any:
    match domain:
        case Real(step=None, log=True):
            return tune.loguniform(domain.low, domain.high)
        case Real(step=None):
            return tune.uniform(domain.low, domain.high)
        case Real():
            return [domain.nth(index) for index in range(domain.size or 0)]
        case Integer(step=1, log=True):
            return tune.lograndint(domain.low, domain.high + 1)
        case Integer(step=1):
            return tune.randint(domain.low, domain.high + 1)
        case Integer() | Labels():
            return list(domain.values)
    raise WorkersError(f"Decisions of {type(domain).__name__} cannot change while a trial runs; leave it out.")
