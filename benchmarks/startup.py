"""How long until something happens: importing the package, and asking the command line for help.

    python benchmarks/startup.py --repeats 9

Each is a process of its own, in turn; seconds beyond a Python that does nothing. The peers are imported alike.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

CASES = {
    "python (nothing)": [sys.executable, "-c", "pass"],
    "import paretree": [sys.executable, "-c", "import paretree"],
    "import paretree; paretree.Sweep": [sys.executable, "-c", "import paretree; paretree.Sweep"],
    "import optuna": [sys.executable, "-c", "import optuna"],
    "import ray.tune": [sys.executable, "-c", "import ray.tune"],
    "paretree --help": [str(Path(sys.executable).with_name("paretree")), "--help"],
    "optuna --help": [str(Path(sys.executable).with_name("optuna")), "--help"],
}


def seconds(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, cwd=Path.home())
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=9)
    repeats = parser.parse_args().repeats
    runs = {name: [] for name in CASES}
    for _ in range(repeats + 1):
        for name, command in CASES.items():
            runs[name].append(seconds(command))
    packages = ", ".join(f"{name} {version(name)}" for name in ("paretree", "optuna", "ray"))
    print(f"medians of {repeats} runs after a first one; {packages}; Python {platform.python_version()}")
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n")
    nothing = statistics.median(runs["python (nothing)"][1:])
    print(f"{'':34} {'seconds':>8} {'beyond Python':>14}")
    for name, times in runs.items():
        middle = statistics.median(times[1:])
        print(f"{name:34} {middle:8.3f} {middle - nothing:14.3f}")


if __name__ == "__main__":
    main()
