"""The command line: scaling laws."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..spaces.errors import ParetreeError
from .amounts import amount_of
from .law_fit import fit, loss
from .options import JsonOption
from .printing import print_json, print_table

if TYPE_CHECKING:
    from ..spaces.laws import LossLaw, Prediction, ScalingLaw
    from ..spaces.laws.uncertainty import Transfer


def add_law(app: typer.Typer) -> None:
    """Add the commands `law predict`, `law fit` and `law loss`."""
    law = typer.Typer(
        no_args_is_help=True,
        rich_markup_mode="rich",
        help="Predict learning rates and batch sizes, by published laws or from your own trials.\n\n"
        "N counts parameters without embeddings (those of all experts), D the tokens of the whole training; numbers "
        "can be written as 215M, 20B or 1.4T.",
    )
    for command in (predict, fit, loss):
        law.command()(command)
    app.add_typer(law, name="law")


def predict(
    tokens: Annotated[str, typer.Option("--D", metavar="TOKENS", help="Tokens of the whole training, as 20B.")],
    parameters: Annotated[
        str | None, typer.Option("--N", metavar="PARAMETERS", help="Parameters without embeddings, as 215M.")
    ] = None,
    law: Annotated[
        str,
        typer.Option(
            "--law",
            metavar="NAME|FILE.json",
            help="step, kaplan, deepseek, porian, microsoft, minicpm; or a law that [bold]law fit[/] wrote.",
        ),
    ] = "step",
    seq_len: Annotated[
        int | None, typer.Option(min=1, help="Tokens of a sequence, to count batches in sequences too.")
    ] = None,
    hidden: Annotated[int | None, typer.Option(min=1, help="Width of the model, to count N from its shape.")] = None,
    ffn: Annotated[int | None, typer.Option(min=1, help="Inner width of its feed-forward part (SwiGLU).")] = None,
    layers: Annotated[int | None, typer.Option(min=1, help="Number of its layers.")] = None,
    target_loss: Annotated[
        float | None, typer.Option(help="Loss it shall reach, which kaplan and minicpm compute the batch size from.")
    ] = None,
    transfer: Annotated[
        str | None,
        typer.Option(
            metavar="HOW",
            help="How far the law is carried, which decides how wide its intervals are: 'same recipe', published, or "
            "'outside domain'; else what suits N and D.",
        ),
    ] = None,
    compare: Annotated[bool, typer.Option("--compare", help="Show all published laws side by side.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Predict the best learning rate and batch size for a model of N parameters trained on D tokens."""
    from ..spaces.laws import PUBLISHED, LossLaw

    N, flops_per_token = _size(parameters, (hidden, ffn, layers), seq_len)
    D = amount_of("--D", tokens)
    if compare:
        laws = [_published(name, target_loss, flops_per_token) for name in PUBLISHED]
        _say_what_lacks(laws)
        _print_compared([_predicted(one, N, D, seq_len, transfer) for one in laws], as_json)
        return
    chosen = _published(law, target_loss, flops_per_token) if law in PUBLISHED else _stored(law)
    if isinstance(chosen, LossLaw):
        _print_loss(chosen, N, D, as_json)
        return
    prediction = _predicted(chosen, N, D, seq_len, transfer)
    if prediction.learning_rate is None and prediction.batch_size is None:
        raise ParetreeError(f"{chosen.name} predicts from the loss that is to be reached; give --target-loss 2.5.")
    _say_what_lacks([chosen])
    _print_prediction(prediction, as_json)


def _size(
    parameters: str | None, shape: tuple[int | None, int | None, int | None], seq_len: int | None
) -> tuple[float, float | None]:
    """The parameters, and the operations per token where shape and length of sequences tell them."""
    from ..spaces.laws import ModelSize

    hidden, ffn, layers = shape
    if parameters is not None:
        if any(shape):
            raise ParetreeError("--N and the shape of the model say two things; give one of them.")
        return amount_of("--N", parameters), None
    if hidden is None or ffn is None or layers is None:
        raise ParetreeError("How large is the model? Give --N 215M, or all of --hidden, --ffn and --layers.")
    size = ModelSize.from_config(hidden, ffn, layers)
    print(f"note: {size}", file=sys.stderr)
    return float(size.N), None if seq_len is None else float(size.flops_per_token(seq_len))  # type: ignore[arg-type]


def _published(name: str, target_loss: float | None, flops_per_token: float | None) -> ScalingLaw:
    from ..spaces.laws import PUBLISHED

    return replace(PUBLISHED[name](), target_loss=target_loss, flops_per_token=flops_per_token)


def _stored(file: str) -> ScalingLaw | LossLaw:
    """The law in a file, of whichever kind."""
    import json

    from ..spaces.laws import PUBLISHED, LossLaw, ScalingLaw
    from ..spaces.laws.loss import FORMAT

    try:
        data: Any = json.loads(Path(file).read_text(encoding="utf-8"))
    except FileNotFoundError:
        names = ", ".join(PUBLISHED)
        raise ParetreeError(f"There is no law {file!r}, and no such file; name one of {names}.") from None
    except (OSError, ValueError) as error:
        raise ParetreeError(f"{file} cannot be read as a law ({error}); give what law fit --output wrote.") from None
    if isinstance(data, dict) and data.get("format") == FORMAT:
        return LossLaw.from_json(data)
    return ScalingLaw.from_json(data)


def _predicted(law: ScalingLaw, N: float, D: float, seq_len: int | None, transfer: str | None) -> Prediction:
    checked: Transfer | None = transfer  # type: ignore[assignment]  # the law refuses another word
    return law.predict(N, D, seq_len=seq_len, transfer=checked)


def _say_what_lacks(laws: Sequence[ScalingLaw]) -> None:
    """Tell of laws that compute with a loss which was not said."""
    lacking = [law for law in laws if law.target_loss is None and _computes_with_loss(law)]
    if lacking:
        names = " and ".join(law.name for law in lacking)
        print(f"note: the batch size of {names} follows from the loss; give --target-loss 2.5.", file=sys.stderr)


def _computes_with_loss(law: ScalingLaw) -> bool:
    return any("L" in formula.variables for formula in law.formulas.values())


def _print_prediction(prediction: Prediction, as_json: bool) -> None:
    for warning in prediction.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    if as_json:
        print_json(prediction.to_data())
        return
    rows = [{"": name, "best": value, "80 % interval": interval} for name, value, interval in prediction.rows()]
    print_table(prediction.title, rows)
    print(f"Expected loss above the best: {prediction.expected_penalty:.2f} %")


def _print_compared(predictions: Sequence[Prediction], as_json: bool) -> None:
    if as_json:
        print_json([prediction.to_data() for prediction in predictions])
        return
    for warning in dict.fromkeys(warning for prediction in predictions for warning in prediction.warnings):
        print(f"warning: {warning}", file=sys.stderr)
    from ..spaces.laws.amounts import human

    rows = {one.law: {name: f"{value} ({interval})" for name, value, interval in one.rows()} for one in predictions}
    columns = dict.fromkeys(column for row in rows.values() for column in row)
    title = (
        f"N = {human(predictions[0].N)} parameters, D = {human(predictions[0].D)} tokens; in brackets 80 % intervals"
    )
    print_table(title, [{"law": law, **{name: row.get(name) for name in columns}} for law, row in rows.items() if row])


def _print_loss(law: LossLaw, N: float, D: float, as_json: bool) -> None:
    from dataclasses import asdict

    prediction = law.predict(N, D)
    if as_json:
        print_json(asdict(prediction))
    else:
        print(prediction)
