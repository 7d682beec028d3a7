"""A searcher for Tune that asks our samplers, and tells our store what came of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ray.tune.search import Searcher

from ...spaces import Configuration, ParetreeError
from ..protocol import WorkersError
from .configs import MARK, config_of, configuration_of, lineage
from .driving import Driven, Driving
from .results import Told, below, told

ASK_SECONDS = 1.0
"""How long Tune's loop waits for a sampler that thinks, before it looks after its trials again."""

Result = Mapping[str, Any]


class TuneSearch(Searcher):
    """Gives Tune the trials of a sweep, and keeps in the sweep's store what Tune reports of them.

    Trials, reports and results are there while Tune runs, as those of any sweep. A trial is FINISHED when its function
    has returned (with a trainable that is not ours, when Tune ends it after all objectives were reported), STOPPED when
    a scheduler ended it before, FAILED when Tune gave it up. Where a scheduler changes the config of a trial, as
    population based training does, the trial is STOPPED and a new one begins, with the trial whose checkpoint it took
    as its parent.

    Each attempt has the Tune trial as its worker, `tune:<id>`. What Tune saves of the searcher is the sweep's name and
    which Tune trials run: all else is in the store, so a restored Tuner forgets nothing.

    Args:
        session: of `with sweep.driving(...) as session:`, inside which Tune runs, also when it is restored.
    """

    def __init__(self, session: Driving) -> None:
        super().__init__()
        self._session = session
        self._running: dict[str, Driven] = {}  # by Tune's id
        self._numbers: dict[str, int] = {}  # of all trials of this run, by lineage

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_running": {}, "_numbers": {}}

    def set_search_properties(self, metric: str | None, mode: str | None, config: dict[str, Any], **spec: Any) -> bool:
        """Refuse a `param_space`: what is searched is the sweep's space, and its objectives say what for.

        Raises:
            WorkersError: there is one.
        """
        names = ", ".join(map(repr, config))
        raise WorkersError(
            f"Tuner(param_space=...) has {names}, but TuneSearch searches the space of sweep {self._session.name!r}; "
            "put them there, and constants into the train function."
        )

    def suggest(self, trial_id: str) -> Any:
        """The config of the next trial; `FINISHED` where no more will come, None where the sampler still thinks."""
        trial = self._session.ask(worker=_worker(trial_id), wait=ASK_SECONDS)
        if trial is None:
            return self.FINISHED if self._session.exhausted else None
        return config_of(self._runs(trial_id, trial))

    def on_trial_result(self, trial_id: str, result: Result) -> None:
        """Keep what a trial reported, or returned."""
        news = told(result)
        trial = self._trial(trial_id, result, news)
        if trial is None or trial.ended:
            return
        for line in news.lines:
            trial.log(line)
        if news.returned:
            _tell(trial, news.values)
        elif news.values:
            trial.report(news.step, **news.values)

    def on_trial_complete(self, trial_id: str, result: Result | None = None, error: bool = False) -> None:
        """Keep how a trial ended. Its last result comes here alone where a scheduler stopped it because of that."""
        if result and not error:
            self.on_trial_result(trial_id, result)
        trial = self._running.pop(trial_id, None)
        if trial is None or trial.ended:
            return
        if error:
            trial.fail(f"the Tune trial {trial_id} failed; error.txt in Tune's folder of it tells why")
        elif result and f"{MARK}/step" not in result and set(self._session.wanted) <= told(result).values.keys():
            _tell(trial, told(result).values)
        else:
            trial.stop()

    def save(self, checkpoint_path: str) -> None:
        """Write down which sweep this is, and which Tune trials run (JSON)."""
        state = {"store": self._session.store_url, "sweep": self._session.name, "running": list(self._running)}
        Path(checkpoint_path).write_text(json.dumps(state), encoding="utf-8")

    def restore(self, checkpoint_path: str) -> None:
        """Go on with the trials that Tune will run again; all others that were interrupted are suggested anew.

        Raises:
            WorkersError: it was saved for another sweep.
        """
        state = json.loads(Path(checkpoint_path).read_text(encoding="utf-8"))
        if (state["store"], state["sweep"]) != (self._session.store_url, self._session.name):
            raise WorkersError(
                f"This search was saved for sweep {state['sweep']!r} of {state['store']}, and cannot go on with "
                f"{self._session.name!r} of {self._session.store_url}; drive that sweep."
            )
        for trial_id in state["running"]:
            self._take_up(trial_id)

    def _trial(self, trial_id: str, result: Result, news: Told) -> Driven | None:
        """The trial that a result is of; None where it finished before, and Tune does not know."""
        trial = self._running.get(trial_id) or self._take_up(trial_id)
        decisions = below(result, "config/")
        if not decisions:
            return trial
        configuration = configuration_of(self._session.space, _without_mark(decisions))
        if trial is not None and trial.config == configuration:
            return trial
        known = self._session.last_of(_worker(trial_id))
        if trial is None and known is not None and self._session.configuration(known) == configuration:
            return None
        return self._begin(trial_id, configuration, trial, news)

    def _take_up(self, trial_id: str) -> Driven | None:
        """Go on with what this Tune trial ran before the restart, if that did not end."""
        number = self._session.last_of(_worker(trial_id))
        if number is None or not self._session.can_resume(number):
            return None
        return self._runs(trial_id, self._session.resume(number, worker=_worker(trial_id)))

    def _begin(self, trial_id: str, configuration: Configuration, before: Driven | None, news: Told) -> Driven:
        """A trial of a configuration that Tune chose."""
        if before is not None and not before.ended:
            before.stop()
        parent = None if before is None else self._numbers.get(news.origin or "", before.number)
        reason = "run again by Tune" if parent is None else f"made by Tune's scheduler from trial {parent}"
        trial = self._session.begin(
            configuration, sampler="tune", reason=reason, parent=parent, worker=_worker(trial_id)
        )
        return self._runs(trial_id, trial)

    def _runs(self, trial_id: str, trial: Driven) -> Driven:
        """Remember which trial a Tune trial runs from now on."""
        self._running[trial_id] = trial
        self._numbers[lineage(trial_id, trial.config)] = trial.number
        return trial


def _worker(trial_id: str) -> str:
    return f"tune:{trial_id}"


def _tell(trial: Driven, values: Mapping[str, float]) -> None:
    """The trial has finished, or failed where that is no result; a bare number comes without a name."""
    try:
        trial.tell(values.get("", values))
    except ParetreeError as error:
        trial.fail(str(error))


def _without_mark(decisions: Mapping[str, Any]) -> dict[str, Any]:
    return {path: value for path, value in decisions.items() if not path.startswith(f"{MARK}/")}
