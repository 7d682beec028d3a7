"""Events on their way from a runner to whoever records them: none is lost with the process."""

import signal
import subprocess
import sys
import tempfile

import pytest

from paretree.workers.protocol import AttemptId, Reported
from paretree.workers.ray import outbox
from paretree.workers.ray.outbox import Outbox, discard, folder, left_behind, left_by, read


@pytest.fixture(autouse=True)
def somewhere_else(tmp_path, monkeypatch):
    """Outboxes of a test lie in its own folder, also those of processes that it starts."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)


def report(step):
    return Reported(AttemptId(0, 0), step, {"loss": 0.5}, at=0.0)


def steps(left):
    return [(number, event.step) for number, event in left.events]


WRITER = """
import sys, time
from paretree.workers.protocol import AttemptId, Reported
from paretree.workers.ray.outbox import Outbox
box = Outbox("sweep", "writer")
for step in range(5):
    box.append(Reported(AttemptId(0, 0), step, {"loss": 0.5}, at=0.0))
box.forget(2)
print("written", flush=True)
time.sleep(60)
"""


@pytest.fixture
def writer():
    """A process that keeps an outbox with the events 2, 3 and 4 of five."""
    process = subprocess.Popen([sys.executable, "-c", WRITER], text=True, stdout=subprocess.PIPE)
    assert process.stdout.readline() == "written\n"
    yield process
    process.kill()
    process.communicate()


def kill(process):
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_events_are_numbered_and_stay_until_they_are_recorded():
    box = Outbox("sweep", "a")
    for step in range(4):
        box.append(report(step))
    assert [read(frame)[1].step for frame in box.frames(3)] == [0, 1, 2], "no more than asked for"
    box.forget(3)
    assert (box.first, len(box)) == (3, 1)
    assert [read(frame) for frame in box.frames(10)] == [(3, report(3))]


def test_what_a_killed_process_had_not_delivered_is_found(writer):
    kill(writer)
    assert [(left.runner, *steps(left)) for left in left_behind("sweep", frozenset(), 0.0)] == [
        ("writer", (0, 0), (1, 1), (2, 2), (3, 3), (4, 4))
    ], "with what is recorded, which stays in the file until all is"


def test_the_outbox_of_a_living_process_is_not_touched(writer):
    assert left_behind("sweep", frozenset(), 0.0) == []
    assert left_by("sweep", "writer", patience=0.2) is None


def test_a_process_that_is_about_to_die_is_waited_for(writer):
    waiting = subprocess.Popen(["sh", "-c", f"sleep 0.5; kill -9 {writer.pid}"])
    try:
        assert len(left_by("sweep", "writer", patience=30.0).events) == 5
    finally:
        waiting.wait()


def test_what_is_discarded_is_gone(writer):
    kill(writer)
    discard("sweep", "writer")
    assert left_by("sweep", "writer", patience=0.0).events == ()
    assert list(folder("sweep").iterdir()) == []


def test_a_last_event_that_was_not_written_to_its_end_is_left_out(writer):
    kill(writer)
    file = folder("sweep") / "writer.outbox"
    file.write_bytes(file.read_bytes()[:-3])
    assert [number for number, _ in left_by("sweep", "writer", 0.0).events] == [0, 1, 2, 3]


def test_a_file_is_empty_once_all_is_recorded_and_gone_once_it_is_closed():
    box = Outbox("sweep", "a")
    for step in range(4):
        box.append(report(step))
    box.forget(4)
    assert (folder("sweep") / "a.outbox").stat().st_size == 0
    box.append(report(4))
    assert [read(frame)[0] for frame in box.frames(1)] == [4], "numbers go on"
    box.forget(5)
    box.close()
    assert list(folder("sweep").iterdir()) == []


def test_a_file_that_never_gets_empty_does_not_grow_for_ever(monkeypatch):
    monkeypatch.setattr(outbox, "LARGE", 10_000)
    box = Outbox("sweep", "a")
    for step in range(2000):
        box.append(report(step))
        box.forget(step)
    assert (folder("sweep") / "a.outbox").stat().st_size < 20_000
    box.append(report(2000))
    box.close()
    assert [number for number, _ in left_by("sweep", "a", 0.0).events][-2:] == [1999, 2000]


def test_two_sweeps_do_not_find_each_others(writer):
    kill(writer)
    assert left_behind("another sweep", frozenset(), 0.0) == []


def test_nothing_is_unpickled_from_a_folder_that_others_may_write_to(writer):
    kill(writer)
    folder("sweep").chmod(0o777)
    assert left_by("sweep", "writer", patience=0.0) is None


def test_a_folder_that_others_may_write_to_is_not_used(caplog):
    folder("sweep").parent.mkdir(mode=0o777)
    folder("sweep").parent.chmod(0o777)
    box = Outbox("sweep", "a")
    box.append(report(0))
    assert len(box.frames(1)) == 1, "it goes on in memory"
    assert "belongs to somebody else, or others may write to it" in caplog.text


def test_a_full_disk_costs_the_file_and_not_the_events(monkeypatch, caplog):
    box = Outbox("sweep", "a")

    class FullDisk:
        def write(self, frame):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(box, "_file", FullDisk())
    for step in range(3):
        box.append(report(step))
    assert [read(frame)[1].step for frame in box.frames(10)] == [0, 1, 2]
    assert caplog.text.count("kept in memory only") == 1, "told once"
