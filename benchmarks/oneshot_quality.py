"""What searches on a supernet end in: NAS-Bench-201 tells how good their cells are after 200 epochs of training.

    python benchmarks/oneshot_quality.py --data DIR
    python benchmarks/oneshot_quality.py --data DIR --preset gpu --device cuda
    python benchmarks/oneshot_quality.py --data DIR --report

Every method searches the same supernet on the same CIFAR-10 images, half of them for weights and half for alphas, and
ends in a cell whose accuracy is looked up: on validation images, of the whole network, trained for 200 epochs. Methods
differ in what their papers are about, and share all else, learning rates too (see PRESETS).

At equal cost: a few single cells, as small as the supernet, are trained for as many epochs, to learn how many such
trainings take as long as a search of `default`. `random:table` and `bayes:table` look so many cells up. They see what
the table has after 12 epochs of training the whole network, much better than those small trainings, and are credited
with what it has after 200 for the cell that looked best to them. `random:trained` really trains so many small cells,
and takes the one with the best accuracy on the half of the images that searches have for alphas.

Data: `nasbench201.csv.gz` and `cifar10_jpeg.npz` (all images of CIFAR-10 as JPEG files) in `--data`, else
PARETREE_DATA; they are the work of others and do not come with this project. Each search is a file in `--out`, so that
a rerun goes on. The default was chosen by seeds 0 to 3, so that only others tell how good it is.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import torch
from contenders import evaluate, make_contender
from problems import Problem
from problems.problem import best
from problems.tables import NASBENCH201
from torch.nn.functional import adaptive_avg_pool2d, cross_entropy

from paretree.search.oneshot import DifferentiableSearch, SearchSettings
from paretree.search.seeds import derive
from paretree.spaces import Configuration, zoo
from paretree.spaces.cells import NASBENCH201_CELLS, NASBench201Supernet
from paretree.spaces.cells.batched import BatchedEdges
from paretree.spaces.cells.images import Augmentation, Images

IMAGES = "cifar10_jpeg.npz"
LONG, SHORT = "cifar10_valid_200", "cifar10_valid_12"
IDLE = ("none", "skip_connect")
"""Operations that compute nothing: a search has collapsed when they are most of what it ends in."""

CELLS_TIMED = 6
"""Random cells, of which the mean cost of a training is taken."""


@dataclass(frozen=True)
class Preset:
    """How large a search is.

    Attributes:
        images: of CIFAR-10's training images, all classes alike; half of them for alphas.
        size: height and width to which they are averaged.
        channels, cells: of the supernet.
        settings: of all methods.
    """

    images: int
    size: int
    channels: int
    cells: int
    settings: Mapping[str, Any]


PRESETS = {
    "cpu": Preset(
        images=2000,
        size=16,
        channels=8,
        cells=1,
        settings={"epochs": 12, "batch_size": 32, "lr": 0.1, "alpha_lr": 0.02, "crop": 2},
    ),
    "gpu": Preset(images=50000, size=32, channels=16, cells=5, settings={"epochs": 50, "batch_size": 64}),
}
"""An epoch of the small one has 31 steps, so that its learning rates are greater than in the papers."""

PLAIN: Mapping[str, Any] = {
    "relaxation": "softmax",
    "alpha_warmup": 0.0,
    "beta_decay": 0.0,
    "discretise": "magnitude",
}
METHODS: Mapping[str, Mapping[str, Any]] = {
    "default": {},
    "darts": PLAIN,
    "drnas": {**PLAIN, "relaxation": "dirichlet", "alpha_warmup": 0.2},
    "fixed_pt": {**PLAIN, "alpha_warmup": 1.0, "discretise": "perturbation"},
    "darts_pt": {**PLAIN, "discretise": "perturbation"},
    "max_w": {**PLAIN, "relaxation": "max_w", "annealing": 2.0},
    "gumbel": {**PLAIN, "relaxation": "gumbel"},
    "pcdarts": {**PLAIN, "portion": 4, "edge_strengths": True, "alpha_warmup": 0.3},
    "darts2": {**PLAIN, "order": 2},
}
SAMPLERS = ("random:table", "bayes:table", "random:trained")


def search(method: Mapping[str, Any], seed: int, preset: Preset, data: Path, device: str = "cpu") -> dict[str, Any]:
    """One search: the cell it ends in, its accuracies, and how it went."""
    train, validation = images(data, preset.images, preset.size).split(0.5, seed)
    settings = SearchSettings.of({**preset.settings, **method})
    began = _clock(device)
    searching = DifferentiableSearch(
        lambda portion: NASBench201Supernet(preset.channels, preset.cells, make_edges=BatchedEdges, portion=portion),
        train,
        validation,
        settings,
        seed,
        device,
    )
    epochs = []
    while not searching.done:
        epochs.append(searching.epoch())
    weights = searching.weights()
    decisions = NASBENCH201_CELLS.decisions(searching.finish())
    found = zoo.nasbench201().configuration(decisions)
    return {
        **looked_up(found, data),
        "idle": idle(found),
        "seconds": _clock(device) - began,
        "epochs": epochs,
        "weights": {kind: table.tolist() for kind, table in weights.items()},
        "settings": {name: getattr(settings, name) for name in settings.__dataclass_fields__},
    }


def looked_up(configuration: Configuration, data: Path) -> dict[str, Any]:
    """The cell by its name, and what the table says of it after 200 and after 12 epochs."""
    cell = zoo.nasbench201_string(configuration)
    accuracies = {column: table(data, column)[cell] for column in (LONG, SHORT)}
    return {"cell": cell, "accuracy": accuracies[LONG], "short_accuracy": accuracies[SHORT]}


@cache
def table(data: Path, column: str) -> dict[str, float]:
    """Per cent, by the name of the cell."""
    import pandas as pd

    rows = pd.read_csv(data / NASBENCH201)
    return dict(zip(rows["arch"], rows[column].astype(float), strict=True))


@cache
def images(data: Path, count: int, size: int) -> Images:
    """As many of each class, and the same for all searches."""
    from PIL import Image

    stored = np.load(data / IMAGES)
    labels, offsets, pixels = stored["labels"], stored["offsets"], stored["data"]
    draw = np.random.default_rng(0)
    of_training = np.flatnonzero(~stored["is_test"].astype(bool))
    each = count // 10
    rows = np.concatenate([draw.permutation(of_training[labels[of_training] == label])[:each] for label in range(10)])
    rows = draw.permutation(rows)
    decoded = [
        np.asarray(Image.open(io.BytesIO(pixels[offsets[row] : offsets[row + 1]].tobytes())).convert("RGB"))
        for row in rows
    ]
    whole = torch.from_numpy(np.stack(decoded)).permute(0, 3, 1, 2)
    small = whole if size == whole.shape[-1] else adaptive_avg_pool2d(whole.float(), size)
    return Images.of(small.contiguous(), torch.from_numpy(labels[rows].astype(np.int64)))


def trained(configuration: Configuration, seed: int, preset: Preset, data: Path, device: str) -> float:
    """Accuracy of a single cell, as small as the supernet and trained for as many epochs, on the half for alphas."""
    train, validation = (one.to(device) for one in images(data, preset.images, preset.size).split(0.5, seed))
    settings = SearchSettings.of(preset.settings)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    built = zoo.nasbench201(channels=preset.channels, cells=preset.cells).configuration(configuration.values)
    network = built.model.build(input_shape=train.shape).to(device)
    optimizer = torch.optim.SGD(
        network.parameters(), settings.lr, momentum=settings.momentum, weight_decay=settings.weight_decay
    )
    annealing = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, settings.epochs, settings.lr_min)
    augmentation = Augmentation(settings.crop, settings.flip, settings.cutout)
    for _ in range(settings.epochs):
        for pixels, labels in train.batches(settings.batch_size, generator, augmentation):
            optimizer.zero_grad()
            cross_entropy(network(pixels), labels).backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), settings.clip)
            optimizer.step()
        annealing.step()
    network.eval()
    with torch.no_grad():
        right = [(network(pixels).argmax(1) == labels).float() for pixels, labels in validation.batches(256)]
    return float(torch.cat(right).mean())


def seconds_of_a_cell(preset: Preset, data: Path, device: str) -> float:
    """The mean of a few random ones."""
    began = _clock(device)
    for number in range(CELLS_TIMED):
        trained(zoo.nasbench201().sample(number), number, preset, data, device)
    return (_clock(device) - began) / CELLS_TIMED


def sampled(name: str, seed: int, evaluations: int, data: Path) -> dict[str, Any]:
    """What a sampler ends in that sees accuracies after 12 epochs."""

    def evaluation(configuration: Configuration, seed: int) -> dict[str, float]:
        return {"accuracy": looked_up(configuration, data)["short_accuracy"]}

    score = best("accuracy", 100.0)
    goals = {"accuracy": "maximize"}
    problem = Problem("nasbench201_12", zoo.nasbench201(), goals, evaluation, score, evaluations=evaluations)
    began = time.process_time()
    seen = list(evaluate(problem, make_contender(name), seed))
    found = max(seen, key=lambda one: one.values["accuracy"]).configuration
    return {**looked_up(found, data), "idle": idle(found), "seconds": time.process_time() - began}


def random_trained(seed: int, evaluations: int, preset: Preset, data: Path, device: str) -> dict[str, Any]:
    """The best of so many random cells that are trained as small as the search."""
    began = _clock(device)
    drawn = [zoo.nasbench201().sample(derive(seed, "cell", number)) for number in range(evaluations)]
    accuracies = [trained(one, seed, preset, data, device) for one in drawn]
    found = drawn[int(np.argmax(accuracies))]
    return {**looked_up(found, data), "idle": idle(found), "seconds": _clock(device) - began}


def idle(configuration: Configuration) -> int:
    """Edges of a cell that compute nothing."""
    return sum(one in IDLE for one in configuration.values.values())


def made(task: tuple[str, int, argparse.Namespace]) -> None:
    """One run, unless it is there."""
    method, seed, options = task
    file = options.out / options.preset / f"{method.replace(':', '_')}-{seed}.json"
    if file.is_file():
        return
    torch.set_num_threads(options.threads)
    preset = PRESETS[options.preset]
    if method in METHODS:
        row = search(METHODS[method], seed, preset, options.data, options.device)
    elif method == "random:trained":
        row = random_trained(seed, options.evaluations, preset, options.data, options.device)
    else:
        row = sampled(method.partition(":")[0], seed, options.evaluations, options.data)
    _written(file, {"method": method, "seed": seed, **row})
    print(f"{method} {seed}: {row['accuracy']:.2f} {row['cell']} ({row['seconds']:.0f} s)", flush=True)


def cost(options: argparse.Namespace) -> dict[str, float]:
    """Seconds of a search and of a single cell; measured once."""
    file = options.out / options.preset / "cost.json"
    if not file.is_file():
        preset = PRESETS[options.preset]
        of_search = search(METHODS["default"], 1000, preset, options.data, options.device)["seconds"]
        of_cell = seconds_of_a_cell(preset, options.data, options.device)
        _written(file, {"search": of_search, "cell": of_cell})
    return dict(json.loads(file.read_text()))


def report(options: argparse.Namespace) -> None:
    """A table of all runs that are there."""
    folder = options.out / options.preset
    rows = [json.loads(file.read_text()) for file in sorted(folder.glob("*-*.json"))]
    print(f"\n{options.preset}: accuracy after 200 epochs of the cell found, per cent (the best cell has 91.57)\n")
    print("| method | seeds | mean ± s.e. | worst | idle edges of 6, mean (most) | seconds |")
    print("|---|---|---|---|---|---|")
    for method in dict.fromkeys([*METHODS, *SAMPLERS]):
        runs = [row for row in rows if row["method"] == method and row["seed"] in options.seeds]
        if runs:
            print(_line(method, runs))


def _line(method: str, runs: Sequence[Mapping[str, Any]]) -> str:
    accuracies, edges = [run["accuracy"] for run in runs], [run["idle"] for run in runs]
    error = statistics.stdev(accuracies) / len(runs) ** 0.5 if len(runs) > 1 else float("nan")
    seconds = statistics.mean(run["seconds"] for run in runs)
    return (
        f"| {method} | {len(runs)} | {statistics.mean(accuracies):.2f} ± {error:.2f} | {min(accuracies):.2f} "
        f"| {statistics.mean(edges):.1f} ({max(edges)}) | {seconds:.0f} |"
    )


def _written(file: Path, row: Mapping[str, Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_suffix(f".{os.getpid()}")
    unfinished.write_text(json.dumps(row))
    unfinished.replace(file)


def _clock(device: str) -> float:
    """Seconds that a CPU, all threads together, or a GPU has worked."""
    if device == "cpu":
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()


def _seeds(text: str) -> range:
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    known = [*METHODS, *SAMPLERS]
    parser.add_argument("--method", nargs="+", choices=known, default=known, metavar="NAME", help=", ".join(known))
    parser.add_argument("--seeds", type=_seeds, default=_seeds("0-3"), metavar="FIRST-LAST")
    parser.add_argument("--preset", choices=list(PRESETS), default="cpu")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("PARETREE_DATA", "data")))
    parser.add_argument("--out", type=Path, default=Path("runs/oneshot"))
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1, help="of each job")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--evaluations", type=int, help="of samplers; else as many as cost the same as a search")
    parser.add_argument("--cost", action="store_true", help="only measure how many small trainings a search costs")
    parser.add_argument("--report", action="store_true", help="only the table of what is there")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if not options.report and options.evaluations is None:
        measured = cost(options)
        options.evaluations = max(1, round(measured["search"] / measured["cell"]))
        print(f"A search takes {measured['search']:.0f} s, as long as {options.evaluations} small trainings.")
    if not options.report and not options.cost:
        tasks = [(method, seed, options) for seed in options.seeds for method in options.method]
        with get_context("spawn").Pool(options.jobs) as pool:
            for _ in pool.imap_unordered(made, tasks):
                pass
    report(options)


if __name__ == "__main__":
    main()
