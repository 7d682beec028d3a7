"""Scaling laws of learning rate and batch size, against real trainings.

    python benchmarks/steplaw.py --data DIR published --plot laws.png
    python benchmarks/steplaw.py --data DIR own
    python benchmarks/steplaw.py --data DIR replay --seeds 0-9
    python benchmarks/steplaw.py --data DIR all

`published`: how far the point of each published law is above the best loss, by group of trainings; the learning rate
where the batch size is fixed; the coefficients that simple fits find. `own`: laws fitted to some groups, extrapolated
to others. `replay`: searches with and without a law as prior, replayed on the table. `loss`: the loss by N and D,
extrapolated. What comes after the name of a part is handed to it; `own --help` and so on say more.

The table, `steplaw_dense.csv.gz`, is the work of others and does not come with this project; `--data` or PARETREE_DATA
says where it is.
"""

from __future__ import annotations

import argparse
import os
import platform
import shlex
import sys
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

from problems import MissingTableError

PARTS = ("published", "own", "replay", "loss")
PACKAGES = ("paretree", "numpy", "scipy", "pandas")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("PARETREE_DATA", "data")))
    parser.add_argument("part", choices=[*PARTS, "all"], nargs="?", default="published")
    parser.add_argument("rest", nargs=argparse.REMAINDER, help="arguments of the part")
    arguments = parser.parse_args()
    if arguments.rest and arguments.part == "all":
        parser.error(f"'all' takes no arguments of its own; say {arguments.rest[0]} to one of {', '.join(PARTS)}")
    print(f"python {platform.python_version()}, {', '.join(f'{name} {version(name)}' for name in PACKAGES)}")
    print(f"command: python {shlex.join(sys.argv)}\n", flush=True)
    for part in PARTS if arguments.part == "all" else [arguments.part]:
        try:
            import_module(f"laws.{part}").main(["--data", str(arguments.data), *arguments.rest])
        except MissingTableError as error:
            sys.exit(str(error))


if __name__ == "__main__":
    main()
