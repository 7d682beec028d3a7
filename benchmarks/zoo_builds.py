"""Whether every draw of a space builds: many draws of each torch space of the zoo, built on the meta device.

    python benchmarks/zoo_builds.py --draws 10000

Draws alternate between the measures "branch" and "leaf", seeds 0 to draws - 1. A draw that cannot be built is printed.
"""

from __future__ import annotations

import argparse
import time
from functools import partial

import torch

from paretree.spaces import nn, zoo

MODELS = {
    "mlp": (zoo.mlp, (64,), "float32"),
    "transformer": (zoo.transformer, (64,), "int64"),
    "nasbench201, 1 cell a stage": (partial(zoo.nasbench201, cells=1), (3, 32, 32), "float32"),
    "nasbench101": (zoo.nasbench101, (3, 32, 32), "float32"),
    "deepconv": (zoo.deepconv, (3, 32, 32), "float32"),
}


def failures(name: str, draws: int) -> list[int]:
    """The seeds whose configuration does not build."""
    make, shape, dtype = MODELS[name]
    space, failed = make(), []
    for seed in range(draws):
        configuration = space.sample(seed, "leaf" if seed % 2 else "branch")
        try:
            nn.cost(configuration, shape, dtype)
        except Exception as error:
            failed.append(seed)
            print(f"{name}, seed {seed}: {error}")
    return failed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=10_000)
    parser.add_argument("--only", choices=MODELS, help="one of the spaces")
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(f"torch {torch.__version__}, {options.draws} draws of each\n")
    print(f"{'space':28} {'draws':>6} {'failed':>7} {'seconds':>8}")
    for name in [options.only] if options.only else MODELS:
        began = time.perf_counter()
        failed = failures(name, options.draws)
        print(f"{name:28} {options.draws:6} {len(failed):7} {time.perf_counter() - began:8.0f}", flush=True)


if __name__ == "__main__":
    main()
