"""What the runs of the sampler benchmark come to: tables, ranks and a plot."""

from __future__ import annotations

import json
import math
import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from problems import Problem, Score, make_problem

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

SHOWN = (20, 40, 50, 100)
"""Evaluations at which scores are shown."""

RANKED = (50, 100)

Curves = dict[tuple[str, str], list[list[float]]]
"""By the name of a table and of a contender: one curve of scores for each run."""


@dataclass(frozen=True)
class Standings:
    """All that was found in a folder of runs.

    Attributes:
        scores: how runs are scored, by the name of their table.
        lengths: how many evaluations a whole run has, by the name of its table.
        seeds: how many seeds are in a cell, by table and contender.
        seconds: medians of the processor time that a contender thinks about a configuration, by table and contender.
        versions: each set of versions that runs were made with, and how many were.
    """

    curves: Curves
    scores: dict[str, Score]
    lengths: dict[str, int]
    seeds: dict[tuple[str, str], int]
    seconds: dict[tuple[str, str], float]
    versions: dict[str, int]

    @property
    def contenders(self) -> list[str]:
        """By their mean rank at the last of `RANKED`, the best first; at the end those that never came so far."""
        ranks = self.mean_ranks(RANKED[-1])
        return sorted({contender for _, contender in self.curves}, key=lambda name: (ranks.get(name, math.inf), name))

    def at(self, table: str, contender: str, evaluations: int) -> list[float]:
        """The score of each run that came so far, after so many evaluations or at the end of a whole run."""
        last = min(evaluations, self.lengths[table])
        return [curve[last - 1] for curve in self.curves.get((table, contender), []) if len(curve) >= last]

    def mean_ranks(self, evaluations: int) -> dict[str, float]:
        """Of each contender, the mean of its ranks over the tables it is in; ties share theirs."""
        from scipy.stats import rankdata

        ranks: dict[str, list[float]] = defaultdict(list)
        for table, score in self.scores.items():
            there = [name for where, name in self.curves if where == table and self.at(table, name, evaluations)]
            means = [statistics.mean(self.at(table, contender, evaluations)) for contender in there]
            order = rankdata(means if score.lower_is_better else [-mean for mean in means])
            for contender, rank in zip(there, order, strict=True):
                ranks[contender].append(float(rank))
        return {contender: statistics.mean(own) for contender, own in ranks.items()}


def read(out: Path, data: Path) -> Standings:
    """All runs in a folder."""
    standings = Standings({}, {}, {}, {}, {}, {})
    thought: dict[tuple[str, str], list[float]] = defaultdict(list)
    seeds: dict[tuple[str, str], set[int]] = defaultdict(set)
    problems: dict[str, Problem] = {}
    for file in sorted(out.glob("*/*/*.json")):
        row = json.loads(file.read_text())
        if row["problem"] not in problems:
            problems[row["problem"]] = make_problem(row["problem"], data, out / "trained")
        problem = problems[row["problem"]]
        cell = (problem.table, row["contender"])
        curve = problem.score.curve(row["values"])
        curve += curve[-1:] * (row["asked"] - len(curve))  # nothing more was found to try
        standings.curves.setdefault(cell, []).append(curve)
        standings.scores.setdefault(problem.table, problem.score)
        standings.lengths.setdefault(problem.table, problem.evaluations)
        thought[cell] += row["seconds"]
        seeds[cell].add(row["seed"])
        text = ", ".join(f"{name} {number}" for name, number in row["versions"].items())
        standings.versions[text] = standings.versions.get(text, 0) + 1
    standings.seconds.update({cell: statistics.median(seconds) for cell, seconds in thought.items()})
    standings.seeds.update({cell: len(found) for cell, found in seeds.items()})
    return standings


def report(out: Path, data: Path, command: str) -> None:
    """Print the tables, and write them and the plot into the folder."""
    from rich.console import Console

    standings = read(out, data)
    if not standings.curves:
        print(f"There are no runs in {out}; give --out the folder that has them.")
        return
    console = Console(record=True, width=120)
    console.print(f"{command}\n", highlight=False)
    for table in standings.scores:
        console.print(_table_of(standings, table))
    console.print(_ranks(standings))
    _print_versions(standings, console)
    (out / "standings.txt").write_text(console.export_text())
    plot(standings, out / "standings.png")


def _table_of(standings: Standings, name: str) -> Table:
    from rich.table import Table

    score = standings.scores[name]
    ideal = "" if score.ideal is None else f"; ideal {score.ideal:.5g}"
    better = "lower" if score.lower_is_better else "higher"
    table = Table(title=f"{name}: {score.title} ({better} is better{ideal})", title_justify="left")
    columns = ["at the end"] if score.at_end else [f"after {shown}" for shown in SHOWN]
    for heading in ["contender", *columns, "seeds", "s per ask"]:
        table.add_column(heading, justify="left" if heading == "contender" else "right")
    for contender in _by_score(standings, name):
        shown = SHOWN[-1:] if score.at_end else SHOWN
        cells = [_mean_and_error(standings.at(name, contender, evaluations)) for evaluations in shown]
        cell = (name, contender)
        table.add_row(contender, *cells, str(standings.seeds[cell]), f"{standings.seconds[cell]:.2g}")
    return table


def _by_score(standings: Standings, table: str) -> list[str]:
    """The best first; at the end those of which no run is whole."""
    sign = 1 if standings.scores[table].lower_is_better else -1
    there = [contender for where, contender in standings.curves if where == table]
    means = {name: standings.at(table, name, standings.lengths[table]) for name in there}
    return sorted(there, key=lambda name: sign * statistics.mean(means[name]) if means[name] else math.inf)


def _mean_and_error(values: Sequence[float]) -> str:
    """Mean and its standard error, of which one run has none; a dash where there is no run."""
    if not values:
        return "–"
    if len(values) == 1:
        return f"{values[0]:.4g}"
    return f"{statistics.mean(values):.4g} ± {statistics.stdev(values) / math.sqrt(len(values)):.2g}"


def _ranks(standings: Standings) -> Table:
    from rich.table import Table

    table = Table(title="mean rank over all tables (1 is best)", title_justify="left")
    for heading in ["contender", *(f"at {shown}" for shown in RANKED), "tables"]:
        table.add_column(heading, justify="left" if heading == "contender" else "right")
    ranks = {shown: standings.mean_ranks(shown) for shown in RANKED}
    for contender in standings.contenders:
        tables = sum(name == contender for _, name in standings.curves)
        table.add_row(contender, *(_rank(ranks[shown].get(contender)) for shown in RANKED), f"{tables}")
    return table


def _rank(rank: float | None) -> str:
    return "–" if rank is None else f"{rank:.2f}"


def _print_versions(standings: Standings, console: Console) -> None:
    for versions, runs in standings.versions.items():
        console.print(f"{runs} runs with {versions}", highlight=False)


def plot(standings: Standings, file: Path) -> None:
    """Progress on each problem: means over runs, with a band of one standard error; written as PNG."""
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    shown = [name for name, score in standings.scores.items() if not score.at_end]
    columns = min(4, len(shown)) or 1
    rows = math.ceil(len(shown) / columns) or 1
    figure = Figure(figsize=(4.2 * columns, 3.2 * rows + 0.8), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    colors = dict(zip(standings.contenders, colormaps["tab20"].colors * 2, strict=False))
    for axis, name in zip(axes, shown, strict=False):
        _draw(axis, standings, name, colors)
    for axis in axes[len(shown) :]:
        axis.axis("off")
    handles = {line.get_label(): line for axis in axes for line in axis.get_lines()}
    ordered = [name for name in colors if name in handles]
    figure.legend([handles[name] for name in ordered], ordered, loc="outside lower center", ncols=6, frameon=False)
    figure.savefig(file, dpi=130)


def _draw(axis: Any, standings: Standings, name: str, colors: Mapping[str, object]) -> None:
    score = standings.scores[name]
    for contender, color in colors.items():
        curves = standings.curves.get((name, contender))
        if not curves:
            continue
        shortest = min(map(len, curves))
        stacked = np.array([curve[:shortest] for curve in curves])
        mean, steps = stacked.mean(0), np.arange(1, shortest + 1)
        error = stacked.std(0, ddof=1) / math.sqrt(len(curves)) if len(curves) > 1 else np.zeros(shortest)
        axis.plot(steps, mean, color=color, label=contender, linewidth=1.4)
        axis.fill_between(steps, mean - error, mean + error, color=color, alpha=0.15, linewidth=0)
    axis.set_title(name, fontsize=10)
    axis.set_xlabel("evaluations", fontsize=8)
    direction = "lower" if score.lower_is_better else "higher"
    axis.set_ylabel(f"{score.title.split(' up to ')[0]}, {direction} is better", fontsize=8)
    axis.tick_params(labelsize=8)
