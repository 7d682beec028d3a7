"""What a controller may rely on, wherever trials run."""

import math
import random
import time

import numpy as np
import pytest

from paretree.spaces import Float, Space
from paretree.workers import InlineWorkers, TrialStopped
from paretree.workers.protocol import (
    Assignment,
    AttemptId,
    Cause,
    Failed,
    Finished,
    Job,
    Logged,
    Reported,
    Started,
    Stopped,
)


@pytest.fixture(params=["inline", *(pytest.param(kind, marks=pytest.mark.ray) for kind in ("ray", "ray inline"))])
def workers(request):
    if request.param == "inline":
        made = InlineWorkers(flush_seconds=0)
    else:
        request.getfixturevalue("cluster")
        from paretree.workers import RayWorkers

        made = RayWorkers(count=1, isolation="inline" if request.param == "ray inline" else "process")
    yield made
    made.close()


def of_type(events, kind):
    return [event for event in events if isinstance(event, kind)]


def test_a_trial_is_told_its_configuration_and_its_values_come_back(workers, drive):
    def train(trial):
        return {"x": trial.config.x, "number": trial.number, "attempt": trial.attempt, "seed": trial.seed}

    events = drive(workers, train, trials=3)

    assert [type(event) for event in events] == [Started, Finished] * 3, "each trial starts, then finishes, in order"
    assert [event.id for event in events] == [AttemptId(number, 0) for number in (0, 0, 1, 1, 2, 2)]
    assert events[-1].values == {"x": 0.2, "number": 2.0, "attempt": 0.0, "seed": 2.0}
    assert workers.size == 1


def test_started_says_where_and_when(workers, drive):
    before = time.time()
    started = drive(workers, lambda trial: 1.0)[0]
    assert before <= started.at <= time.time()
    assert started.worker, "the worker has a name"
    assert started.node, "the node has a name"


def test_what_counts_as_a_number_comes_back_as_a_float(workers, drive):
    def train(trial):
        return {
            "int": 3,
            "bool": True,
            "numpy": np.float32(0.5),
            "array": np.array(2),
            "nan": float("nan"),
            "infinity": -np.inf,
        }

    values = drive(workers, train)[-1].values

    assert all(type(value) is float for value in values.values()), values
    assert math.isnan(values.pop("nan")), "NaN is kept as what it is"
    assert values == {"int": 3.0, "bool": 1.0, "numpy": 0.5, "array": 2.0, "infinity": -math.inf}


def test_a_bare_number_comes_back_without_a_name(workers, drive):
    assert drive(workers, lambda trial: 0.25)[-1].values == {"": 0.25}


def test_a_result_that_is_not_numbers_fails_the_trial_and_says_what_it_was(workers, drive):
    results = [None, "high", {}, {"accuracy": "high"}, {"accuracy": None}, {3: 1.0}, {"": 1.0}, [0.5], 1j]
    messages = [
        "train returned None; return a dict of numbers, or one number where there is one objective",
        "train returned 'high' (str); return a dict of numbers, or one number where there is one objective",
        "train returned an empty dict; return a dict of numbers, or one number where there is one objective",
        "train returned 'accuracy'='high' (str); objectives must be numbers",
        "train returned 'accuracy'=None; objectives must be numbers",
        "train returned a value under 3 (int); name objectives with non-empty strings",
        "train returned a value under '' (str); name objectives with non-empty strings",
        "train returned [0.5] (list); return a dict of numbers, or one number where there is one objective",
        "train returned 1j (complex); return a dict of numbers, or one number where there is one objective",
    ]
    failures = of_type(drive(workers, lambda trial: results[trial.number], trials=len(results)), Failed)
    assert [failure.message for failure in failures] == messages
    assert {failure.cause for failure in failures} == {Cause.RESULT}


def test_an_exception_fails_the_trial_with_a_traceback_that_begins_in_the_users_code(workers, drive):
    def diverge(step):
        raise ValueError(f"loss exploded at {step}\nsecond line")

    def train(trial):
        if trial.number == 0:
            diverge(7)
        return 1.0

    events = drive(workers, train, trials=2)

    failure = of_type(events, Failed)[0]
    assert failure.cause is Cause.USER
    assert failure.message == "ValueError: loss exploded at 7"
    assert "in diverge" in failure.traceback
    assert "second line" in failure.traceback
    first_frame = failure.traceback.splitlines()[1]
    assert first_frame.endswith("in train"), "our own frames are left out"
    assert events[-1].values == {"": 1.0}, "the trial after it runs"


def test_what_a_function_raises_decides_the_cause(workers, drive):
    class OutOfMemoryError(RuntimeError):
        """Named as torch's."""

    errors = [MemoryError("host"), OutOfMemoryError("CUDA"), SystemExit(3), KeyError("lr")]

    def train(trial):
        raise errors[trial.number]

    failures = of_type(drive(workers, train, trials=len(errors)), Failed)
    assert [failure.cause for failure in failures] == [Cause.MEMORY, Cause.MEMORY, Cause.USER, Cause.USER]
    assert [failure.message for failure in failures][2:] == ["SystemExit: 3", "KeyError: 'lr'"]


def test_decisions_that_the_space_refuses_fail_the_trial(workers, collect):
    workers.open(Job("test", Space(x=Float(0, 1)), lambda trial: 1.0))
    workers.submit([Assignment(AttemptId(0, 0), {"x": 5.0}, seed=0)])
    failure = collect(workers, 1)[-1]
    assert failure.cause is Cause.USER
    assert failure.message.startswith("ConfigurationError: "), failure.message


def test_reports_and_log_lines_arrive_in_order(workers, drive):
    def train(trial):
        for step in range(1200):
            trial.report(step, loss=1 / (step + 1), accuracy=np.float64(step))
        trial.log("best of", 1200, "steps")
        return 1.0

    events = drive(workers, train)

    reports = of_type(events, Reported)
    assert [report.step for report in reports] == list(range(1200))
    assert reports[3].values == {"loss": 0.25, "accuracy": 3.0}
    assert [event.text for event in of_type(events, Logged)] == ["best of 1200 steps"]
    assert [type(event) for event in events[-2:]] == [Logged, Finished]


def test_a_report_that_is_not_a_number_fails_the_trial(workers, drive):
    def train(trial):
        trial.report(2, loss="low")

    failure = drive(workers, train)[-1]
    assert failure.cause is Cause.USER
    assert failure.message == "TypeError: trial 0 reported 'loss'='low' (str) at step 2; metrics must be numbers"


def report_until_stopped(trial):
    for step in range(60_000):
        try:
            trial.report(step, loss=1.0)
        except Exception:
            trial.log("swallowed")
        time.sleep(0.001)
    return 1.0


def stopping_what_reports(workers):
    def handle(events):
        for report in of_type(events, Reported):
            workers.stop(report.id)

    return handle


def test_a_running_trial_that_is_told_to_stop_ends_at_its_next_report(workers, drive):
    events = drive(workers, report_until_stopped, trials=2, handle=stopping_what_reports(workers))

    assert [event.id for event in of_type(events, Stopped)] == [AttemptId(0, 0), AttemptId(1, 0)]
    assert not of_type(events, Logged), "`except Exception` in the user's function does not swallow the stop"


def test_a_queued_trial_that_is_told_to_stop_is_not_begun(workers, collect):
    workers.open(Job("test", Space(x=Float(0, 1)), lambda trial: trial.log("begun") or 1.0))
    workers.stop(AttemptId(1, 0))
    workers.submit([Assignment(AttemptId(number, 0), {"x": 0.5}, seed=0) for number in range(3)])

    events = collect(workers, 3)

    assert [event.id.trial for event in of_type(events, Logged)] == [0, 2]
    assert [event.id.trial for event in of_type(events, Stopped)] == [1]


def test_a_function_may_catch_the_stop_and_finish_with_what_it_has(workers, drive):
    def train(trial):
        try:
            report_until_stopped(trial)
        except TrialStopped:
            return 0.5

    finished = drive(workers, train, handle=stopping_what_reports(workers))[-1]
    assert finished.values == {"": 0.5}


def test_events_that_the_handler_refused_are_given_again(workers, collect):
    def train(trial):
        for step in range(5):
            trial.report(step, loss=step)
        return 1.0

    refusals = iter([True, True])

    def refuse_twice(events):
        if next(refusals, False):
            raise ConnectionError("the database is away")

    workers.open(Job("test", Space(x=Float(0, 1)), train))
    workers.submit([Assignment(AttemptId(0, 0), {"x": 0.5}, seed=0)])
    seen = []
    while not of_type(seen, Finished):
        try:
            seen += collect(workers, 1, refuse_twice)
        except ConnectionError:
            continue

    assert [type(event) for event in seen] == [Started, *[Reported] * 5, Finished], "all of them, once, in order"


def test_a_handler_that_keeps_refusing_is_heard(workers):
    def refuse(events):
        raise ConnectionError("the database is away")

    workers.open(Job("test", Space(x=Float(0, 1)), lambda trial: 1.0))
    workers.submit([Assignment(AttemptId(0, 0), {"x": 0.5}, seed=0)])
    with pytest.raises(ConnectionError, match="the database is away"):
        workers.pump(refuse, wait=30.0)


def test_the_seed_decides_all_randomness(workers, collect):
    workers.open(
        Job("test", Space(x=Float(0, 1)), lambda trial: {"python": random.random(), "numpy": np.random.rand()})
    )
    seeds = [2**63 - 1, 7, 2**63 - 1]
    workers.submit([Assignment(AttemptId(number, 0), {"x": 0.5}, seed) for number, seed in enumerate(seeds)])

    first, other, again = (event.values for event in of_type(collect(workers, 3), Finished))

    assert first == again, "the same seed draws the same"
    assert first["python"] != other["python"], "another seed draws something else"
    assert first["numpy"] != other["numpy"], "another seed draws something else"


def test_nothing_queued_is_nothing_to_tell(workers):
    workers.open(Job("test", Space(x=Float(0, 1)), lambda trial: 1.0))
    workers.pump(lambda events: pytest.fail(f"nothing can have happened: {events}"), wait=0.0)


def test_workers_can_be_opened_again_after_they_were_closed(workers, drive):
    drive(workers, lambda trial: 1.0)
    workers.close()
    assert drive(workers, lambda trial: 2.0)[-1].values == {"": 2.0}
