"""What the fork server does once, trials do not do again, and each starts from the same clean state."""

import os
import sys
import time

import numpy as np
import pytest

from paretree.workers.process.board import Board
from paretree.workers.process.frames import Frames, write_frame
from paretree.workers.process.threads import single_threaded
from paretree.workers.protocol import AttemptId, Cause, Failed, Finished, Reported


def test_a_module_of_the_users_is_imported_once_for_all_trials(processes, run, tmp_path, monkeypatch):
    (tmp_path / "counts_its_imports.py").write_text(
        "import os, pathlib\n"
        f"with pathlib.Path({str(tmp_path / 'imports')!r}).open('a') as file: file.write(f'{{os.getpid()}} ')\n"
        "state = []\n"
        "def train(trial):\n"
        "    state.append(trial.number)\n"
        "    return {'seen': len(state), 'parent': os.getppid()}\n"
    )
    monkeypatch.syspath_prepend(tmp_path)

    class Reference:
        def __reduce__(self):
            return eval, ("__import__('counts_its_imports').train",)

        def __call__(self, trial):
            raise AssertionError("stands for the function where it was pickled")

    runner = processes(Reference())
    ends = [run(runner, number)[-1] for number in range(3)]
    assert [end.values["seen"] for end in ends] == [1, 1, 1], "what a trial changes, the next does not see"
    imports = (tmp_path / "imports").read_text().split()
    assert imports == [str(int(ends[0].values["parent"]))], "once, in the fork server"


def test_torch_is_loaded_by_the_first_trial_that_needs_it_and_then_for_all(processes, run):
    pytest.importorskip("torch")

    def train(trial):
        loaded = "torch" in sys.modules
        import torch

        torch.rand(300, 300) @ torch.rand(300, 300)
        return {"loaded": loaded, "initialised": torch.cuda.is_initialized()}

    runner = processes(train)
    ends = [run(runner, number)[-1] for number in range(3)]
    assert [end.values for end in ends] == [{"loaded": float(number > 0), "initialised": 0.0} for number in range(3)]


def test_torch_that_was_used_when_the_job_was_loaded_does_not_hang_trials(processes, run, tmp_path, monkeypatch):
    pytest.importorskip("torch")
    (tmp_path / "uses_torch_at_once.py").write_text(
        "import os, torch\n"
        "table = torch.exp(torch.randn(1000, 1000)) @ torch.randn(1000, 1000)\n"
        "def train(trial):\n"
        "    (torch.exp(torch.randn(1000, 1000)) @ torch.randn(1000, 1000)).sum()\n"
        "    return {'threads': torch.get_num_threads(), 'asked': int(os.environ['OMP_NUM_THREADS'])}\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "2")

    class Reference:
        def __reduce__(self):
            return eval, ("__import__('uses_torch_at_once').train",)

        def __call__(self, trial):
            raise AssertionError("stands for the function where it was pickled")

    assert run(processes(Reference()))[-1].values == {"threads": 2.0, "asked": 2.0}


def test_trials_draw_by_their_seed_and_otherwise_each_for_itself(processes, run):
    def train(trial):
        import random

        draws = {"random": random.random(), "numpy": np.random.rand(), "own": np.random.default_rng().random()}
        return {**draws, "bytes": float(int.from_bytes(os.urandom(4), "big"))}

    runner = processes(train)
    first, again, other = (run(runner, number, seed=seed)[-1].values for number, seed in enumerate([1, 1, 2]))
    assert [first[name] for name in ("random", "numpy")] == [again[name] for name in ("random", "numpy")]
    for name in ("random", "numpy", "own", "bytes"):
        assert first[name] != other[name]
    assert first["own"] != again["own"]


def test_trials_without_gpus_see_none_and_have_no_input(processes, run, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")

    def train(trial):
        trial.log(trial.device, repr(os.environ["CUDA_VISIBLE_DEVICES"]), repr(sys.stdin.read()))
        return 1.0

    assert run(processes(train))[1].text == "cpu '' ''"
    assert run(processes(train, device="cuda", gpus=2.0))[1].text == "cuda '0,1' ''"


def test_a_trial_may_use_multiprocessing_whatever_way_it_starts_processes(processes, run):
    def train(trial):
        import multiprocessing

        total = 0.0
        for method in ("fork", "spawn", "forkserver"):
            with multiprocessing.get_context(method).Pool(1) as pool:
                total += sum(pool.map(abs, [-1, -2]))
        return total

    assert run(processes(train))[-1].values == {"": 9.0}


def test_openmp_gets_one_thread_while_a_job_is_loaded_and_openblas_keeps_its_own(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    with single_threaded():
        assert (os.environ["OMP_NUM_THREADS"], os.environ["OPENBLAS_NUM_THREADS"]) == ("1", "3")
    assert os.environ["OMP_NUM_THREADS"] == "3"
    assert "OPENBLAS_NUM_THREADS" not in os.environ


@pytest.mark.parametrize("piece", [1, 3, 50, 10_000])
def test_frames_are_read_however_they_come_and_a_broken_one_is_not(tmp_path, piece):
    values = [Reported(AttemptId(0, 0), 1, {"loss": float("inf")}, 0.0), Failed(AttemptId(0, 0), Cause.USER, "", "", 1)]
    with (tmp_path / "frames").open("wb") as file:
        for value in [*values, Finished(AttemptId(0, 0), {"": 1.0}, 2.0)]:
            write_frame(file, value)
    data = (tmp_path / "frames").read_bytes()[:-1]
    frames = Frames()
    read = [value for start in range(0, len(data), piece) for value in frames.feed(data[start : start + piece])]
    assert read == values
    assert type(read[1].cause) is Cause


def test_a_board_is_one_for_all_who_open_it(tmp_path):
    mine, theirs = Board(tmp_path / "board"), Board(tmp_path / "board")
    mine.clear()
    assert (theirs.stop, theirs.drain, theirs.overdue, theirs.torch) == (False, False, False, False)
    mine.raise_stop()
    assert (theirs.stop, theirs.drain) == (True, False)
    theirs.beat()
    now = time.monotonic()
    assert 0 <= mine.quiet(now) < 10
    with theirs.sending():
        assert mine.quiet(now + 100) == 0, "it waits for us"
    assert mine.quiet(now + 100) > 99
    for board in (mine, theirs):
        board.close()
