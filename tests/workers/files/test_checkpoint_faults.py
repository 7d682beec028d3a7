"""Whatever dies, fills up or is damaged: a trial never goes on from a torn checkpoint."""

import errno
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import fsspec
import pytest
from fsspec.implementations.dirfs import DirFileSystem
from fsspec.implementations.local import LocalFileSystem

from paretree.spaces import Float, Space
from paretree.workers import FilesError, Keep
from paretree.workers.files.scratch import scratch_folder
from paretree.workers.protocol import (
    Assignment,
    AttemptId,
    Cause,
    Checkpointed,
    Failed,
    Finished,
    Job,
    Logged,
)
from paretree.workers.run import run

FORK = multiprocessing.get_context("fork")
FILES = 2
PATIENCE = 30.0  # seconds; a guard against hanging, not an expectation


class WithoutRenames(DirFileSystem):
    """A shared disk that is used as an object store is: files come to be there one after another."""

    protocol = "nfs"

    def __init__(self, **kwargs):
        super().__init__(path="/", fs=LocalFileSystem(auto_mkdir=True), **kwargs)

    @classmethod
    def _strip_protocol(cls, path):
        return path.removeprefix("nfs:/")


@pytest.fixture(params=["folder", "without renames"])
def shared(request, tmp_path, monkeypatch):
    """A place that several processes see."""
    if request.param == "folder":
        return str(tmp_path / "files")
    fsspec.register_implementation("nfs", WithoutRenames, clobber=True)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # where a process that is killed leaves its work
    return f"nfs://{tmp_path}/files"


def save(trial, step):
    with trial.checkpoint(step) as folder:
        for number in range(FILES):
            (folder / f"part{number}").write_bytes(step.to_bytes(4, "big") * 20_000)


def restored(trial):
    """The step that a trial goes on from, after a look at what it was given; -1 where there is none."""
    folder = trial.restore()
    if folder is None:
        return -1
    for number in range(FILES):
        content = (folder / f"part{number}").read_bytes()
        assert content == trial.restored_step.to_bytes(4, "big") * 20_000, "a torn checkpoint was restored"
    assert len(list(folder.iterdir())) == FILES
    return trial.restored_step


def forked(function, *arguments):
    child = FORK.Process(target=function, args=arguments)
    child.start()
    return child


def files_of(uri):
    fs, path = fsspec.url_to_fs(uri)
    return fs, sorted(file for file in fs.find(path) if "/files/" in file), f"{path}/manifest.json"


def content_of(uri):
    fs, path = fsspec.url_to_fs(uri)
    return {file: fs.cat_file(file) for file in fs.find(path)}


def truncate(uri):
    fs, files, _ = files_of(uri)
    fs.pipe_file(files[1], fs.cat_file(files[1])[:-1])


def flip_a_byte(uri):
    fs, files, _ = files_of(uri)
    content = bytearray(fs.cat_file(files[1]))
    content[1234] ^= 1
    fs.pipe_file(files[1], bytes(content))


def remove_a_file(uri):
    fs, files, _ = files_of(uri)
    fs.rm(files[0])


def cut_the_manifest_in_half(uri):
    fs, _, manifest = files_of(uri)
    content = fs.cat_file(manifest)
    fs.pipe_file(manifest, content[: len(content) // 2])


def empty_the_manifest(uri):
    fs, _, manifest = files_of(uri)
    fs.pipe_file(manifest, b"")


def remove_the_manifest(uri):
    fs, _, manifest = files_of(uri)
    fs.rm(manifest)


def let_the_manifest_lead_out(uri):
    fs, _, manifest = files_of(uri)
    fs.pipe_file(manifest, fs.cat_file(manifest).replace(b'"part0"', b'"../../part0"'))


def change_the_step(uri):
    fs, _, manifest = files_of(uri)
    fs.pipe_file(manifest, fs.cat_file(manifest).replace(b'"step": 2', b'"step": 3'))


def write_other_json(uri):
    fs, _, manifest = files_of(uri)
    fs.pipe_file(manifest, b"[1, 2]")


def remove_all(uri):
    fs, _, manifest = files_of(uri)
    fs.rm(manifest.rpartition("/")[0], recursive=True)


DAMAGES = [
    truncate,
    flip_a_byte,
    remove_a_file,
    cut_the_manifest_in_half,
    empty_the_manifest,
    remove_the_manifest,
    let_the_manifest_lead_out,
    change_the_step,
    write_other_json,
    remove_all,
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(place, begin, damage):
    first = begin(place, keep=Keep(last=3))
    for step in range(3):
        save(first, step)
    newest = first.events[-1].uri
    whole = content_of(newest)
    damage(newest)
    assert content_of(newest) != whole, "the damage was done"
    trial = begin(place, attempt=1, checkpoint=newest)
    assert restored(trial) == 1
    [line] = trial.events
    assert isinstance(line, Logged)
    assert line.text.startswith(f"the checkpoint {newest} is not used, because "), line.text


def test_when_all_are_damaged_a_trial_starts_from_the_beginning(place, begin):
    first = begin(place, keep=Keep(last=3))
    for step in range(3):
        save(first, step)
        flip_a_byte(first.events[-1].uri)
    trial = begin(place, attempt=1)
    assert trial.restore() is None
    assert trial.restored_step is None
    assert len(trial.events) == 3


def _checkpoint_until_killed(begin, url, attempt, pipe):
    trial = begin(url, attempt=attempt)
    trial._emit = lambda event: pipe.send(event.step) if isinstance(event, Checkpointed) else None
    for step in range(restored(trial) + 1, 10**6):
        save(trial, step)


def test_a_trial_killed_at_random_moments_goes_on_from_its_last_checkpoint_or_from_one_it_did_not_tell_of(
    shared, begin
):
    moments = random.Random(5)
    last = -1
    for attempt in range(20):
        ours, theirs = FORK.Pipe(duplex=False)
        child = forked(_checkpoint_until_killed, begin, shared, attempt, theirs)
        theirs.close()
        assert ours.poll(PATIENCE), "the trial made no checkpoint"
        time.sleep(moments.uniform(0, 0.05))
        child.kill()
        child.join()
        assert child.exitcode == -signal.SIGKILL
        while ours.poll():
            try:
                last = ours.recv()
            except EOFError:
                break
        step = restored(begin(shared, attempt=attempt + 1))
        assert step in (last, last + 1), f"attempt {attempt} told of step {last}, but step {step} was restored"


def _die_at(moment, begin, url):
    """Make a second checkpoint, but die just before the `moment`-th time that this touches the file system."""
    trial = begin(url, attempt=1)
    touches = 0

    def count(event, arguments):
        nonlocal touches
        if event.split(".")[0] in ("open", "os", "shutil", "tempfile"):
            touches += 1
            if touches == moment:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)
    save(trial, 1)


def test_wherever_making_a_checkpoint_is_cut_off_it_or_the_one_before_is_restored_whole(
    shared, begin, tmp_path, monkeypatch
):
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    found = []
    for moment in range(1, 1000):
        url = f"{shared}/{moment}"
        save(begin(url), 0)
        child = forked(_die_at, moment, begin, url)
        child.join()
        trial = begin(url, attempt=2)
        found.append(restored(trial))
        save(trial, 9)
        trial._files.close()
        fs, path = fsspec.url_to_fs(f"{url}/digits/trial-000007")
        assert len(fs.ls(path)) == 1, f"the dead attempt left its work: {fs.ls(path)}"
        work = Path(tempfile.gettempdir(), f"paretree-{os.getuid()}")
        assert not work.exists() or not list(work.iterdir()), "the dead attempt left its work in the temporary folder"
        if child.exitcode == 0:
            break
    assert child.exitcode == 0, "it never came to its end"
    assert len(found) > 20, "too few moments were tried"
    assert found == sorted(found), "once it exists, it stays"
    assert {*found} == {0, 1}


def _checkpoint_often(begin, url, attempt, result):
    trial = begin(url, attempt=attempt)
    try:
        for step in range(40):
            save(trial, step)
            if attempt == 1:
                assert restored(trial) == step, "what an attempt just made is what it finds"
        result.put((attempt, None))
    except BaseException as error:
        result.put((attempt, error))


def test_an_attempt_that_was_believed_dead_does_no_harm_to_the_one_in_its_place(shared, begin):
    result = FORK.Queue()
    children = [forked(_checkpoint_often, begin, shared, attempt, result) for attempt in (0, 1)]
    problems = dict(result.get(timeout=PATIENCE) for _ in children)
    for child in children:
        child.join()
    assert problems[1] is None, problems[1]
    assert problems[0] is None or isinstance(problems[0], OSError), problems[0]
    assert restored(begin(shared, attempt=2)) == 39


def test_a_later_attempt_leaves_the_checkpoints_of_a_still_later_one_alone(place, begin):
    late = begin(place, attempt=2)
    save(late, 7)
    save(begin(place, attempt=1), 3)
    assert restored(begin(place, attempt=3)) == 7


def test_a_full_store_is_one_sentence_and_the_checkpoint_before_stays(tmp_path, begin):
    url = f"full://{tmp_path}"
    trial = begin(url)
    save(trial, 1)
    with pytest.raises(FilesError) as raised, trial.checkpoint(2) as folder:
        (folder / "big").write_text("weights")
    assert str(raised.value) == (
        "trial 7: the checkpoint at step 2 could not be kept, and those before it stay "
        f"(No space left on device); see to {url}"
    )
    assert isinstance(raised.value, OSError)
    assert restored(begin(url, attempt=1)) == 1


@pytest.fixture
def small_disk(tmp_path):
    """A disk of a megabyte."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(disk)], capture_output=True)
    if mounted.returncode:
        pytest.skip("only root can mount a small disk")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_on_a_full_disk_the_trial_fails_as_no_fault_of_its_own_and_the_checkpoint_before_stays(small_disk):
    events = []
    job = Job("test", Space(x=Float(0, 1)), _grow, files=str(small_disk))
    assignment = Assignment(AttemptId(0, 0), {"x": 0.5}, seed=0)
    quiet = {"worker": "w", "node": "n", "device": "cpu", "stopping": lambda: False, "emit": events.append}
    run(job, assignment, **quiet)
    assert [event.step for event in events if isinstance(event, Checkpointed)] == [0]
    assert isinstance(events[-1], Failed)
    assert events[-1].cause is Cause.INFRASTRUCTURE, "another node may have room"
    assert events[-1].message == "OSError: [Errno 28] No space left on device"
    run(Job("test", job.space, _read, files=str(small_disk)), Assignment(AttemptId(0, 1), {"x": 0.5}, 0), **quiet)
    assert isinstance(events[-1], Finished), events[-1]
    assert events[-1].values == {"": 300_000.0}, "the first checkpoint is whole, and there is room for it again"


def _grow(trial):
    for step, size in enumerate([300_000, 900_000]):
        with trial.checkpoint(step) as folder:
            (folder / "weights").write_bytes(bytes(size))


def _read(trial):
    return float((trial.restore() / "weights").stat().st_size)


def _fill(size, begin, url, result):
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    trial = begin(url, attempt=1)
    try:
        save(trial, 1)
    except OSError as error:
        result.put(error.errno)


def test_a_file_that_may_not_grow_on_is_an_error_and_the_checkpoint_before_stays(tmp_path, begin):
    save(begin(tmp_path), 0)
    result = FORK.Queue()
    child = forked(_fill, 10_000, begin, tmp_path, result)
    assert result.get(timeout=PATIENCE) == errno.EFBIG
    child.join()
    assert restored(begin(tmp_path, attempt=2)) == 0


def test_older_checkpoints_that_cannot_be_removed_are_logged_and_do_not_fail_the_trial(tmp_path, begin, monkeypatch):
    from paretree.workers.files.place import Place

    def refuse(place):
        raise PermissionError(errno.EACCES, "Permission denied")

    trial = begin(tmp_path)
    save(trial, 1)
    monkeypatch.setattr(Place, "remove", refuse)
    save(trial, 2)
    assert trial.events[-1].text == "older checkpoints stay, because they cannot be removed (Permission denied)"
    assert restored(begin(tmp_path, attempt=1)) == 2


def test_a_store_that_cannot_be_read_is_no_reason_to_start_from_the_beginning(tmp_path, begin):
    trial = begin(tmp_path)
    save(trial, 1)
    folder = tmp_path / "digits"
    folder.rename(tmp_path / "away")
    folder.write_text("in the way")
    with pytest.raises(FilesError, match=r"trial 7: its checkpoints cannot be read \(Not a directory\); see to /"):
        begin(tmp_path, attempt=1).restore()


def _hold_a_scratch_folder(pipe):
    with scratch_folder() as folder:
        (folder / "weights").write_text("half")
        pipe.send(folder)
        signal.pause()


def test_scratch_folders_of_the_dead_are_removed_and_those_of_the_living_are_not(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    ours, theirs = FORK.Pipe(duplex=False)
    children = [forked(_hold_a_scratch_folder, theirs) for _ in range(3)]
    folders = {ours.recv() for _ in children}
    children[0].kill()
    children[0].join()
    with scratch_folder() as mine:
        left = folders & set(mine.parent.iterdir())
        assert len(left) == 2
        assert all((folder / "weights").exists() for folder in left)
    for child in children[1:]:
        child.kill()
        child.join()
    with scratch_folder() as mine:
        assert list(mine.parent.iterdir()) == [mine]
    assert list(mine.parent.iterdir()) == []
