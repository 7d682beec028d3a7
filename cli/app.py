"""The command line: run sweeps, and look at what came of them."""

from __future__ import annotations

import logging
import os
import shutil
import sys
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..spaces.errors import ParetreeError
from .control import add_control, unpause_where_paused
from .db import add_db
from .exchange import add_exchange
from .law import add_law
from .options import DEFAULT_STORE, JsonOption, NameArgument, StoreOption, open_to_read
from .printing import print_details, print_json, print_table, rounded

if TYPE_CHECKING:
    from ..search import Sweep
    from ..search.reports import Results
    from ..workers.protocol import Workers

app = typer.Typer(
    name="paretree",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    help="Search architectures and hyperparameters, and browse the Pareto front.\n\n"
    "Write a space and a training function in FILE.py, run it with [bold]paretree run FILE.py --trials 100[/], "
    "and look at the result with [bold]paretree front NAME[/] or [bold]paretree dashboard[/].",
)

OtherStoreOption = Annotated[
    str | None,
    typer.Option("--store", envvar="PARETREE_STORE", help="Another store than the one that FILE.py names."),
]
MoreOption = Annotated[int | None, typer.Option("--more", help="Trials to add to those there are.")]
WorkersOption = Annotated[
    str | None,
    typer.Option("--workers", metavar="ray|inline", help="Where trials run; Ray where it is installed, else inline."),
]
AddressOption = Annotated[
    str | None, typer.Option("--address", help="Running Ray cluster to join; [bold]auto[/] finds one on this machine.")
]
TakeoverOption = Annotated[bool, typer.Option("--takeover", help="Drive the sweep even if another process does.")]


@app.command()
def run(
    file: Annotated[str, typer.Argument(metavar="FILE.py[:NAME]", help="Python file, and the sweep's variable in it.")],
    trials: Annotated[int | None, typer.Option(help="Trials the sweep shall have in all.")] = None,
    more: MoreOption = None,
    hours: Annotated[float | None, typer.Option(help="How long to start new trials.")] = None,
    gpu_hours: Annotated[float | None, typer.Option(help="GPU hours the sweep may spend in all.")] = None,
    timeout: Annotated[float | None, typer.Option(help="Seconds that a trial may take.")] = None,
    workers: WorkersOption = None,
    address: AddressOption = None,
    store: OtherStoreOption = None,
    takeover: TakeoverOption = False,
    as_json: JsonOption = False,
) -> None:
    """Run the sweep that FILE.py defines; run it again to go on.

    Ctrl-C ends it, and nothing that has finished is lost.
    """
    from ..search import SweepError
    from ..search.entry import load_sweep

    if trials is None and more is None and hours is None and gpu_hours is None:
        raise SweepError("A run needs an end; give --trials 100, --more 100 or --hours 2.")
    if trials is not None and more is not None:
        raise SweepError(f"--trials {trials} and --more {more} say two things; give one of them.")
    sweep = load_sweep(file)
    if store is not None:
        sweep.store_url = store
    wanted = trials if more is None else _enlarged(sweep, more)
    limits = {"trials": wanted, "hours": hours, "gpu_hours": gpu_hours, "timeout": timeout}
    _run(sweep, _workers(workers, address), takeover, as_json, **limits)


@app.command()
def resume(
    name: NameArgument,
    store: StoreOption = DEFAULT_STORE,
    more: MoreOption = None,
    workers: WorkersOption = None,
    address: AddressOption = None,
    takeover: TakeoverOption = False,
    as_json: JsonOption = False,
) -> None:
    """Go on with a sweep from where it stopped, with the code it was started with; a paused one just goes on."""
    from ..search import Budget, SweepError
    from ..search.entry import load_sweep
    from ..search.opening import stored_limits

    opened = open_to_read(store)
    if unpause_where_paused(opened, name):
        return
    record = opened.sweep(name)
    if record.entry_point is None:
        raise SweepError(f"Sweep {name!r} was not started from a file; run the code that made it again.")
    budget = Budget.read(record.budget)
    if budget is None and more is None:
        raise SweepError(f"Sweep {name!r} never began, so it has no budget to go on with; give --more 100.")
    sweep = load_sweep(record.entry_point)
    _refuse_renamed(sweep, name, record.entry_point)
    sweep.store_url = store
    wanted = budget.to_json() if budget and more is None else {"trials": _enlarged(sweep, more or 0)}
    _run(sweep, _workers(workers, address), takeover, as_json, **wanted, **stored_limits(record.budget))


@app.command("ls")
def list_sweeps(store: StoreOption = DEFAULT_STORE, as_json: JsonOption = False) -> None:
    """List the sweeps of a store."""
    from ..search.reports import sweep_row

    rows = [sweep_row(summary) for summary in open_to_read(store).sweeps()]
    if as_json:
        print_json(rows)
    elif rows:
        print_table("Sweeps", rows)
    else:
        print(f"No sweeps yet; make one with: {_command()} run FILE.py --trials 100")


@app.command()
def show(
    name: NameArgument,
    store: StoreOption = DEFAULT_STORE,
    trial: Annotated[int | None, typer.Option(help="Show the trial of this number.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Show a sweep: its state, its space, its best trials. Or one trial of it."""
    from ..search.reports import sweep_details, trial_details

    opened = open_to_read(store)
    details = sweep_details(opened, name) if trial is None else trial_details(opened, name, trial)
    if as_json:
        print_json(details)
    else:
        print_details(details)


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
    from ..search.reports import front_rows, read_results

    results = read_results(open_to_read(store), name)
    if as_json:
        print_json(front_rows(results))
    else:
        _print_front(results)
    _require_front(results)
    if plot is not None:
        _draw(results, plot)


@app.command()
def importance(
    name: NameArgument,
    store: StoreOption = DEFAULT_STORE,
    method: Annotated[
        str,
        typer.Option(
            metavar="ped-anova|fanova",
            help="Compare the best trials with all (ped-anova), or take the variance over all apart (fanova).",
        ),
    ] = "ped-anova",
    as_json: JsonOption = False,
) -> None:
    """Print which decisions matter, for each objective: shares that sum to 1."""
    from ..search.reports import importance_rows

    rows = importance_rows(open_to_read(store), name, method)
    if as_json:
        print_json(rows)
    else:
        print_table(f"Which decisions of {name} matter, by objective", [rounded(row) for row in rows])


@app.command()
def dashboard(
    store: Annotated[str, typer.Argument(envvar="PARETREE_STORE", help="Database URL, or path.")] = DEFAULT_STORE,
    host: Annotated[str, typer.Option(help="Address to listen on; this machine only.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8501,
    open_browser: Annotated[bool, typer.Option("--open", help="Open it in a browser.")] = False,
) -> None:
    """Browse sweeps, fronts and trials in a browser."""
    from ..dashboard.launch import launch

    launch(store, host, port, open_browser)


add_control(app)
add_exchange(app)
add_law(app)
add_db(app)


def main() -> None:
    """Run a command; what went wrong is one sentence on standard error, and an exit code that is not 0."""
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    logging.getLogger("paretree").setLevel(logging.INFO)
    try:
        app(standalone_mode=True)
    except ParetreeError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(1) from None


def _run(sweep: Sweep, workers: Workers | None, takeover: bool, as_json: bool, **wanted: Any) -> None:
    """Run the sweep with the budget and limits that are wanted, and print what came of it."""
    from ..search.reports import front_rows, read_results

    trials: int | None = wanted["trials"]
    if trials is not None and sweep.size() >= trials > 0:
        print(f"Sweep {sweep.name!r} has its {trials} trials already; add some with --more 10.", file=sys.stderr)
    try:
        sweep.run(workers=workers, takeover=takeover, progress=not as_json, **wanted)
    except KeyboardInterrupt:
        place = "" if sweep.store_url == DEFAULT_STORE else f" --store {quote(open_to_read(sweep.store_url).url)}"
        print(f"Interrupted; go on with: {_command()} resume {quote(sweep.name)}{place}", file=sys.stderr)
        raise SystemExit(130) from None
    store = open_to_read(sweep.store_url)
    results = read_results(store, sweep.name)
    if as_json:
        print_json({"name": sweep.name, "trials": len(results.trials), "front": front_rows(results)})
    else:
        _print_front(results)
        print(f"Browse it with: {_command()} dashboard {quote(store.url)}")
    _require_front(results)


def _command() -> str:
    """What to type to get this command again: its name where the shell finds it, else its path."""
    this = Path(sys.argv[0])
    found = shutil.which("paretree")
    if this.name != "paretree" or (found and Path(found).resolve() == this.resolve()):
        return "paretree"
    return quote(os.path.relpath(this))


def _enlarged(sweep: Sweep, more: int) -> int:
    from ..search import SweepError

    if more < 1:
        raise SweepError(f"--more {more} adds nothing; give a whole number from 1.")
    return sweep.size() + more


def _refuse_renamed(sweep: Sweep, name: str, entry_point: str) -> None:
    from ..search import SweepError

    if sweep.name != name:
        raise SweepError(
            f"{entry_point} now is the sweep {sweep.name!r}, not {name!r}; "
            f"call it {name!r} there again, or run the file to go on with {sweep.name!r}."
        )


def _workers(name: str | None, address: str | None) -> Workers | None:
    from ..search import SweepError
    from ..workers import InlineWorkers

    if name == "ray" or (name is None and address is not None):
        from ..workers import RayWorkers

        return RayWorkers(address=address)
    if address is not None:
        raise SweepError(f"--address {address} is for --workers ray; leave one of them out.")
    if name is None:
        return None
    if name == "inline":
        return InlineWorkers()
    raise SweepError(f"There are no workers {name!r}; use --workers ray or --workers inline.")


def _draw(results: Results, file: Path) -> None:
    from ..search import SweepError
    from ..search.plot import plot_trials

    try:
        plot_trials(results.frame, results.goals, results.sweep.name).savefig(file, dpi=150)
    except (OSError, ValueError) as error:
        raise SweepError(f"The plot cannot be drawn into {file}: {error}; name a PNG, SVG or PDF file.") from error
    print(f"Drawn into {file}.", file=sys.stderr)


def _print_front(results: Results) -> None:
    from ..search.reports import front_table

    if len(results.front):
        title = f"Pareto front of {results.sweep.name}: {len(results.front)} of {len(results.trials)} trials"
        print_table(title, front_table(results))


def _require_front(results: Results) -> None:
    from ..search import SweepError

    name = results.sweep.name
    if results.front.empty:
        raise SweepError(
            f"None of the {len(results.trials)} trials of sweep {name!r} has finished with finite objectives "
            f"within the constraints; see why with: paretree show {quote(name)} --trial 0"
        )
