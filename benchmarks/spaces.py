"""The space language: one space of 30 decisions, written for Paretree, PyGlove and ConfigSpace.

    python benchmarks/spaces.py --repeats 3

Ten blocks, each a convolution (kernel 3 or 5) or a separable one (kernel 3, 5 or 7) of one of four widths, so that 30
of 50 decisions are made. Each contender runs in a process of its own, in turn, each repeat with another seed. A row
counts configurations per second that are drawn one by one; read back from what they are encoded as (Paretree: a vector
of numbers, PyGlove: its DNA); and made from another by one mutation. Making the space is not counted. ConfigSpace also
draws many at once, which is how it is meant to be used; they are counted as vectors, before their values are looked up.

`cost` is `nn.cost` of a network of 8 convolutions with ReLU, without and with batch normalisation, for an input of
3 x 224 x 224; another network each time.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import version

BLOCKS = [f"block{number}" for number in range(10)]
WIDTHS = [16, 32, 64, 128]
KERNELS = {"conv": [3, 5], "separable": [3, 5, 7]}
DECISIONS = 3 * len(BLOCKS)

Rates = dict[str, float]


def per_second(make: Callable[[int], object], times: int) -> float:
    began = time.perf_counter()
    for number in range(times):
        make(number)
    return times / (time.perf_counter() - began)


def paretree(seed: int, effort: int) -> Rates:
    from paretree.spaces import Choice, Space

    def block() -> Choice:
        return Choice(**{op: {"kernel": Choice(*kernels), "width": Choice(*WIDTHS)} for op, kernels in KERNELS.items()})

    space = Space({name: block() for name in BLOCKS})
    draw, times = random.Random(seed), 1000 * effort
    known = [space.sample(draw) for _ in range(times)]
    assert {len(one.values) for one in known} == {DECISIONS}
    assert all(space.decode(space.encode(one)) == one for one in known[:100])
    return {
        "sample": per_second(lambda _: space.sample(draw), times),
        "decode(encode)": per_second(lambda number: space.decode(space.encode(known[number])), times),
        "mutate": per_second(lambda number: space.mutate(known[number], draw), times),
    }


def pyglove(seed: int, effort: int) -> Rates:
    import pyglove as pg

    def block() -> object:
        return pg.oneof(
            [pg.Dict(op=op, kernel=pg.oneof(kernels), width=pg.oneof(WIDTHS)) for op, kernels in KERNELS.items()]
        )

    template = pg.template(pg.Dict({name: block() for name in BLOCKS}))
    spec, mutation = template.dna_spec(), pg.evolution.mutators.Uniform(seed=seed)
    draw, times = random.Random(seed), 5 * effort
    known = [pg.random_dna(spec, draw) for _ in range(times)]
    values = [template.decode(one) for one in known]
    assert {len(one.to_numbers()) for one in known} == {DECISIONS}
    return {
        "sample": per_second(lambda _: pg.random_dna(spec, draw), times),
        "decode(encode)": per_second(lambda number: template.decode(template.encode(values[number])), times),
        "mutate": per_second(lambda number: mutation.mutate(known[number]), times),
    }


def configspace(seed: int, effort: int) -> Rates:
    from ConfigSpace import CategoricalHyperparameter as Categorical
    from ConfigSpace import ConfigurationSpace, EqualsCondition

    space = ConfigurationSpace(seed=seed)
    for name in BLOCKS:
        op = Categorical(f"{name}.op", list(KERNELS))
        space.add(op)
        for label, kernels in KERNELS.items():
            own = [Categorical(f"{name}.{label}.kernel", kernels), Categorical(f"{name}.{label}.width", WIDTHS)]
            space.add(*own)
            space.add(*(EqualsCondition(one, op, label) for one in own))
    times = 200 * effort
    assert len(dict(space.sample_configuration())) == DECISIONS
    one_by_one = per_second(lambda _: space.sample_configuration(), times)
    at_once = per_second(lambda _: space.sample_configuration(10 * times), 1) * 10 * times
    return {"sample": one_by_one, "sample, many at once": at_once}


def cost(seed: int, effort: int) -> Rates:
    from paretree.spaces import Build, Choice, Repeat, Space, nn

    def rate(*after: Build) -> float:
        block = nn.Seq(nn.Conv2d(Choice(*WIDTHS), Choice(3, 5)), *after)
        space = Space(model=nn.Seq(Repeat(block, 8), nn.GlobalAvgPool2d(), nn.Linear(10)))
        draw, times = random.Random(seed), 10 * effort
        nn.cost(space.sample(draw), (3, 224, 224))  # imports torch
        known = [space.sample(draw) for _ in range(times)]
        return per_second(lambda number: nn.cost(known[number], (3, 224, 224)), times)

    return {
        "cost, 8 convolutions": rate(nn.ReLU()),
        "cost, with batch norms": rate(nn.BatchNorm2d(), nn.ReLU()),
    }


CONTENDERS: dict[str, Callable[[int, int], Rates]] = {
    "Paretree": paretree,
    "PyGlove": pyglove,
    "ConfigSpace": configspace,
    "Paretree, nn": cost,
}
OURS = "Paretree"


def measure(name: str, seed: int, effort: int) -> Rates:
    """Rates of one run in a fresh process."""
    one = json.dumps([name, seed, effort])
    done = subprocess.run([sys.executable, __file__, "--one", one], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{name} failed:\n{done.stdout}\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def run_one(text: str) -> None:
    name, seed, effort = json.loads(text)
    print(json.dumps(CONTENDERS[name](seed, effort)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--effort", type=int, default=4, help="how many configurations each measurement takes")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        run_one(options.one)
        return
    packages = ", ".join(f"{name} {version(name)}" for name in ("paretree", "pyglove", "configspace", "torch", "numpy"))
    print(f"python {' '.join(sys.argv)}  # {packages}")
    print(f"{DECISIONS} decisions, medians of {options.repeats} runs (seeds 0-{options.repeats - 1})")
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start\n")
    print(f"{'operation':24} {'contender':14} {'per second':>11} {'(range)':>19} {'ms each':>10} {'ours is':>9}")
    runs: dict[tuple[str, str], list[float]] = {}
    for seed in range(options.repeats):
        for name in CONTENDERS:
            for operation, rate in measure(name, seed, options.effort).items():
                runs.setdefault((operation, name), []).append(rate)
    for (operation, name), rates in sorted(runs.items(), key=lambda item: item[0][0]):
        middle = statistics.median(rates)
        ours = runs.get((operation.split(",")[0], OURS))
        ratio = "" if name == OURS or not ours else f"{statistics.median(ours) / middle:.1f}x"
        spread = f"{min(rates):,.0f}-{max(rates):,.0f}"
        print(f"{operation:24} {name:14} {middle:11,.1f} {spread:>19} {1e3 / middle:10.3f} {ratio:>9}")


if __name__ == "__main__":
    main()
