"""The command line, as somebody uses it who is not surprised by anything."""

import json
import re
import time

import pytest

from paretree.search.store import Store

COMMANDS = (
    "run", "resume", "ls", "show", "front", "importance", "dashboard", "pause", "stop", "retry", "enqueue", "logs",
)  # fmt: skip


def test_help_names_every_command_and_describes_each_of_its_options(paretree):
    listed = paretree("--help").stdout
    for command in COMMANDS:
        assert re.search(rf"│ {command} +[A-Z]", listed), f"--help does not tell what {command} does"
        shown = paretree(command, "--help").stdout
        options = re.findall(r"│ +(--\w+) +\S+ +(.)", shown)
        assert options, f"{command} --help lists no options:\n{shown}"
        for option, first in options:
            assert first.isupper(), f"{command} {option} is not described:\n{shown}"


def test_without_arguments_it_shows_its_help(paretree):
    done = paretree()
    assert done.returncode == 2
    assert "paretree run FILE.py" in " ".join((done.stdout + done.stderr).split())


def test_a_run_prints_the_front_and_how_to_browse_it(paretree):
    done = paretree("run", "cheap.py", "--trials", 5, "--workers", "inline")
    assert done.returncode == 0, done.stderr
    assert re.search(r"Pareto front of cheap: \d of 5 trials", done.stdout)
    assert "paretree dashboard sqlite:///paretree.db" in done.stdout
    assert "5/5" in done.stderr, "progress is shown on standard error"


def test_running_a_file_again_continues_its_sweep_until_it_has_its_trials(paretree):
    paretree("run", "cheap.py", "--trials", 2, "--workers", "inline")
    first = paretree.json("show", "cheap", "--trial", 1)

    again = paretree("run", "cheap.py", "--trials", 2, "--workers", "inline")
    assert again.returncode == 0, again.stderr
    assert "has its 2 trials already; add some with --more" in again.stderr

    more = paretree.json("run", "cheap.py", "--more", 3, "--workers", "inline")
    assert more["trials"] == 5
    assert paretree.json("show", "cheap", "--trial", 1) == first, "an earlier trial was touched"


def test_a_sweep_is_resumed_from_another_folder_with_the_code_it_was_started_with(paretree, tmp_path):
    paretree("run", "cheap.py", "--trials", 2, "--workers", "inline")
    paretree.folder = tmp_path / "elsewhere"
    paretree.folder.mkdir()
    more = paretree.json("resume", "cheap", "--store", tmp_path / "paretree.db", "--more", 2, "--workers", "inline")
    assert more["trials"] == 4
    assert not list(paretree.folder.iterdir()), "another store was made where it was resumed"


def test_the_store_is_named_by_the_file_by_an_option_or_by_the_environment(paretree):
    paretree.write((paretree.folder / "cheap.py").read_text().replace("seed=0", 'seed=0, store="own.db"'))
    arguments = ("run", "cheap.py", "--trials", 1, "--workers", "inline")
    assert "dashboard sqlite:///own.db" in paretree(*arguments).stdout
    assert "dashboard sqlite:///env.db" in paretree(*arguments, PARETREE_STORE="env.db").stdout
    assert (
        "dashboard sqlite:///option.db" in paretree(*arguments, "--store", "option.db", PARETREE_STORE="env.db").stdout
    )
    assert {file.name for file in paretree.folder.glob("*.db")} == {"own.db", "option.db", "env.db"}
    assert "cheap" in paretree("ls", PARETREE_STORE="env.db").stdout


def test_one_file_may_define_several_sweeps_which_share_a_store(paretree):
    paretree.write(
        """
        from cheap import space, train
        import paretree as pt

        goals = {"loss": "minimize", "size": "minimize"}
        small = pt.Sweep("small", space, train, goals, sampler="random")
        large = pt.Sweep("large", space, train, goals, sampler="random")
    """,
        "two.py",
    )
    for variable in ("small", "large"):
        done = paretree("run", f"two.py:{variable}", "--trials", 2, "--workers", "inline")
        assert done.returncode == 0, done.stderr
    assert [row["name"] for row in paretree.json("ls")] == ["small", "large"]
    assert paretree.json("resume", "large", "--more", 1, "--workers", "inline") | {"front": ...} == {
        "name": "large",
        "trials": 3,
        "front": ...,
    }


def test_a_sweep_of_a_module_is_run_and_resumed_by_the_modules_name(paretree):
    package = paretree.folder / "package"
    package.mkdir()
    (package / "__init__.py").touch()
    (paretree.folder / "cheap.py").rename(package / "cheap.py")
    paretree.write("from .cheap import sweep\n", "package/study.py")
    done = paretree("run", "package.study:sweep", "--trials", 1, "--workers", "inline")
    assert done.returncode == 0, done.stderr
    assert paretree.json("resume", "cheap", "--more", 1, "--workers", "inline")["trials"] == 2


def test_ls_tells_each_sweeps_state_and_best_values(searched):
    printed = searched("ls").stdout
    row = next(line for line in printed.splitlines() if "cheap" in line)
    assert re.search(r"cheap +finished +6 +6 +0 ", row), printed
    (data,) = searched.json("ls")
    assert data["state"] == "finished"
    assert data["best"].keys() == {"loss", "size"}


def test_ls_of_an_empty_store_says_how_to_make_a_sweep(searched, tmp_path):
    Store.open(str(tmp_path / "empty.db")).close()
    done = searched("ls", "--store", tmp_path / "empty.db")
    assert done.returncode == 0
    assert "paretree run FILE.py --trials 100" in done.stdout


def test_show_tells_a_sweeps_goals_progress_code_and_space(searched):
    printed = searched("show", "cheap").stdout
    for words in ("state: finished", "loss: minimize", "finished: 6", "cheap.py:sweep", "└─ op: Choice"):
        assert words in printed, f"{words!r} is missing:\n{printed}"
    data = searched.json("show", "cheap")
    assert data["trials"] == {"finished": 6}
    assert data["best"]["loss"].keys() == {"value", "trial"}
    assert data["hypervolume"]["value"] > 0
    assert data["hypervolume"]["reference"].keys() == {"loss", "size"}
    assert re.search(r"hypervolume:\n  value: \S+\n  reference: loss \S+, size \S+\n", printed), printed
    assert data["space"]["format"] == "paretree.space"


def test_show_tells_a_trials_values_decisions_and_attempts(searched):
    printed = searched("show", "cheap", "--trial", 2).stdout
    assert re.search(r"values:\n  loss: 0\.\d+\n  size: \d\n", printed), printed
    assert re.search(r"decisions:\n  x: 0\.\d+\n  width: \d\n", printed), printed
    data = searched.json("show", "cheap", "--trial", 2)
    assert data["values"] == {"loss": data["decisions"]["x"], "size": data["decisions"]["width"]}
    assert [attempt["state"] for attempt in data["attempts"]] == ["finished"]


def test_front_as_json_has_each_decision_as_it_was_made(searched):
    front = searched.json("front", "cheap")
    losses = [trial["values"]["loss"] for trial in front]
    assert losses == sorted(losses), "the best in the first objective comes first"
    best = searched.json("show", "cheap", "--trial", front[0]["number"])
    assert json.dumps(front[0]["decisions"]) == json.dumps(best["decisions"]), "an integer became a float"


def test_front_draws_a_picture(searched, tmp_path):
    done = searched("front", "cheap", "--plot", tmp_path / "front.png")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "front.png").read_bytes().startswith(b"\x89PNG")


def test_importance_tells_which_decisions_matter_for_each_objective(paretree):
    paretree("run", "cheap.py", "--trials", 40, "--workers", "inline")
    rows = {row["decision"]: row["importance"] for row in paretree.json("importance", "cheap")}
    assert rows.keys() == {"x", "width", "op", "op=rich", "op=rich=True"}
    assert max(rows, key=lambda path: rows[path]["loss"]) == "x"
    assert max(rows, key=lambda path: rows[path]["size"]) == "width"
    assert sum(row["loss"] for row in rows.values()) == pytest.approx(1.0)
    printed = paretree("importance", "cheap").stdout
    assert re.search(r"decision +loss +size", printed), printed
    assert re.search(r"\n +width +0\.\d+ +0\.\d+", printed), printed


def test_importance_of_too_few_trials_is_refused(searched):
    done = searched("importance", "cheap")
    assert done.returncode == 1
    assert done.stderr.startswith("error: Importance needs 10 finished trials, and 6 have a finite 'loss' so far;")


@pytest.mark.parametrize(
    ("columns", "arguments"),
    [(80, ["ls"]), (80, ["show", "cheap"]), (80, ["front", "cheap"]), (40, ["front", "cheap"])],
)
def test_what_is_printed_fits_the_terminal(searched, columns, arguments):
    for line in searched(*arguments, COLUMNS=str(columns)).stdout.splitlines():
        assert len(line) <= columns or line.startswith("code: "), f"too long for {columns} columns: {line!r}"


SLOW = """
    import time
    from pathlib import Path

    import paretree as pt

    space = pt.Space(x=pt.Float(0, 1), op=pt.Choice(plain=1, rich=pt.Int(1, 4)))

    def train(trial):
        trial.log("begun with", trial.config.op)
        step = 0
        while not Path("go").exists():
            trial.report(step, alive=1.0)
            step += 1
            time.sleep(0.05)
        trial.log("done")
        return trial.config.x

    sweep = pt.Sweep("slow", space, train, {"loss": "minimize"}, sampler="random", seed=0)
"""


@pytest.fixture
def slow(paretree):
    """The command line in a folder where a sweep runs, whose trials go on until there is a file `go`."""
    paretree.write(SLOW, "slow.py")
    process = paretree.start("run", "slow.py", "--trials", 3, "--workers", "inline")
    deadline = time.monotonic() + 60
    while "begun" not in paretree("logs", "slow", 0).stdout:
        assert time.monotonic() < deadline, "the sweep does not begin"
    paretree.running = process
    yield paretree
    process.kill()


def end(slow):
    (slow.folder / "go").touch()
    out, err = slow.running.communicate(timeout=60)
    assert slow.running.returncode == 0, err
    return out


def test_a_sweep_is_paused_resumed_and_given_a_configuration_from_another_terminal(slow):
    paused = slow("pause", "slow")
    assert paused.stdout == "Sweep 'slow': paused; what is under way goes on to its end (1 trial).\n", paused.stderr
    assert slow.json("show", "slow")["state"] == "paused"
    assert slow("enqueue", "slow", "x=0.25", "op=rich", "op=rich=2").stdout == "Sweep 'slow': is trial 1.\n"
    resumed = slow("resume", "slow")
    assert (resumed.returncode, resumed.stdout) == (0, "Sweep 'slow': goes on.\n")
    end(slow)
    assert slow.json("show", "slow", "--trial", 1)["decisions"] == {"x": 0.25, "op": "rich", "op=rich": 2}
    assert slow.finished("slow") == {0, 1, 2}


def test_a_sweep_is_stopped_from_another_terminal_and_what_ran_is_run_again(slow):
    assert slow("stop", "slow", "--trial", 5).stdout == "Sweep 'slow': trial 5 is not running.\n"
    assert slow("stop", "slow", "--now").stdout.startswith("Sweep 'slow': stops; 1 trial under way will be run again")
    slow.running.communicate(timeout=60)
    details = slow.json("show", "slow")
    assert details["state"] == "interrupted"
    assert details["reason"].startswith("stopped by ")
    refused = slow("stop", "slow")
    assert refused.returncode == 1
    assert refused.stderr == "error: Nobody runs sweep 'slow', so there is nothing to stop; it is interrupted.\n"
    (slow.folder / "go").touch()
    assert slow("resume", "slow", "--workers", "inline").returncode == 0
    assert slow.finished("slow") == {0, 1, 2}
    assert len(slow.json("show", "slow", "--trial", 0)["attempts"]) == 2


def test_logs_of_a_trial_are_followed_to_its_end(slow):
    follow = slow.start("logs", "slow", 0, "--follow")
    end(slow)
    out, err = follow.communicate(timeout=60)
    lines = out.splitlines()
    assert len(lines) == 2, err
    assert re.fullmatch(r"\d\d:\d\d:\d\d begun with \S+", lines[0])
    assert re.fullmatch(r"\d\d:\d\d:\d\d done", lines[1])


def test_a_configuration_is_enqueued_from_a_file_for_the_next_run(searched, tmp_path):
    file = tmp_path / "config.json"
    file.write_text(json.dumps({"x": 0.5, "width": 3, "op": "plain"}))
    done = searched("enqueue", "cheap", file, "--priority", 2)
    assert done.stdout == "Nobody runs sweep 'cheap' now; its next run will see to it.\n", done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["enqueue", "cheap", "nothing.json"], "error: nothing.json cannot be read as JSON: "),
        (["enqueue", "cheap", "x=0.5"], "error: This cannot be enqueued in sweep 'cheap': "),
        (["enqueue", "cheap", "x=0.5", "width"], "error: 'width' is no decision; write PATH=VALUE for each"),
        (["logs", "cheap", "99"], "error: there is no trial 99 in this sweep"),
        (["pause", "chaep"], "error: there is no sweep 'chaep' in sqlite:///paretree.db; did you mean 'cheap'?"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_one_sentence(searched, arguments, message):
    done = searched(*arguments)
    assert done.returncode == 1
    assert done.stderr.startswith(message), done.stderr


def test_asking_something_of_a_store_that_is_not_there_makes_none(paretree):
    done = paretree("retry", "cheap", "--store", "other.db")
    assert done.returncode == 1
    assert not (paretree.folder / "other.db").exists()


def test_a_run_has_its_timeout_again_when_it_is_resumed(paretree):
    paretree("run", "cheap.py", "--trials", 2, "--workers", "inline", "--timeout", 600)
    assert paretree.json("show", "cheap")["budget"] == {"trials": 2, "timeout": 600.0}
    assert paretree("resume", "cheap", "--more", 1, "--workers", "inline").returncode == 0
    assert paretree.json("show", "cheap")["budget"] == {"trials": 3, "timeout": 600.0}
