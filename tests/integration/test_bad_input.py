"""What can be wrong: each time one sentence that names it and the fix, an exit code, and no finished trial lost."""

import sqlite3
import subprocess
import sys

import pytest

SWEEP = """
import paretree as pt

space = pt.Space({space})

def train(trial):
    {train}

sweep = pt.Sweep("cheap", space, train, {goals}, sampler={sampler!r}, seed=0)
"""

DEFAULTS = {
    "space": "x=pt.Float(0, 1), width=pt.Int(1, 9)",
    "train": 'return {"loss": trial.config.x, "size": trial.config.width}',
    "goals": '{"loss": "minimize", "size": "minimize"}',
    "sampler": "random",
}


def sweep_file(**changes):
    return SWEEP.format(**DEFAULTS | changes)


def the_error(done):
    """The one sentence with which a command has failed."""
    assert done.returncode == 1, f"exit code {done.returncode}; stderr: {done.stderr}"
    assert "Traceback" not in done.stderr, done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, f"not one error but {errors}; stderr: {done.stderr}"
    assert done.stderr.rstrip().endswith(errors[0]), f"the error does not come last: {done.stderr}"
    return errors[0].removeprefix("error: ")


def assert_says(done, *words):
    sentence = the_error(done)
    for each in words:
        assert each in sentence, f"{each!r} is missing: {sentence}"


WRONG_FILES = {
    "an empty range": (
        sweep_file(space="x=pt.Float(1, 0)"),
        ["cheap.py, line 4,", "Float(1, 0) at 'x'", "low"],
    ),
    "a log range that touches zero": (
        sweep_file(space="x=pt.Float(0, 1, log=True)"),
        ["cheap.py, line 4,", "Float(0, 1, log=True) at 'x'", "log"],
    ),
    "an unknown sampler": (sweep_file(sampler="randon"), ["no sampler 'randon'", "did you mean 'random'?"]),
    "a direction that is none": (sweep_file(goals='{"loss": "down"}'), ["'loss'", "'down'", "write 'minimize'"]),
    "a constraint that is none": (
        sweep_file(goals='{"loss": "minimize"}, constraints={"size": "< 5"}'),
        ["'size'", "'< 5'", "'<= 5'"],
    ),
    "a syntax error": (
        "import paretree as pt\nspace = pt.Space(\n",
        ["cheap.py, line 2,", "SyntaxError", "correct it"],
    ),
    "a module that is not installed": ("import nothing_like_it\n", ["cheap.py, line 1,", "'nothing_like_it'"]),
    "no sweep": ("import paretree as pt\n", ["cheap.py defines no sweep", "write `sweep = pt.Sweep(...)`"]),
    "two sweeps": (
        sweep_file() + "other, another = sweep, sweep\ndel sweep\n",
        ["several sweeps, other, another", "name one, as in cheap.py:other"],
    ),
}


@pytest.mark.parametrize("wrong", WRONG_FILES)
def test_a_wrong_file_is_told_in_one_sentence_and_leaves_no_store(paretree, wrong):
    text, words = WRONG_FILES[wrong]
    paretree.write(text)
    assert_says(paretree("run", "cheap.py", "--trials", 1, "--workers", "inline"), *words)
    assert not list(paretree.folder.glob("*.db")), "a store was made"


def test_a_file_that_has_the_name_of_a_loaded_module_is_refused(paretree):
    (paretree.folder / "random.py").write_text("import paretree as pt\n")
    assert_says(paretree("run", "random.py", "--trials", 1), "random.py has the name of a module", "rename the file")


WRONG_ARGUMENTS = {
    "no such file": (["run", "nothing.py", "--trials", 1], ["no file 'nothing.py'", "give the path"]),
    "no such module": (["run", "nothing", "--trials", 1], ["'nothing' cannot be imported", "give FILE.py"]),
    "no such variable": (
        ["run", "cheap.py:sweet", "--trials", 1],
        ["no sweep 'sweet'", "did you mean cheap.py:sweep?"],
    ),
    "no budget": (["run", "cheap.py"], ["--trials 100"]),
    "two budgets": (["run", "cheap.py", "--trials", 3, "--more", 3], ["--trials 3 and --more 3", "one of them"]),
    "a negative number of trials": (["run", "cheap.py", "--trials", -3, "--workers", "inline"], ["trials=-3"]),
    "nothing more": (["run", "cheap.py", "--more", 0], ["--more 0", "from 1"]),
    "no time": (["run", "cheap.py", "--hours", 0, "--workers", "inline"], ["hours=0", "above 0"]),
    "unknown workers": (
        ["run", "cheap.py", "--trials", 1, "--workers", "nonsense"],
        ["'nonsense'", "--workers ray or --workers inline"],
    ),
    "a cluster for no cluster": (
        ["run", "cheap.py", "--trials", 1, "--workers", "inline", "--address", "auto"],
        ["--address auto is for --workers ray", "leave one of them out"],
    ),
    "an unknown sweep": (["show", "chaep"], ["no sweep 'chaep'", "did you mean 'cheap'?"]),
    "an unknown sweep to resume": (["resume", "digits"], ["no sweep 'digits'", "there are: cheap"]),
    "an unknown trial": (["show", "cheap", "--trial", 999], ["no trial 999", "count from 0"]),
    "a picture of no kind": (["front", "cheap", "--plot", "front.xyz"], ["front.xyz", "name a PNG"]),
    "no such store": (["ls", "--store", "nothing.db"], ["no store at", "nothing.db", "check the path"]),
    "a dashboard of no store": (["dashboard", "nothing.db"], ["no store at", "nothing.db", "check the path"]),
}


@pytest.mark.parametrize("wrong", WRONG_ARGUMENTS)
def test_a_wrong_argument_is_told_in_one_sentence(searched, wrong):
    arguments, words = WRONG_ARGUMENTS[wrong]
    assert_says(searched(*arguments), *words)
    assert searched.finished("cheap") == set(range(6)), "finished trials were lost or made"
    assert [file.name for file in searched.folder.glob("*.db")] == ["paretree.db"], "another store was made"


@pytest.mark.parametrize(
    ("store", "words"),
    [
        ("missing/folder/x.db", ["x.db", "folder does not exist", "create"]),
        ("cheap.py", ["cheap.py", "not a database"]),
        ("folder", ["is a folder", "name a file in it"]),
        ("mysql://u:secret@h/x", ["mysql", "use sqlite:///FILE.db or postgresql://"]),
        ("nonsense://", ["nonsense", "use sqlite:///FILE.db or postgresql://"]),
        ("postgresql+pg8000://u:secret@127.0.0.1:1/x", ["127.0.0.1:1/x", "pg8000"]),
    ],
)
def test_a_store_that_cannot_be_opened_is_named_without_its_password(paretree, store, words):
    (paretree.folder / "folder").mkdir()
    before = (paretree.folder / "cheap.py").read_bytes()
    done = paretree("run", "cheap.py", "--trials", 1, "--workers", "inline", "--store", store)
    assert_says(done, *words)
    assert "secret" not in done.stderr + done.stdout
    assert (paretree.folder / "cheap.py").read_bytes() == before, "what is no database was written to"


def test_a_database_of_something_else_is_left_alone(paretree):
    with sqlite3.connect(paretree.folder / "other.db") as other:
        other.execute("CREATE TABLE photos (id INTEGER)")
    done = paretree("run", "cheap.py", "--trials", 1, "--workers", "inline", "--store", "other.db")
    assert_says(done, "other.db", "not a Paretree store", "photos")


WRONG_RESULTS = {
    "an objective is missing": (
        'return {"loss": 1.0, "sizes": 2}',
        ["not the objective 'size'", "rename 'sizes'"],
    ),
    "an objective is no number": ('return {"loss": "low", "size": 2}', ["'loss'='low' (str)", "must be numbers"]),
    "nothing is returned": ("pass", ["train returned None", "return a dict of numbers"]),
    "one number for two objectives": ("return 1.0", ["one number for 'loss', 'size'", "return a dict"]),
}


@pytest.mark.parametrize("wrong", WRONG_RESULTS)
def test_what_can_never_be_a_result_ends_the_run_at_once_and_a_corrected_file_goes_on(paretree, wrong):
    train, words = WRONG_RESULTS[wrong]
    paretree.write(sweep_file(train=train))
    assert_says(paretree("run", "cheap.py", "--trials", 3, "--workers", "inline"), "at trial 0", *words)
    paretree.write(sweep_file())
    done = paretree("resume", "cheap", "--workers", "inline")
    assert done.returncode == 0, done.stderr
    assert paretree.finished("cheap") == {1, 2}, "the failed one counts among the three"


def test_a_nan_is_kept_told_and_off_the_front_while_the_run_goes_on(paretree):
    paretree.write(sweep_file(train='return {"loss": float("nan") if trial.number == 1 else 0.5, "size": 1}'))
    done = paretree("run", "cheap.py", "--trials", 3, "--workers", "inline")
    assert done.returncode == 0, done.stderr
    assert "trial 1 returned loss=nan; it is kept, but stays off the front." in done.stderr
    assert paretree.json("show", "cheap", "--trial", 1)["values"] == {"loss": "nan", "size": 1.0}
    assert [trial["number"] for trial in paretree.json("front", "cheap")] == [0, 2]


def test_a_run_without_one_finite_trial_has_failed_and_so_has_its_front(paretree):
    paretree.write(sweep_file(train='return {"loss": float("nan"), "size": float("-inf")}'))
    says = ("None of the 2 trials of sweep 'cheap'", "finite", "paretree show cheap --trial 0")
    assert_says(paretree("run", "cheap.py", "--trials", 2, "--workers", "inline"), *says)
    assert_says(paretree("front", "cheap"), *says)
    assert paretree.finished("cheap") == {0, 1}


def test_a_run_ends_after_too_many_failures_in_a_row_and_says_the_last(paretree):
    paretree.write(sweep_file(train='raise OSError("the data are gone")'))
    done = paretree("run", "cheap.py", "--trials", 100, "--workers", "inline")
    assert_says(done, "after 20 failed trials in a row", "OSError: the data are gone")
    assert paretree.json("show", "cheap")["state"] == "failed"


CHANGED_SWEEPS = {
    "another range": ("pt.Float(0, 1)", "pt.Float(0, 2)", ["another space", "has another range for 'x'", "restore"]),
    "another decision": ("width=", "depth=", ["another space", "decides 'width'", "does not decide 'depth'"]),
    "another direction": (
        '"size": "minimize"',
        '"size": "maximize"',
        ["other objectives", "size: minimize", "size: maximize", "restore"],
    ),
    "another constraint": (
        "seed=0",
        'seed=0, constraints={"time": "<= 5"}',
        ["constraints", "time <= 5", "give the new sweep another name"],
    ),
    "another name": ('"cheap"', '"dear"', ["is the sweep 'dear', not 'cheap'", "call it 'cheap' there again"]),
}


@pytest.mark.parametrize("changed", CHANGED_SWEEPS)
def test_a_sweep_is_not_resumed_as_another_one(searched, changed):
    old, new, words = CHANGED_SWEEPS[changed]
    file = searched.folder / "cheap.py"
    original = file.read_text()
    assert old in original
    file.write_text(original.replace(old, new))
    try:
        assert_says(searched("resume", "cheap", "--more", 1, "--workers", "inline"), *words)
    finally:
        file.write_text(original)
    assert searched.finished("cheap") == set(range(6)), "finished trials were lost or made"


def test_a_sweep_whose_file_is_gone_is_still_shown_but_not_resumed(paretree):
    paretree("run", "cheap.py", "--trials", 1, "--workers", "inline")
    (paretree.folder / "cheap.py").unlink()
    assert_says(paretree("resume", "cheap", "--more", 1), "There is no file", "cheap.py", "give the path")
    assert paretree("show", "cheap").returncode == 0


def test_a_sweep_made_from_no_file_cannot_be_resumed_by_name(paretree):
    code = (paretree.folder / "cheap.py").read_text() + "sweep.run(1, workers=pt.InlineWorkers(), progress=False)"
    subprocess.run([sys.executable, "-c", code], cwd=paretree.folder, check=True)
    assert_says(paretree("resume", "cheap"), "was not started from a file", "run the code that made it again")


def test_what_cannot_be_sent_to_a_worker_is_named(paretree):
    text = sweep_file(train="return lambda trial: {'loss': float(held.locked()), 'size': 1}")
    text = text.replace("train(trial):", "made(held):").replace("space, train,", "space, made(threading.Lock()),")
    paretree.write("import threading" + text)
    done = paretree("run", "cheap.py", "--trials", 1, "--workers", "ray")
    assert_says(done, "train uses 'held'", "cannot be sent to a worker", "make it inside the function")


def test_a_second_process_is_told_who_drives_the_sweep_and_takes_it_over_only_when_asked(paretree):
    paretree.write(sweep_file(train=f"import time; time.sleep(0.2); {DEFAULTS['train']}"))
    first = paretree.start("run", "cheap.py", "--trials", 1000, "--workers", "inline")
    try:
        paretree.wait_for("cheap", 2)
        second = paretree("run", "cheap.py", "--trials", 1000, "--workers", "inline")
        assert_says(second, "'cheap' is driven by", f":{first.pid}:", "take over with --takeover")
        third = paretree("run", "cheap.py", "--more", 1, "--workers", "inline", "--takeover")
        assert third.returncode == 0, third.stderr
        _, err = first.communicate(timeout=60)
    finally:
        first.kill()
    assert first.returncode == 1
    assert "'cheap' was" in err.splitlines()[-1], err
