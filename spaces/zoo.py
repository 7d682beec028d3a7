"""Ready spaces by name: for examples, tests and benchmarks, and to start one's own from.

Models stand in the part `model`, and take images (3, 32, 32) unless their docstring says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import product
from typing import TYPE_CHECKING, Any

from . import nn
from .build import Build
from .cells.primitives import NASBENCH201, primitive_set
from .cells.skeleton import MacroSkeleton
from .cells.space import NASBENCH201_CELLS, darts_space
from .choice import Choice, Maybe
from .configuration import Configuration
from .expressions import apply
from .graphs import CellGraph, cell_graph, chain_graph
from .nn.recipe import MODULES
from .node import Node
from .pick import Pick
from .ranges import Int
from .repeat import Repeat
from .require import require
from .share import share
from .space import Space

if TYPE_CHECKING:
    import torch

NASBENCH201_OPERATIONS = NASBENCH201.names
NASBENCH201_EDGES = NASBENCH201_CELLS.edges
NASBENCH101_OPERATIONS = ("conv3x3", "conv1x1", "maxpool3x3")


def deepconv(classes: int = 10) -> Space:
    """DeepArchitect's `deepconv_ss0`: 60,466,176 convolutional networks of up to 66 convolutions.

    Source: Negrinho and Gordon, 2017, arXiv 1704.08792, `search_spaces.py` of their code. Their dropout decides on the
    probability to keep a value (0.5 or 0.9), this one on that to drop it.
    """
    few = range(48, 129, 16)

    def reduction() -> Build:
        return nn.Conv2d(Choice(*few, ordered=True), Choice(3, 5, 7, ordered=True), stride=2)

    def stage(filters: Iterable[int]) -> Repeat:
        convolution = nn.Conv2d(Choice(*filters, ordered=True), Choice(3, 5, ordered=True))
        layers = [convolution, nn.MaybeSwap(nn.ReLU(), nn.BatchNorm2d()), Maybe(nn.Dropout(Choice(0.5, 0.1)))]
        return Repeat(nn.Seq(*layers), Choice(1, 2, 4, 8, 16, 32, ordered=True), tied=True)

    many = [2 * filters for filters in few]
    layers = [reduction(), stage(few), reduction(), stage(many), nn.Flatten(), nn.Linear(classes)]
    return Space(model=nn.Seq(*layers))


def darts(classes: int = 10, channels: int = 36, layers: int = 20, primitives: str = "darts") -> Space:
    """DARTS' networks of a normal and a reduction cell: 1,037,664,180 choices of each.

    Source: Liu, Simonyan and Yang, 2019, arXiv 1806.09055; the defaults are their networks for CIFAR-10.
    `spaces.cells` has the same cells as a supernet, and their genotypes.

    Args:
        classes: size of the output.
        channels: of the first of three stages.
        layers: cells.
        primitives: name of the set of operations (see `spaces.cells.primitive_set`).

    Raises:
        ParetreeError: there is no such set, or too few cells or channels.
    """
    return darts_space(primitive_set(primitives), MacroSkeleton(layers, channels, classes))


def nasbench201(classes: int = 10, channels: int = 16, cells: int = 5) -> Space:
    """NAS-Bench-201: 15,625 cells, one of five operations on each of the six edges between four nodes.

    Source: Dong and Yang, 2020, arXiv 2001.00326; the defaults give their networks for CIFAR-10.

    Args:
        classes: size of the output.
        channels: of the first of three stages.
        cells: in each stage.
    """
    edges = NASBENCH201_CELLS.tree()["edges"]
    return Space(model=Build(f"{MODULES}:NASBench201", edges=edges, channels=channels, cells=cells, classes=classes))


def nasbench201_string(configuration: Configuration) -> str:
    """The name of the cell in the benchmark's tables: `|op~0|+|op~0|op~1|+|op~0|op~1|op~2|`."""
    nodes = (
        "".join(f"{_on_edge(configuration, source, target)}~{source}|" for source in range(target))
        for target in range(1, 4)
    )
    return "+".join(f"|{node}" for node in nodes)


def nasbench201_graph(configuration: Configuration) -> CellGraph:
    """The cell as a graph of its operations: each is fed by those on the edges that lead to where its own begins."""
    edges = [edge for edge in NASBENCH201_EDGES if _on_edge(configuration, *edge) != "none"]
    ops = ["input", *(_on_edge(configuration, *edge) for edge in edges), "output"]
    steps: list[tuple[int | None, int | None]] = [(None, 0), *edges, (3, None)]
    pairs = product(enumerate(steps), repeat=2)
    return cell_graph(((i, j) for (i, (_, end)), (j, (start, _)) in pairs if end is not None and end == start), ops)


def _on_edge(configuration: Configuration, source: int, target: int) -> str:
    return str(configuration[f"model/edges/{source}->{target}"])


def nasbench101(classes: int = 10, channels: int = 16, cells: int = 1, vertices: int = 7, edges: int = 9) -> Space:
    """NAS-Bench-101: cells that are any graph of at most so many vertices and edges, with three operations.

    All 423,624 different cells are among the 18,766,576 configurations. Every vertex has an input, so the output always
    depends on that of the cell; but what a vertex does may lead nowhere, and cells may differ in the numbers of their
    vertices only: `graphs.isomorphic` tells, by `nasbench101_graph`.
    Source: Ying et al., 2019, arXiv 1902.09635; their networks have 128 channels and 3 cells.

    Args:
        classes: size of the output.
        channels: of the first of three stacks; they are divided among the vertices.
        cells: in each stack.
        vertices: at most, input and output included.
        edges: at most.

    Raises:
        ValueError: there are too few vertices for a cell, or too few channels for the vertices.
        SpaceError: there are no edges.
    """
    if vertices < 2 or channels < vertices - 2:
        raise ValueError(
            f"No cell has {vertices} vertices and {channels} channels; use at least 2 vertices, the input and the "
            "output, and a channel for each that is between them."
        )
    cell = _cell_from(1, vertices - 1, edges, ())
    return Space(model=Build(f"{MODULES}:NASBench101", cell=cell, channels=channels, cells=cells, classes=classes))


def nasbench101_graph(configuration: Configuration) -> CellGraph:
    """The cell as a graph of its vertices."""
    return chain_graph(configuration.model.cell.build())


def _cell_from(vertex: int, last: int, edges: int, numbers: tuple[Node, ...]) -> Node:
    """Number `vertex` and what follows: the output, or a vertex more. `numbers` are those of the edges so far."""
    inputs = _inputs(vertex)
    enough = apply(edge_count, *numbers, inputs) <= edges
    output = require({"inputs": inputs}, enough, f"a cell has at most {edges} edges")
    if vertex == last:
        return output
    inputs = _inputs(vertex)
    following = _cell_from(vertex + 1, last, edges, (*numbers, inputs))
    return Choice(output=output, vertex={"op": Choice(*NASBENCH101_OPERATIONS), "inputs": inputs, "next": following})


def _inputs(vertex: int) -> Choice:
    """How many of the vertices before this one lead to it, and then which."""
    by_number: dict[str, Any] = {
        str(number): Build(list, Pick(range(vertex), number, name="of")) for number in range(1, vertex + 1)
    }
    return Choice(**by_number)


def edge_count(*labels: str) -> int:
    """The number of edges to some vertices, from the labels that their inputs have in `nasbench101`."""
    return sum(map(int, labels))


def transformer(classes: int = 10, vocabulary: int = 1000, length: int = 64, head_width: int = 16) -> Space:
    """Encoders of sequences of tokens: depth, heads (and so width), size of the feed-forward part, norm, activation.

    All blocks are alike. The model takes tokens (length,) of `input_dtype="int64"`.

    Args:
        classes: size of the output.
        vocabulary: number of tokens.
        length: of the longest sequence.
        head_width: features of each head.
    """
    heads = share("heads", Choice(2, 4, 8, ordered=True))
    ratio = share("ffn_ratio", Choice(1, 2, 4, ordered=True))
    width = head_width * heads
    block = nn.TransformerBlock(
        heads, ratio * head_width * heads, activation=Choice("gelu", "relu"), norm=Choice("pre", "post")
    )
    return Space(
        model=nn.Seq(
            nn.Embedding(vocabulary, width),
            nn.PositionalEmbedding(length),
            Repeat(block, Int(1, 6), tied=True, name="blocks"),
            nn.SequenceMean(),
            nn.LayerNorm(),
            nn.Linear(classes),
        )
    )


def autopeft(hidden: int = 768, layers: int = 12) -> Space:
    """AutoPEFT's space of fine-tuning methods: 5,446,350 valid configurations for the sizes of BERT-base.

    `spaces.peft.autopeft` takes them from a model, and leaves out what it cannot take.

    Args:
        hidden: features of a token between layers.
        layers: of the encoder.
    """
    from .peft import autopeft_space

    return autopeft_space(hidden, layers)


def mlp(classes: int = 10) -> Space:
    """Fully connected networks of up to four hidden layers, with how to train them: see `optimizer`."""
    activation = Choice(nn.ReLU(), nn.GELU(), nn.Tanh())
    hidden = nn.Seq(
        nn.Linear(Int(16, 512, log=True)),
        Maybe(nn.BatchNorm1d()),
        activation,
        Maybe(nn.Dropout(Choice(0.1, 0.25, 0.5, ordered=True))),
    )
    model = nn.Seq(nn.Flatten(), Repeat(hidden, Int(0, 4), name="hidden"), nn.Linear(classes))
    return Space(model=model, **_training())


def optimizer() -> Space:
    """Optimisers and their settings: a learning rate and weight decay for all, and what each has of its own.

    `torch_optimizer` makes them.
    """
    return Space(_training())


def torch_optimizer(configuration: Configuration, parameters: Iterable[torch.nn.Parameter]) -> torch.optim.Optimizer:
    """The optimiser that a configuration of `optimizer()` or `mlp()` decided on."""
    import torch

    kind: Callable[..., torch.optim.Optimizer] = getattr(torch.optim, str(configuration["optimizer"]))
    options = configuration.optimizer.build()
    return kind(parameters, lr=configuration.lr, weight_decay=configuration.weight_decay, **options)


def _training() -> dict[str, Node]:
    """The parts of `optimizer`. Its options are named as in `torch.optim`, with their arguments."""
    momentum = {"momentum": Choice(0.9, 0.95, 0.99, ordered=True), "nesterov": Choice(False, True)}
    return {
        "lr": Choice(1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, ordered=True),
        "weight_decay": Choice(0.0, 1e-5, 1e-4, 1e-3, 1e-2, ordered=True),
        "optimizer": Choice(
            SGD=Choice(plain=Build(dict), momentum=momentum),
            Adam={"betas": _betas()},
            AdamW={"betas": _betas()},
            RMSprop={"alpha": Choice(0.9, 0.99, ordered=True), "momentum": Choice(0.0, 0.9, ordered=True)},
        ),
    }


def _betas() -> tuple[Choice, Choice]:
    first = Choice(0.8, 0.9, 0.95, ordered=True, name="first")
    return first, Choice(0.99, 0.999, ordered=True, name="second")


ZOO: dict[str, Callable[..., Space]] = {
    "autopeft": autopeft,
    "darts": darts,
    "deepconv": deepconv,
    "mlp": mlp,
    "nasbench101": nasbench101,
    "nasbench201": nasbench201,
    "optimizer": optimizer,
    "transformer": transformer,
}
"""The spaces by name; all arguments have defaults."""
