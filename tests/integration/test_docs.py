"""The code in README and guide is run as it stands there."""

import re
from pathlib import Path

import paretree as pt
from paretree.spaces import nn
from paretree.workers import InlineWorkers

ROOT = Path(__file__).parents[2]


def blocks(file):
    return re.findall(r"```python\n(.*?)```", (ROOT / file).read_text(), re.DOTALL)


def test_the_guides_first_example_runs_and_prints_what_it_says():
    names = {"pt": pt, "nn": nn}
    exec(blocks("docs/guide.md")[0], names)
    values = names["config"].values
    assert (values["model/0"], values["model/0[0]/up/out_features"]) == (3, 130)


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
