"""Runners that survive their driver: another one goes on where it was."""

import pytest

from paretree.workers import WorkersError
from paretree.workers.protocol import Finished
from paretree.workers.ray.outbox import left_behind

pytestmark = [pytest.mark.ray, pytest.mark.slow]


def unfetched(tried):
    """Events in files of dead runners; one that was killed while it began may leave a file with none."""
    return [event for left in left_behind(str(tried.folder), frozenset(), patience=5) for event in left.events]


@pytest.mark.parametrize("isolation", ["process", "inline"])
def test_a_second_driver_goes_on_with_what_runs_and_runs_nothing_twice(sweep, until, runners, isolation):
    trials = 8
    tried = sweep(trials, count=2, isolation=isolation)
    first = tried.drive()
    until(lambda: len(tried.told("Finished")) >= 2, f"the first driver is told of results; {tried.log()}")
    first.kill()
    first.wait()
    told_to_the_first = set(tried.told("Finished"))

    assert tried.drive().wait(timeout=60) == 0, tried.log()

    assert tried.held() >= set(range(trials)) - told_to_the_first, "all that was sent and not told of is held"
    assert sorted(set(tried.told("Finished"))) == list(range(trials)), "every result arrived"
    assert tried.told("Failed") == []
    assert tried.executions() == dict.fromkeys(range(trials), 1), "nothing was run twice"
    reported = {(number, step) for number in range(trials) for step in range(5)}
    assert set(tried.told("Reported")) == reported, "no report was lost"
    until(lambda: not runners(), "no runner is left after the second driver closed")
    assert unfetched(tried) == [], "no event is left in a file"


def test_a_runner_that_nobody_comes_back_to_finishes_its_trial_and_ends_itself(sweep, until, runners):
    tried = sweep(3, count=1, orphan_seconds=2)
    first = tried.drive()
    until(lambda: tried.told("Started"), f"a trial runs; {tried.log()}")
    first.kill()
    first.wait()

    until(lambda: not runners(), "the runner ends itself")
    told = set(tried.told("Finished"))
    done = sorted(int(path.name.partition("-")[2]) for path in tried.folder.glob("done-*"))
    assert done, "what ran was finished"
    assert tried.executions() == dict.fromkeys(done, 1), "nothing was broken off, and not all was begun"

    assert tried.drive().wait(timeout=60) == 0, tried.log()
    assert tried.held() == set(done) - told, "its results were waiting"
    assert sorted(set(tried.told("Finished"))) == [0, 1, 2]
    assert tried.executions() == dict.fromkeys(range(3), 1), "what had been finished was not run again"
    assert unfetched(tried) == [], "no event is left in a file"


def test_a_controller_that_is_superseded_hears_it_and_leaves_the_runners_alone(ray_workers, new_job, assign, collect):
    first, second = ray_workers(count=1), ray_workers(count=1)
    first.open(new_job(lambda trial: 1.0, key="taken over"))
    second.open(new_job(lambda trial: 2.0, key="taken over"))

    with pytest.raises(WorkersError, match="another controller goes on with the runners of 'taken over'"):
        collect(first, 1)
    first.close()

    second.submit(assign(0))
    assert collect(second, 1)[-1].values == {"": 2.0}, "and runs the code of the second"


def test_runners_on_other_terms_are_replaced(ray_workers, new_job, assign, collect, runners):
    first, second = ray_workers(count=1), ray_workers(count=1, env={"COLOUR": "blue"})
    first.open(new_job(lambda trial: 1.0, key="other terms"))
    before = runners()
    assert second.open(new_job(lambda trial: 1.0, key="other terms")) == frozenset()
    second.submit(assign(0))
    assert isinstance(collect(second, 1)[-1], Finished)
    assert len(before) == 1
    assert not before[0].is_running(), "the one without the variable is gone"


def test_fewer_runners_are_wanted_than_there_are(ray_workers, new_job, assign, collect, until, runners):
    first, second = ray_workers(count=2), ray_workers(count=1)
    first.open(new_job(lambda trial: 1.0, key="fewer"))
    second.open(new_job(lambda trial: 1.0, key="fewer"))
    second.submit(assign(0, 1, 2))
    assert sum(isinstance(event, Finished) for event in collect(second, 3)) == 3
    assert second.size == 1
    until(lambda: len(runners()) == 1, "the other one is ended")
