"""What a step of a search by gradient takes: plain, batched and compiled supernets, in one run.

    python benchmarks/oneshot_speed.py --threads 1 --batch 16 --size 16
    python benchmarks/oneshot_speed.py --contenders plain batched compiled
    python benchmarks/oneshot_speed.py --device cuda --batch 64 --dtype bfloat16 --contenders plain batched compiled

A step is of first order: the gradient of the weights on one batch, then that of alphas on another, weights frozen; no
optimiser is in it, which is the same for all. Blocks of steps take turns, so that whatever else the machine does is
shared; medians and quartiles over blocks, wall time and that of the processor, which counts other work less. All have
the same weights, alphas and images. Peak memory is that of a process of its own, less what it had before. Rows below
the line are other algorithms, with fewer computations, and say nothing about how fast the first ones are written.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shlex
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from paretree.spaces.cells import NASBENCH201_CELLS, CellSpace, Edges, MacroSkeleton, NASBench201Supernet, Supernet
from paretree.spaces.cells.conversions import compiled, with_batched_edges
from paretree.spaces.cells.primitives import PRIMITIVE_SETS

SAME = ("plain", "plain, channels last", "batched", "compiled")
OTHER = ("portion 4, plain", "portion 4, batched")
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


class Contender(NamedTuple):
    network: nn.Module
    images: Tensor
    labels: Tensor
    alphas: dict[str, Tensor]
    autocast: torch.dtype | None

    def loss(self, alphas: dict[str, Tensor]) -> Tensor:
        with torch.autocast(self.images.device.type, self.autocast, enabled=self.autocast is not None):
            logits = self.network(self.images, {kind: one.softmax(-1) for kind, one in alphas.items()})
        return cross_entropy(logits.float(), self.labels)

    def weights_step(self) -> list[Tensor]:
        loss = self.loss({kind: one.detach() for kind, one in self.alphas.items()})
        return list(torch.autograd.grad(loss, list(self.network.parameters())))

    def alpha_step(self) -> list[Tensor]:
        self.network.requires_grad_(False)
        found = torch.autograd.grad(self.loss(self.alphas), list(self.alphas.values()))
        self.network.requires_grad_(True)
        return list(found)


def main() -> None:
    given = arguments()
    if given.memory_of:
        print(json.dumps(peak(given, given.memory_of)))
        return
    torch.set_num_threads(given.threads)
    console = Console(width=150)
    names = [*given.contenders, *(OTHER if given.others else ())]
    memory = {name: peak_elsewhere(name) for name in names}  # first: a process begins with the peak of its parent
    contenders = {name: contender(given, name) for name in names}
    first = {name: timed(given, lambda one=one: step(one))[0] for name, one in contenders.items()}
    for _ in range(given.warmup):
        for one in contenders.values():
            step(one)
    blocks: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    for _ in range(given.blocks):
        for name, one in contenders.items():
            wall, cpu = timed(given, lambda one=one: [step(one) for _ in range(given.steps)])
            blocks[name].append((wall / given.steps, cpu / given.steps))
    reference = contenders[given.contenders[0]]
    differences = {name: difference(reference, contenders[name]) for name in given.contenders}
    console.print(table(given, names, blocks, first, differences, memory))
    console.print(conditions(given), highlight=False)


def arguments() -> argparse.Namespace:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    options.add_argument("--primitives", choices=list(PRIMITIVE_SETS), default="darts")
    options.add_argument("--channels", type=int, default=16)
    options.add_argument("--layers", type=int, default=8, help="cells; for NAS-Bench-201 those of each stage")
    options.add_argument("--batch", type=int, default=16)
    options.add_argument("--size", type=int, default=32, help="of images, in pixels")
    options.add_argument("--dtype", choices=list(DTYPES), default="float32", help="bfloat16: autocast")
    options.add_argument("--channels-last", action="store_true", help="for all contenders, as the second always has it")
    options.add_argument("--blocks", type=int, default=5)
    options.add_argument("--steps", type=int, default=1, help="of a block")
    options.add_argument("--warmup", type=int, default=2, help="steps after the first; take 20 where there is time")
    options.add_argument("--threads", type=int, default=1)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--contenders", nargs="+", choices=SAME, default=list(SAME[:3]))
    options.add_argument("--others", action="store_true", help="partial channels as well, which are another algorithm")
    options.add_argument("--memory-of", help=argparse.SUPPRESS)
    return options.parse_args()


def contender(given: argparse.Namespace, name: str) -> Contender:
    """A supernet with weights of the seed; those that compute the same have the same ones."""
    torch.manual_seed(given.seed)
    space = NASBENCH201_CELLS if given.primitives == "nasbench201" else CellSpace(PRIMITIVE_SETS[given.primitives])
    portion = 4 if name in OTHER else 1
    network: nn.Module
    if space is NASBENCH201_CELLS:
        network = NASBench201Supernet(given.channels, given.layers, make_edges=Edges, portion=portion)
    else:
        network = Supernet(space, MacroSkeleton(given.layers, given.channels), Edges, portion)
    alphas = {kind: 1e-3 * torch.randn(space.shape) for kind in space.types}
    images, labels = torch.randn(given.batch, 3, given.size, given.size), torch.randint(0, 10, (given.batch,))
    with torch.no_grad():
        network(images[:2], alphas)  # lazy layers begin
    if name.endswith(("batched", "compiled")):
        network = with_batched_edges(network)
    last = given.channels_last or name not in ("plain", "portion 4, plain")
    layout = torch.channels_last if last else torch.contiguous_format
    network = network.to(given.device, memory_format=layout)
    if name == "compiled":
        compiled(network)
    return Contender(
        network,
        images.to(given.device, memory_format=layout),
        labels.to(given.device),
        {kind: one.to(given.device).requires_grad_() for kind, one in alphas.items()},
        None if given.dtype == "float32" else DTYPES[given.dtype],
    )


def step(one: Contender) -> list[Tensor]:
    return [*one.weights_step(), *one.alpha_step()]


def timed(given: argparse.Namespace, work: Callable[[], object]) -> tuple[float, float]:
    """Seconds by the clock, and of the processor."""
    began, used = time.perf_counter(), time.process_time()
    work()
    if given.device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - began, time.process_time() - used


def difference(plain: Contender, other: Contender) -> str:
    """Of logits, and of the gradients of alphas: the greatest difference over the greatest entry.

    Gradients jump where rounding puts a number on the other side of a ReLU or of a maximum; how far can be seen from
    that of the plain supernet with channels last. `tests/spaces/cells/test_batched.py` compares them without rounding.
    """
    pairs = []
    for one in (plain, other):
        with torch.no_grad():
            weights = {kind: alpha.softmax(-1) for kind, alpha in one.alphas.items()}
            logits = one.network(one.images, weights)
        pairs.append([logits, *one.alpha_step()])
    of_logits, *of_alphas = [float((a - b).abs().max() / b.abs().max()) for a, b in zip(*reversed(pairs), strict=True)]
    return f"{of_logits:.1e}, {max(of_alphas):.1e}"


def peak_elsewhere(name: str) -> float:
    """MiB that two steps take in a fresh process."""
    command = [sys.executable, *sys.argv, "--memory-of", name]
    return float(json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout))


def peak(given: argparse.Namespace, name: str) -> float:
    torch.set_num_threads(given.threads)
    one = contender(given, name)
    before = resident() if given.device == "cpu" else 0.0
    for _ in range(2):
        step(one)
    return (resident() if given.device == "cpu" else torch.cuda.max_memory_allocated() / 2**20) - before


def resident() -> float:
    """The most memory that this process had, in MiB."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (2**20 if sys.platform == "darwin" else 2**10)


def table(
    given: argparse.Namespace,
    names: list[str],
    blocks: dict[str, list[tuple[float, float]]],
    first: dict[str, float],
    differences: dict[str, str],
    memory: dict[str, float],
) -> Table:
    made = Table("supernet", "s a step (quartiles)", "speed-up", "CPU s (quartiles)", "speed-up", "compiling, s",
                 "peak, MiB", "differ: logits, gradients")  # fmt: skip
    walls, cpus = ({name: [one[which] for one in of] for name, of in blocks.items()} for which in (0, 1))
    for name in names:
        if name == next(iter(OTHER)):
            made.add_section()
        compiling = f"{first[name] - statistics.median(walls[name]):.0f}" if name == "compiled" else ""
        away = differences.get(name, "another algorithm")
        made.add_row(name, *shown(walls, name), *shown(cpus, name), compiling, f"{memory[name]:.0f}", away)
    return made


def shown(seconds: dict[str, list[float]], name: str) -> tuple[str, str]:
    low, middle, high = statistics.quantiles(seconds[name], n=4, method="inclusive")
    reference = statistics.median(next(iter(seconds.values())))
    return f"{middle:.3f} ({low:.3f}-{high:.3f})", f"{reference / middle:.2f}"


def conditions(given: argparse.Namespace) -> str:
    device = torch.cuda.get_device_name() if given.device == "cuda" else platform.processor() or platform.machine()
    precise = f"TF32 {torch.backends.cuda.matmul.allow_tf32}, cudnn.benchmark {torch.backends.cudnn.benchmark}"
    return (
        f"{given.primitives}, {given.layers} cells, {given.channels} channels, batch of {given.batch}, {given.size}x"
        f"{given.size}, {given.dtype}, seed {given.seed}; {given.blocks} blocks of {given.steps} after "
        f"{given.warmup + 1} steps; torch {torch.__version__}, Python {platform.python_version()}; {device}, "
        f"{given.threads} of {os.cpu_count()} threads, load {os.getloadavg()[0]:.1f}; {precise}\n"
        f"python {shlex.join(sys.argv)}"
    )


if __name__ == "__main__":
    main()
