"""What the user's function is given."""

import numpy as np
import pytest

from paretree.spaces import Build, Float, Space
from paretree.workers import Trial, TrialStopped
from paretree.workers.protocol import Assignment, AttemptId, Job, Logged, Reported
from paretree.workers.run import run

SPACE = Space(lr=Float(0, 1), pair=Build(tuple, [Float(0, 1)]))


@pytest.fixture
def sent():
    return []


@pytest.fixture
def trial(sent):
    config = SPACE.configuration(dict.fromkeys(SPACE.sample(seed=0).values, 0.5))
    return Trial(
        AttemptId(3, 1), config, 11, device="cpu", emit=sent.append, stopping=lambda: False, clock=lambda: 100.0
    )


def test_a_trial_says_which_it_is(trial):
    assert repr(trial) == "Trial(number=3, attempt=1, seed=11, device='cpu')"
    assert trial.config["lr"] == 0.5


def test_build_makes_all_parts(trial):
    assert trial.build() == {"lr": 0.5, "pair": (0.5,)}


def test_cost_is_asked_of_the_configuration(trial):
    with pytest.raises(Exception, match="build"):
        _ = trial.cost


def test_a_report_carries_its_step_its_metrics_and_its_time(trial, sent):
    trial.report(np.int64(4), loss=np.float32(0.5), correct=7, better=True)
    assert sent == [Reported(AttemptId(3, 1), 4, {"loss": 0.5, "correct": 7.0, "better": 1.0}, 100.0)]
    assert type(sent[0].step) is int


def test_log_joins_its_parts_as_print_does(trial, sent):
    trial.log("epoch", 3, 0.5, None)
    assert sent == [Logged(AttemptId(3, 1), "epoch 3 0.5 None", 100.0)]


def test_the_lines_of_an_attempt_are_counted(trial, sent):
    for text in "abc":
        trial.log(text)
    assert [(event.line, event.text) for event in sent] == [(0, "a"), (1, "b"), (2, "c")]
    assert {event.stream for event in sent} == {"log"}


def test_a_trial_is_told_that_its_worker_is_about_to_go():
    leaving, seen = [], []

    def train(trial):
        seen.append(trial.should_checkpoint)
        leaving.append("a notice")
        seen.append(trial.should_checkpoint)
        return 1.0

    run(
        Job("test", Space(x=Float(0, 1)), train),
        Assignment(AttemptId(0, 0), {"x": 0.5}, seed=0),
        worker="w",
        node="n",
        device="cpu",
        emit=lambda event: None,
        stopping=lambda: False,
        draining=lambda: bool(leaving),
    )
    assert seen == [False, True]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda trial: trial.report(0, loss="low"),
            TypeError,
            "trial 3 reported 'loss'='low' (str) at step 0; metrics must be numbers",
        ),
        (
            lambda trial: trial.report(0, loss=None),
            TypeError,
            "trial 3 reported 'loss'=None at step 0; metrics must be numbers",
        ),
        (
            lambda trial: trial.report(0, loss=np.ones(2)),
            TypeError,
            "trial 3 reported 'loss'=array([1., 1.]) (ndarray) at step 0; metrics must be numbers",
        ),
        (
            lambda trial: trial.report(0),
            TypeError,
            "trial 3 reported nothing at step 0; name a metric, as in loss=0.1",
        ),
        (
            lambda trial: trial.report(0.5, loss=1),
            TypeError,
            "trial 3 reported at step 0.5 (float); a step is an integer from 0",
        ),
        (lambda trial: trial.report(-1, loss=1), ValueError, "trial 3 reported at step -1; steps count from 0"),
    ],
)
def test_a_wrong_report_says_what_was_wrong(trial, sent, call, error, message):
    with pytest.raises(error) as raised:
        call(trial)
    assert str(raised.value) == message
    assert not sent, "a wrong report is not sent"


def test_the_report_at_which_a_trial_is_stopped_still_counts(trial, sent):
    stopped = Trial(
        AttemptId(3, 1), trial.config, 11, device="cpu", emit=sent.append, stopping=lambda: True, clock=lambda: 100.0
    )
    with pytest.raises(TrialStopped, match="trial 3 was told to stop at step 9"):
        stopped.report(9, loss=1.0)
    assert [event.step for event in sent] == [9]


def test_a_stop_is_not_swallowed_by_except_exception():
    assert not issubclass(TrialStopped, Exception)
