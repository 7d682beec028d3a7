"""What a trial prints is kept with it, in order, and never more of it than anybody reads."""

import os
import subprocess
import time

import psutil
import pytest

from paretree.workers.process.streams import FIRST_LINES, LAST_LINES, LONGEST, Stream
from paretree.workers.protocol import Finished, Logged


def lines(events, stream):
    return [event.text for event in events if isinstance(event, Logged) and event.stream == stream]


def test_streams_and_log_are_numbered_together_and_told_before_the_end(processes, run):
    def train(trial):
        print("printed")
        trial.log("logged")
        subprocess.run("echo from a child; echo problem >&2", shell=True, check=True)
        os.write(1, b"no newline at the end")
        return 1.0

    events = run(processes(train))
    logged = [event for event in events if isinstance(event, Logged)]
    assert [event.line for event in logged] == list(range(5)), "all of them count"
    assert lines(events, "stdout") == ["printed", "from a child", "no newline at the end"]
    assert lines(events, "stderr") == ["problem"]
    assert lines(events, "log") == ["logged"]
    assert isinstance(events[-1], Finished)


def test_a_print_comes_before_the_report_that_follows_it_and_while_the_trial_runs(processes, run):
    def train(trial):
        print("printed")
        for step in range(10_000):
            trial.report(step, loss=1.0)
            time.sleep(0.01)

    events = run(processes(train), stopping=lambda events: any(isinstance(event, Logged) for event in events))
    assert events[1].text == "printed"


def test_a_trial_that_prints_hundreds_of_megabytes_harms_nobody(processes, run):
    def train(trial):
        megabyte = b"0123456789abcde\n" * 2**16
        for _ in range(300):
            os.write(1, megabyte)
        return 1.0

    before = psutil.Process().memory_info().rss
    events = run(processes(train))
    text = lines(events, "stdout")
    assert isinstance(events[-1], Finished)
    assert len(text) == FIRST_LINES + 1 + LAST_LINES
    assert text[FIRST_LINES] == f"... {300 * 2**16 - FIRST_LINES - LAST_LINES:,} lines left out ..."
    assert psutil.Process().memory_info().rss - before < 50 * 2**20


@pytest.mark.parametrize("piece", [1, 7, 1000, 10**9])
def test_lines_do_not_depend_on_how_the_bytes_come(piece):
    data = "".join(f"line {number} ä\r\n" for number in range(FIRST_LINES + 500)).encode() + b"rest"
    stream = Stream()
    given = [line for start in range(0, len(data), piece) for line in stream.feed(data[start : start + piece])]
    last = list(stream.end())
    assert given == [f"line {number} ä" for number in range(FIRST_LINES)]
    assert last[0] == f"... {501 - LAST_LINES} lines left out ..."
    assert last[-2:] == [f"line {FIRST_LINES + 499} ä", "rest"]
    assert len(last) == 1 + LAST_LINES


def test_few_lines_are_all_given():
    stream = Stream()
    assert list(stream.feed(b"one\n\ntwo\nthr")) == ["one", "", "two"]
    assert list(stream.end()) == ["thr"]
    assert list(Stream().end()) == []


def test_of_a_progress_bar_the_last_state_is_kept():
    stream = Stream()
    given = [line for number in range(10_000) for line in stream.feed(b"\r%5d/10000 done" % number)]
    assert given == [], "no line is whole yet"
    assert list(stream.feed(b"\rdone\n")) == ["done"]


def test_a_line_without_an_end_is_broken():
    stream = Stream()
    given = [line for _ in range(5) for line in stream.feed(b"x" * LONGEST)]
    assert sum(map(len, [*given, *stream.end()])) == 5 * LONGEST, "nothing is lost"
    assert max(map(len, given)) <= LONGEST


def test_a_line_that_never_ends_is_not_kept_whole():
    stream = Stream()
    given = [line for _ in range(2000) for line in stream.feed(b"x" * LONGEST)]
    assert sum(map(len, given)) <= 1_000_000 + LONGEST
    assert sum(map(len, stream.end())) <= 2 * LONGEST
