"""The code in README and guide is run as it stands there."""

import re
import shlex
import threading
import time
from pathlib import Path

import pytest
import typer

import paretree as pt
from paretree.cli import app
from paretree.spaces import nn
from paretree.workers import FilesError, InlineWorkers

ROOT = Path(__file__).parents[2]
PAGES = ["README.md", *sorted(file.relative_to(ROOT).as_posix() for file in (ROOT / "docs").glob("*.md"))]
PATIENCE = 60.0  # seconds; a guard against hanging, not an expectation


def blocks(file):
    return re.findall(r"```python\n(.*?)```", (ROOT / file).read_text(), re.DOTALL)


def block_with(text, file="docs/guide.md"):
    return next(block for block in blocks(file) if text in block)


def small_sweep(folder, name="digits", train=lambda trial: {"loss": trial.config.lr}):
    space = pt.Space(lr=pt.Float(1e-4, 1e-1, log=True), width=pt.Int(16, 1024, log=True))
    return pt.Sweep(
        name, space, train, {"loss": "minimize"}, sampler="random", store=str(folder / "paretree.db"), seed=0
    )


def test_the_guides_first_example_runs_and_prints_what_it_says():
    names = {"pt": pt, "nn": nn}
    exec(blocks("docs/guide.md")[0], names)
    values = names["config"].values
    assert (values["model/0"], values["model/0[0]/up/out_features"]) == (3, 130)


def test_the_guides_priors_are_followed(tmp_path):
    names = {"pt": pt, "train": lambda trial: {"loss": trial.config.lr}}
    exec(block_with("space.most_likely").replace("sqlite:///", f"sqlite:///{tmp_path}/"), names)
    assert names["space"].most_likely(seed=0).lr == pytest.approx(0.0011314, rel=1e-3)
    names["sweep"].run(trials=12, workers=InlineWorkers(), progress=False)
    assert names["sweep"].trials()["sampler"].tolist()[:3] == ["prior", "qmc", "optuna:tpe"]


def test_the_guides_sweep_runs(tmp_path):
    def train(trial):
        model = trial.config.model.build((1, 8, 8))
        return {
            "accuracy": trial.config.lr,
            "params": trial.cost.params,
            "latency_ms": float(len(list(model.modules()))),
        }

    space = pt.Space(model=nn.Seq(nn.Conv2d(pt.Int(2, 8)), nn.GlobalAvgPool2d(), nn.Linear(10)), lr=pt.Float(0, 1))
    making, using = blocks("docs/guide.md")[1].split("sweep.run(")
    names = {"pt": pt, "nn": nn, "space": space, "train": train}
    exec(making.replace("sqlite:///", f"sqlite:///{tmp_path}/"), names)
    names["sweep"].run(trials=20, workers=InlineWorkers(), progress=False)
    after = using.split("\n", 1)[1].replace("front.png", str(tmp_path / "front.png"))
    exec(after, names)
    exec(next(block for block in blocks("docs/guide.md") if "sweep.knee()" in block), names)
    assert (tmp_path / "front.png").is_file()


def test_the_guides_sweep_with_known_objectives_runs(tmp_path):
    space = pt.Space(model=nn.Seq(nn.Conv2d(pt.Int(2, 64)), nn.GlobalAvgPool2d(), nn.Linear(10)), lr=pt.Float(0, 1))
    names = {"pt": pt, "nn": nn, "space": space}
    code = next(block for block in blocks("docs/guide.md") if "known=" in block)
    exec(code.replace("sqlite:///", f"sqlite:///{tmp_path}/"), names)
    names["sweep"].run(trials=5, workers=InlineWorkers(), progress=False)
    trials = names["sweep"].trials()
    assert trials["state"].tolist() == ["finished"] * 5
    assert (trials["flops"] <= 50_000).all()


def test_the_readmes_ten_lines_define_a_sweep_whose_models_build():
    names = {}
    exec(blocks("README.md")[0], names)
    assert isinstance(names["sweep"], pt.Sweep)
    assert names["space"].sample(0).model.build(input_shape=(1, 8, 8)) is not None


def test_the_guides_sweep_with_priors_and_costs_runs(tmp_path):
    names = {"pt": pt, "train": lambda trial: {"loss": abs(trial.config.lr - 0.002)}}
    code = next(block for block in blocks("docs/guide.md") if "BayesSampler" in block)
    exec(code.replace("sqlite:///", f"sqlite:///{tmp_path}/"), names)
    names["sweep"].run(trials=10, workers=InlineWorkers(), progress=False)
    assert names["sweep"].trials()["state"].tolist() == ["finished"] * 10


def test_the_trial_with_checkpoints_goes_on_where_a_lost_worker_left_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(blocks("docs/checkpoints.md")[0], names)
    train, restored = names["train"], []

    def lost_once(trial):
        report = trial.report

        def report_until_lost(step, **metrics):
            report(step, **metrics)
            if trial.attempt == 0 and step == 12:
                raise FilesError("the worker is lost")

        trial.report = report_until_lost
        values = train(trial)
        restored.append((trial.attempt, trial.restored_step))
        return values

    sweep = names["sweep"]
    sweep.train = lost_once
    sweep.run(trials=2, workers=InlineWorkers(), progress=False)
    assert sweep.trials()["state"].tolist() == ["finished"] * 2
    assert restored == [(1, 9), (1, 9)]
    [folder] = (tmp_path / "checkpoints").iterdir()
    kept = {file.relative_to(folder).as_posix() for file in folder.glob("*/artifacts/*/*")}
    assert kept == {f"trial-00000{trial}/artifacts/00{attempt}/latest.pt" for trial in (0, 1) for attempt in (0, 1)}
    assert len(list(folder.glob("*/checkpoint-*"))) == 2, "the latest of each trial"


def test_the_policies_of_checkpoints_are_as_the_docs_say():
    exec(blocks("docs/checkpoints.md")[1], {})


def test_the_guides_workers_can_be_had():
    exec(block_with("RayWorkers(gpus=0.25)"), {})


def test_the_guides_limits_and_retries_are_taken_and_kept_for_resume(tmp_path):
    sweep = small_sweep(tmp_path)
    exec(block_with("report_timeout="), {"sweep": sweep, "workers": InlineWorkers()})
    budget = sweep._store.sweep("digits").budget
    assert (budget["timeout"], budget["report_timeout"], budget["memory"]) == (4 * 3600, 600, 16 * 2**30)


def test_the_guides_code_controls_a_sweep_that_runs_elsewhere(tmp_path, capsys):
    def train(trial):
        for step in range(100_000):
            trial.report(step, alive=1.0)
            time.sleep(0.01)
        return {"loss": 0.0}

    sweep = small_sweep(tmp_path, train=train)
    options = {"trials": 5, "workers": InlineWorkers(flush_seconds=0), "progress": False}
    thread = threading.Thread(target=sweep.run, kwargs=options)
    thread.start()
    watched = small_sweep(tmp_path)
    try:
        deadline = time.monotonic() + PATIENCE
        while not sweep.size() or "running" not in set(sweep.trials()["state"]):
            assert time.monotonic() < deadline, "no trial began"
            time.sleep(0.05)
        exec(block_with("sweep.pause()"), {"sweep": watched})
    finally:
        watched.stop(now=True)
        thread.join(PATIENCE)
    assert not thread.is_alive(), "the sweep was not stopped"
    assert "paused; what is under way goes on to its end (1 trial)" in capsys.readouterr().out
    assert {"lr": 0.003, "width": 64} in [watched.configuration(number).values for number in range(watched.size())]


def test_the_guides_ways_to_read_a_store_exist(tmp_path, capsys):
    small_sweep(tmp_path).run(trials=8, workers=InlineWorkers(), progress=False)
    names = {}
    exec(block_with("Store.open").replace("sqlite:///", f"sqlite:///{tmp_path}/"), names)
    assert capsys.readouterr().out.startswith("digits finished {'loss': 0.0")


def test_the_guides_loop_of_ask_and_tell_runs(tmp_path):
    sweep = small_sweep(tmp_path)
    exec(block_with("sweep.driving"), {"sweep": sweep})
    trials = sweep.trials()
    assert len(trials) == 20
    assert set(trials["state"]) <= {"finished", "failed"}
    assert ((trials["width"] > 900) == (trials["state"] == "failed")).all()


def test_the_guides_simulation_takes_no_time_and_loses_no_trial(tmp_path):
    names = {"pt": pt}
    began = time.monotonic()
    exec(block_with("SimulatedWorkers(").replace("sqlite:///", f"sqlite:///{tmp_path}/"), names)
    assert time.monotonic() - began < PATIENCE
    assert names["sweep"].trials()["state"].tolist() == ["finished"] * 20
    assert names["workers"].clock() > 1e9 + 60


def commands():
    """Each `paretree ...` of the docs, by page: lines of fenced blocks, and what stands between backticks."""
    for page in PAGES:
        text = (ROOT / page).read_text()
        fenced = [
            line for block in re.findall(r"```(?:\n|sh\n)(.*?)```", text, re.DOTALL) for line in block.splitlines()
        ]
        inline = re.findall(r"`(paretree [^`]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
        for line in fenced + inline:
            if found := re.match(r"(?:\.venv/bin/)?(paretree .+)", " ".join(line.split())):
                yield page, found[1]


@pytest.mark.parametrize(("page", "line"), sorted(set(commands())))
def test_a_command_in_the_docs_exists_with_its_options(page, line):
    words = shlex.split(line, comments=True)[1:]
    command = typer.main.get_command(app)
    while hasattr(command, "commands") and words and not words[0].startswith("-"):
        name = words.pop(0)
        assert name in command.commands, f"{page} names a command that is not there: {line}"
        command = command.commands[name]
    options = {option for parameter in command.params for option in parameter.opts}
    given = {word for word in words if word.startswith("--")}
    assert given <= options | {"--help"}, f"{page} gives options that are not there: {line}"


def links():
    for page in [*PAGES, "CONTRIBUTING.md"]:
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", (ROOT / page).read_text()):
            if "://" not in target:
                yield page, target


@pytest.mark.parametrize(("page", "target"), sorted(set(links())))
def test_a_link_in_the_docs_leads_somewhere(page, target):
    assert (ROOT / page).parent.joinpath(target).exists(), f"{page} links to {target}, which is not there"
