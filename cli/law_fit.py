"""The command line: laws of one's own trials."""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..spaces.errors import ParetreeError
from .amounts import amount_of, pair_of
from .options import DEFAULT_STORE, JsonOption, StoreOption, open_to_read
from .printing import print_json

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

SweepsArgument = Annotated[list[str], typer.Argument(metavar="SWEEP...", help="Names of sweeps, or 'lm/*' for many.")]
SizeOption = Annotated[str, typer.Option("--N", metavar="NAME", help="Part of the spaces that holds the parameters.")]
DataOption = Annotated[str, typer.Option("--D", metavar="NAME", help="Part that holds the tokens of a training.")]
LossOption = Annotated[str | None, typer.Option(metavar="NAME", help="Value that is the loss; else the objective.")]
OutputOption = Annotated[Path | None, typer.Option(metavar="FILE.json", help="Write the law into this file.")]
PlotOption = Annotated[Path | None, typer.Option(metavar="FILE.png", help="Draw trials and law into this picture.")]
AtOption = Annotated[list[str] | None, typer.Option(metavar="N,D", help="Predict there, as 1B,20B; may be repeated.")]
SeedOption = Annotated[int, typer.Option(help="Where the randomness of the intervals starts.")]


def fit(
    sweeps: SweepsArgument,
    store: StoreOption = DEFAULT_STORE,
    parameters: SizeOption = "N",
    tokens: DataOption = "D",
    learning_rate: Annotated[
        str, typer.Option("--lr", metavar="NAME", help="Part that holds the peak learning rate.")
    ] = "lr",
    batch_size: Annotated[
        str, typer.Option(metavar="NAME", help="Part that holds the batch size; [bold]none[/] where there is none.")
    ] = "batch_size",
    seq_len: Annotated[
        str | None,
        typer.Option(
            metavar="TOKENS|NAME", help="Tokens of a sequence, or the part with them, where batches count sequences."
        ),
    ] = None,
    loss: LossOption = None,
    at: AtOption = None,
    output: OutputOption = None,
    plot: PlotOption = None,
    seed: SeedOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Fit a law of learning rate and batch size to the trials of sweeps at several N and D.

    It takes at least three pairs of N and D. Use it with [bold]law predict --law FILE.json[/], or as a prior in the
    next space: ScalingLaw.from_json(...).prior(N=..., D=...).
    """
    from ..spaces.laws import fit_law

    places = _places(at)
    columns = {"learning_rate": learning_rate, "batch_size": None if batch_size == "none" else batch_size}
    trials = _trials(store, sweeps, N=parameters, D=tokens, loss=loss, seq_len=_length(seq_len), **columns)
    with _warnings_in_words():
        law = fit_law(trials, batch_size="batch_size" if columns["batch_size"] else None, seed=seed)
        predictions = [law.predict(N, D, seq_len=_number(seq_len)) for N, D in places]
    if as_json:
        print_json({"law": law.to_json(), "predictions": [prediction.to_data() for prediction in predictions]})
    else:
        print(law)
        for prediction in predictions:
            print(prediction)
    _write(output, law.to_json())
    if plot is not None:
        from ..search.law_plot import plot_law

        _draw(plot_law(trials, law), plot)


def loss(
    sweeps: SweepsArgument,
    store: StoreOption = DEFAULT_STORE,
    parameters: SizeOption = "N",
    tokens: DataOption = "D",
    loss: LossOption = None,
    every: Annotated[
        bool, typer.Option("--every-trial", help="Every trial counts, not only the best of each N and D.")
    ] = False,
    at: AtOption = None,
    compute: Annotated[
        list[str] | None, typer.Option(metavar="FLOPS", help="Best N and D for this compute; may be repeated.")
    ] = None,
    flops_per_token: Annotated[float, typer.Option(help="What a token costs for each parameter.")] = 6.0,
    output: OutputOption = None,
    plot: PlotOption = None,
    seed: SeedOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Fit the loss, L = E + A / N^alpha + B / D^beta, to sweeps at five or more pairs of N and D.

    Tune learning rate and batch size of each first: untuned trials give a law of untuned losses.
    """
    from dataclasses import asdict

    from ..spaces.laws import fit_loss_law

    places, budgets = _places(at), [amount_of("--compute", text) for text in compute or []]
    trials = _trials(store, sweeps, N=parameters, D=tokens, loss=loss, learning_rate=None, batch_size=None)
    with _warnings_in_words():
        law = fit_loss_law(trials, best_of_group=not every, seed=seed)
    predictions = [law.predict(N, D) for N, D in places]
    allocations = [law.allocate(budget, flops_per_token) for budget in budgets]
    if as_json:
        told = {"predictions": list(map(asdict, predictions)), "allocations": list(map(asdict, allocations))}
        print_json({"law": law.to_json(), **told})
    else:
        print(*[law, *predictions, *allocations], sep="\n")
    _write(output, law.to_json())
    if plot is not None:
        from ..search.law_plot import plot_loss_law

        _draw(plot_loss_law(law), plot)


def _places(texts: list[str] | None) -> list[tuple[float, float]]:
    return [pair_of("--at", text) for text in texts or []]


def _trials(store: str, sweeps: list[str], **named: Any) -> pd.DataFrame:
    """The trials, and on standard error how many there are."""
    from ..search.law_trials import law_trials

    with closing(open_to_read(store)) as opened:
        trials = law_trials(opened, sweeps, **named)
    dropped = f"; {trials.attrs['dropped']} more diverged" if trials.attrs["dropped"] else ""
    print(f"{len(trials)} trials of {len(trials.attrs['sweeps'])} sweeps{dropped}.", file=sys.stderr)
    return trials


def _length(seq_len: str | None) -> int | str | None:
    """The tokens of a sequence, or the part that holds them."""
    number = _number(seq_len)
    return seq_len if number is None else number


def _number(seq_len: str | None) -> int | None:
    return int(seq_len) if seq_len is not None and seq_len.isdecimal() else None


@contextmanager
def _warnings_in_words() -> Iterator[None]:
    """Print what is warned of as a sentence on standard error."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    for text in dict.fromkeys(str(warning.message) for warning in caught):
        print(f"warning: {text}", file=sys.stderr)


def _write(file: Path | None, data: dict[str, Any]) -> None:
    if file is None:
        return
    try:
        file.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise ParetreeError(f"The law cannot be written into {file}: {error.strerror}; name another file.") from error
    print(f"Written into {file}.", file=sys.stderr)


def _draw(figure: Figure, file: Path) -> None:
    try:
        figure.savefig(file, dpi=150)
    except (OSError, ValueError) as error:
        raise ParetreeError(f"The plot cannot be drawn into {file}: {error}; name a PNG, SVG or PDF file.") from error
    print(f"Drawn into {file}.", file=sys.stderr)
