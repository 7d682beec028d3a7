"""The command line: run sweeps, and look at what came of them."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .spaces.errors import ParetreeError

if TYPE_CHECKING:
    import pandas as pd

    from .search import Goals, Sweep
    from .search.store import Store
    from .workers.protocol import Workers

app = typer.Typer(
    name="paretree",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    help="Search architectures and hyperparameters, and browse the Pareto front.\n\n"
    "Write a space and a training function in FILE.py, run it with [bold]paretree run FILE.py --trials 100[/], "
    "and look at the result with [bold]paretree front NAME[/] or [bold]paretree dashboard[/].",
)

DEFAULT_STORE = "sqlite:///paretree.db"

StoreOption = Annotated[
    str, typer.Option("--store", envvar="PARETREE_STORE", help="Database URL, or path of a SQLite file.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Name of the sweep.")]
WorkersOption = Annotated[
    str | None,
    typer.Option("--workers", metavar="ray|inline", help="Where trials run; Ray where it is installed, else inline."),
]
TakeoverOption = Annotated[bool, typer.Option("--takeover", help="Drive the sweep even if another process does.")]


@app.command()
def run(
    file: Annotated[str, typer.Argument(metavar="FILE.py[:NAME]", help="Python file, and the sweep's variable in it.")],
    trials: Annotated[int | None, typer.Option(help="Trials the sweep shall have in all.")] = None,
    more: Annotated[int | None, typer.Option(help="Trials to add to those there are.")] = None,
    hours: Annotated[float | None, typer.Option(help="How long to start new trials.")] = None,
    workers: WorkersOption = None,
    store: Annotated[str | None, typer.Option(help="Another store than the one that FILE.py names.")] = None,
    takeover: TakeoverOption = False,
    as_json: JsonOption = False,
) -> None:
    """Run the sweep that FILE.py defines; run it again to go on.

    Ctrl-C ends it, and nothing that has finished is lost.
    """
    from .search.entry import load_sweep

    sweep = load_sweep(file)
    if store is not None:
        sweep.store_url = store
    _run(sweep, trials, more, hours, workers, takeover, as_json)


@app.command()
def resume(
    name: NameArgument,
    store: StoreOption = DEFAULT_STORE,
    more: Annotated[int | None, typer.Option(help="Trials to add to those there are.")] = None,
    workers: WorkersOption = None,
    takeover: TakeoverOption = False,
    as_json: JsonOption = False,
) -> None:
    """Go on with a sweep from where it stopped, with the code it was started with."""
    from .search import Budget, SweepError
    from .search.entry import load_sweep

    record = _open(store).sweep(name)
    if record.entry_point is None:
        raise SweepError(f"Sweep {name!r} was not started from a file; run the code that made it again.")
    sweep = load_sweep(record.entry_point)
    sweep.store_url = store
    budget = Budget.read(record.budget)
    trials, hours = (budget.trials, budget.hours) if budget and more is None else (None, None)
    _run(sweep, trials, more, hours, workers, takeover, as_json)


@app.command("ls")
def list_sweeps(store: StoreOption = DEFAULT_STORE, as_json: JsonOption = False) -> None:
    """List the sweeps of a store."""
    from .search.reports import sweep_row

    rows = [sweep_row(summary) for summary in _open(store).sweeps()]
    if as_json:
        _print_json(rows)
    elif rows:
        _print_table("Sweeps", rows)
    else:
        print("No sweeps yet; make one with: paretree run FILE.py --trials 100")


@app.command()
def show(
    name: NameArgument,
    store: StoreOption = DEFAULT_STORE,
    trial: Annotated[int | None, typer.Option(help="Show this trial.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Show a sweep: its state, its space, its best trials. Or one trial of it."""
    from .search.reports import sweep_details, trial_details

    opened = _open(store)
    details = sweep_details(opened, name) if trial is None else trial_details(opened, name, trial)
    if as_json:
        _print_json(details)
    else:
        _print_details(details)


@app.command()
def front(
    name: NameArgument,
    store: StoreOption = DEFAULT_STORE,
    plot: Annotated[
        Path | None, typer.Option(help="Also draw trials and front into this picture (PNG, SVG, PDF).")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Print the Pareto front: the trials that no other one beats in everything."""
    from .search.analysis import pareto_front
    from .search.reports import front_rows, read_frame

    frame, goals = read_frame(_open(store), name)
    found = pareto_front(frame, goals)
    if as_json:
        _print_json(front_rows(found, goals))
    else:
        _print_front(name, found, goals)
    if plot is not None:
        from .search.plot import plot_trials

        plot_trials(frame, goals, name).savefig(plot, dpi=150)
        print(f"Drawn into {plot}.", file=sys.stderr)


@app.command()
def dashboard(
    store: Annotated[str, typer.Argument(envvar="PARETREE_STORE", help="Database URL, or path.")] = DEFAULT_STORE,
    host: Annotated[str, typer.Option(help="Address to listen on; this machine only.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8501,
    open_browser: Annotated[bool, typer.Option("--open", help="Open it in a browser.")] = False,
) -> None:
    """Browse sweeps, fronts and trials in a browser."""
    from .dashboard.launch import launch

    launch(store, host, port, open_browser)


def main() -> None:
    """Run a command; what went wrong is one sentence on standard error, and an exit code that is not 0."""
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    logging.getLogger("paretree").setLevel(logging.INFO)
    try:
        app(standalone_mode=True)
    except ParetreeError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(1) from None


def _run(
    sweep: Sweep,
    trials: int | None,
    more: int | None,
    hours: float | None,
    workers: str | None,
    takeover: bool,
    as_json: bool,
) -> None:
    from .search.analysis import eligible

    if more is not None:
        trials = sweep.size() + more
    try:
        sweep.run(trials, hours, _workers(workers), takeover=takeover, progress=not as_json)
    except KeyboardInterrupt:
        store = "" if sweep.store_url == DEFAULT_STORE else f" --store {sweep.store_url}"
        print(f"Interrupted; go on with: paretree resume {sweep.name}{store}", file=sys.stderr)
        raise SystemExit(130) from None
    frame, goals = sweep.trials(), sweep.goals
    if as_json:
        from .search.reports import front_rows

        _print_json({"name": sweep.name, "trials": len(frame), "front": front_rows(sweep.front(), goals)})
    else:
        _print_front(sweep.name, sweep.front(), goals)
        print(f"Browse it with: paretree dashboard {sweep.store_url}")
    if not eligible(frame, goals).any():
        raise SystemExit(f"error: None of the {len(frame)} trials has a finite result within the constraints.")


def _workers(name: str | None) -> Workers | None:
    from .search import SweepError
    from .workers import InlineWorkers

    if name is None:
        return None
    if name == "inline":
        return InlineWorkers()
    if name == "ray":
        from .workers import RayWorkers

        return RayWorkers()
    raise SweepError(f"There are no workers {name!r}; use --workers ray or --workers inline.")


def _open(url: str) -> Store:
    from .search.store import Store

    return Store.open(url, readonly=True)


def _print_json(data: Any) -> None:
    from .search.reports import jsonable

    print(json.dumps(jsonable(data), indent=2))


def _print_front(name: str, found: pd.DataFrame, goals: Goals) -> None:
    from .search.reports import front_table

    if found.empty:
        print(f"Sweep {name!r} has no finished trial within its constraints yet.")
        return
    _print_table(f"Pareto front of {name}: {len(found)} trials", front_table(found, goals))


def _print_table(title: str, rows: list[dict[str, Any]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(title, style="bold"), box=box.SIMPLE_HEAD, title_justify="left")
    for column in rows[0]:
        numeric = all(isinstance(row[column], int | float) or row[column] is None for row in rows)
        table.add_column(Text(column), justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(_cell(value)) for value in row.values()))
    Console().print(table)


def _print_details(details: dict[str, Any]) -> None:
    for key, value in details.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            _print_table(key, value)
        elif isinstance(value, dict):
            print(f"{key}:")
            for name, inner in value.items():
                print(f"  {name}: {_cell(inner)}")
        elif isinstance(value, str) and "\n" in value:
            print(f"{key}:\n{value}")
        else:
            print(f"{key}: {_cell(value)}")


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.5g}" if isinstance(value, float) else str(value)
