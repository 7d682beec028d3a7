"""What a trial writes into a checkpoint, a later attempt reads."""

import hashlib
import json
import math

import fsspec
import pytest

from paretree.workers import Keep, WorkersError
from paretree.workers.protocol import AttemptId, Checkpointed, Logged


def save(trial, step, text=None):
    with trial.checkpoint(step) as folder:
        (folder / "model.txt").write_text(text or f"weights of step {step}")


def steps(url):
    """The steps of the checkpoints that exist below `url`."""
    fs, path = fsspec.url_to_fs(url)
    manifests = [json.loads(fs.cat_file(file)) for file in fs.find(path) if file.endswith("manifest.json")]
    return sorted(stored["manifest"]["step"] for stored in manifests)


def test_a_later_attempt_goes_on_from_what_an_earlier_one_wrote(place, begin):
    with begin(place).checkpoint(3) as folder:
        assert list(folder.iterdir()) == [], "the folder to write into is empty"
        (folder / "model.txt").write_text("weights")
        (folder / "optimizer").mkdir()
        (folder / "optimizer" / "state.bin").write_bytes(b"\x00\xff")
    trial = begin(place, attempt=1)
    assert trial.restored_step is None
    restored = trial.restore()
    assert trial.restored_step == 3
    assert (restored / "model.txt").read_text() == "weights"
    assert (restored / "optimizer" / "state.bin").read_bytes() == b"\x00\xff"


def test_a_checkpoint_is_told_of_once_it_exists(place, begin):
    trial = begin(place, attempt=2)
    with trial.checkpoint(3) as folder:
        (folder / "model.txt").write_text("weights")
        assert trial.events == []
        assert steps(place) == []
    [event] = trial.events
    assert isinstance(event, Checkpointed)
    assert (event.id, event.step, event.size, event.at, event.dropped) == (AttemptId(7, 2), 3, 7, 5.0, ())
    with fsspec.open(f"{event.uri}/manifest.json") as stream:
        stored = json.load(stream)
    assert stored["sha256"] == event.sha256
    assert stored["manifest"]["files"] == {"model.txt": {"size": 7, "sha256": hashlib.sha256(b"weights").hexdigest()}}
    assert "/digits/trial-000007/checkpoint-00000003-" in event.uri


def test_a_first_attempt_has_nothing_to_restore(place, begin):
    trial = begin(place)
    assert trial.restore() is None
    assert trial.restored_step is None
    assert begin(None).restore() is None, "nor has one of a sweep that keeps no files"


def test_an_exception_in_the_block_leaves_no_checkpoint(place, begin):
    def fail(trial, step):
        with trial.checkpoint(step) as folder:
            (folder / "model.txt").write_text("half")
            raise KeyError

    trial = begin(place)
    save(trial, 1)
    with pytest.raises(KeyError):
        fail(trial, 2)
    assert steps(place) == [1]
    assert len(trial.events) == 1


def test_an_empty_checkpoint_is_refused(place, begin):
    trial = begin(place)
    empty = "the checkpoint of trial 7 at step 2 is empty; write its files into the folder"
    with pytest.raises(ValueError, match=empty), trial.checkpoint(2):
        pass
    assert steps(place) == []


@pytest.mark.parametrize(
    ("step", "error", "message"),
    [
        (-1, ValueError, "trial 7 made a checkpoint at step -1; steps count from 0"),
        (0.5, TypeError, r"trial 7 made a checkpoint at step 0.5 \(float\); a step is an integer from 0"),
    ],
)
def test_a_wrong_step_is_refused(tmp_path, begin, step, error, message):
    with pytest.raises(error, match=message), begin(tmp_path).checkpoint(step):
        pass


def test_without_files_a_checkpoint_says_what_to_give_the_sweep(begin):
    with pytest.raises(WorkersError, match=r"trial 7 has nowhere to keep checkpoints .*; .* Sweep\(\.\.\., files="):
        save(begin(None), 1)


def test_an_unknown_file_system_is_named(begin):
    with pytest.raises(WorkersError, match=r"files cannot be kept at 'nowhere://x' \(Protocol not known: nowhere\)"):
        save(begin("nowhere://x"), 1)


def test_the_restored_copy_is_the_trials_own(place, begin):
    save(begin(place), 1)
    (begin(place, attempt=1).restore() / "model.txt").write_text("spoilt")
    assert (begin(place, attempt=2).restore() / "model.txt").read_text() == "weights of step 1"


def test_the_assigned_checkpoint_comes_before_others_of_earlier_attempts(place, begin):
    first = begin(place, keep=Keep(last=5))
    for step in range(3):
        save(first, step)
    assigned = first.events[1].uri
    trial = begin(place, attempt=1, checkpoint=assigned)
    trial.restore()
    assert trial.restored_step == 1


def test_a_trial_can_go_on_from_a_checkpoint_of_another_one(place, begin):
    other = begin(place, number=3)
    save(other, 8, "of another trial")
    trial = begin(place, checkpoint=other.events[0].uri)
    assert (trial.restore() / "model.txt").read_text() == "of another trial"
    save(trial, 9)
    begin(place, number=3, attempt=1).restore()
    assert steps(place) == [8, 9], "checkpoints of another trial are not this one's to remove"


def test_what_this_attempt_made_itself_comes_first(place, begin):
    earlier = begin(place)
    save(earlier, 9)
    trial = begin(place, attempt=1, checkpoint=earlier.events[0].uri)
    save(trial, 4)
    trial.restore()
    assert trial.restored_step == 4


def test_only_the_latest_is_kept_by_default_and_the_others_are_told_of(place, begin):
    trial = begin(place)
    for step in (1, 2, 3):
        save(trial, step)
    assert steps(place) == [3]
    first, second, third = trial.events
    assert (first.dropped, second.dropped, third.dropped) == ((), (first.uri,), (second.uri,))


def test_the_checkpoint_an_attempt_goes_on_from_stays_until_there_is_a_newer_one(place, begin):
    save(begin(place), 5)
    trial = begin(place, attempt=1)
    trial.restore()
    with trial.checkpoint(6) as folder:
        (folder / "model.txt").write_text("weights")
        assert steps(place) == [5]
    assert steps(place) == [6]


def test_steps_that_start_again_count_as_newer(place, begin):
    save(begin(place), 50)
    trial = begin(place, attempt=1)
    save(trial, 0)
    save(trial, 1)
    assert steps(place) == [1], "what was made last is the latest, whatever its step"


@pytest.mark.parametrize(
    ("keep", "expected"),
    [
        (Keep(last=3), [7, 8, 9]),
        (Keep(every=4), [0, 4, 8, 9]),
        (Keep(best="loss"), [5, 9]),
        (Keep(best="loss", mode="maximize"), [0, 9]),
        (Keep(last=2, best="loss", every=8), [0, 5, 8, 9]),
        (Keep(best="another"), [9]),
    ],
)
@pytest.mark.parametrize("order", ["report first", "checkpoint first"])
def test_policy_decides_what_is_kept(tmp_path, begin, keep, expected, order):
    trial = begin(tmp_path, keep=keep)
    for step in range(10):
        if order == "report first":
            trial.report(step, loss=abs(step - 5))
            save(trial, step)
        else:
            save(trial, step)
            trial.report(step, loss=abs(step - 5))
    assert steps(tmp_path) == expected


def test_the_best_of_an_earlier_attempt_is_remembered(place, begin):
    keep = Keep(best="loss")
    first = begin(place, keep=keep)
    for step, loss in enumerate([3.0, 0.5]):
        save(first, step)
        first.report(step, loss=loss)
    second = begin(place, attempt=1, keep=keep)
    for step, loss in enumerate([2.0, math.nan, -math.inf, 1.0], start=2):
        save(second, step)
        second.report(step, loss=loss)
    assert steps(place) == [1, 5]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"last": 0}, r"Keep\(last=0\) leaves a trial nothing to go on from; keep at least the last 1"),
        ({"mode": "min"}, r"Keep\(mode='min'\) says nothing; the mode is 'minimize' or 'maximize'"),
        ({"every": 0}, r"Keep\(every=0\) is no number of steps; give 1 or more, or None"),
    ],
)
def test_a_wrong_policy_says_what_was_wrong(wrong, message):
    with pytest.raises(WorkersError, match=message):
        Keep(**wrong)


def test_what_an_attempt_leaves_behind_is_its_checkpoint_alone(tmp_path, begin):
    trial = begin(tmp_path)
    save(trial, 1)
    trial.restore()
    trial._files.close()
    [folder] = (tmp_path / "digits" / "trial-000007").iterdir()
    assert folder.name.startswith("checkpoint-00000001-")


def test_of_several_processes_only_the_one_that_leads_keeps_anything(tmp_path, begin):
    trial = begin(tmp_path, leads=False)
    save(trial, 1)
    trial.artifact(__file__)
    assert trial.events == []
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == []


def test_a_checkpoint_that_is_not_used_is_logged(place, begin):
    first = begin(place, keep=Keep(last=2))
    save(first, 1)
    save(first, 2)
    newest = first.events[1].uri
    fsspec.url_to_fs(newest)[0].pipe_file(fsspec.url_to_fs(f"{newest}/files/model.txt")[1], b"changed")
    trial = begin(place, attempt=1)
    assert (trial.restore() / "model.txt").read_text() == "weights of step 1"
    assert trial.restored_step == 1
    assert trial.events == [
        Logged(
            AttemptId(7, 1),
            f"the checkpoint {newest} is not used, because its file 'model.txt' is not as it was written; "
            "the one before it is tried",
            5.0,
        )
    ]
