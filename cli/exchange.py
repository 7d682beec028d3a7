"""Commands that bring in what other tools found, and take sweeps out for them."""

from __future__ import annotations

from typing import Annotated

import typer

from .options import DEFAULT_STORE, StoreOption

bring_in = typer.Typer(no_args_is_help=True, help="Bring in what other tools found.")


def add_exchange(app: typer.Typer) -> None:
    """Add `import` and `export` to the command line."""
    app.add_typer(bring_in, name="import")
    app.command()(export)


@bring_in.command("optuna")
def import_optuna(
    url: Annotated[str, typer.Argument(metavar="URL", help="Optuna's storage, such as sqlite:///example.db.")],
    study: Annotated[str | None, typer.Option(help="The study; may be left out where there is only one.")] = None,
    name: Annotated[str | None, typer.Option("--name", help="What the sweep is called; else as the study.")] = None,
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """Make a sweep of an Optuna study: its trials, their curves, times and attributes."""
    from ..search.bridges import import_study
    from ..search.store import Store

    opened = Store.open(store)
    made = import_study(opened, url, study=study, name=name)
    print(f"Imported {len(opened.trials(made.id))} trials into sweep {made.name!r} of {opened.url}.")


def export(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the sweep.")],
    optuna: Annotated[str | None, typer.Option(metavar="URL", help="Write an Optuna study into this storage.")] = None,
    study: Annotated[str | None, typer.Option(help="What the Optuna study is called; else as the sweep.")] = None,
    csv: Annotated[
        typer.FileTextWrite | None, typer.Option(encoding="utf-8", help="Write a table; - is standard output.")
    ] = None,
    json: Annotated[
        typer.FileTextWrite | None,
        typer.Option(encoding="utf-8", help="Write a JSON object for each trial in a line, with its reports."),
    ] = None,
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """Write the trials of a sweep for other tools; several forms at once if you like."""
    import sys

    from ..search import SweepError
    from ..search.bridges import export_csv, export_json, export_study
    from ..search.store import Store

    if optuna is None and csv is None and json is None:
        raise SweepError("Export to what? Give --optuna URL, --csv FILE or --json FILE.")
    opened = Store.open(store, readonly=True)
    count = 0
    if optuna is not None:
        count = export_study(opened, name, optuna, study=study)
    if csv is not None:
        count = export_csv(opened, name, csv)
    if json is not None:
        count = export_json(opened, name, json)
    print(f"Exported {count} trials of sweep {name!r}.", file=sys.stderr)
