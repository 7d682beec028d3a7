"""What the best configurations of the recorded table are worth on sentences that nobody chose by.

    python benchmarks/autopeft_heldout.py --data DIR

Of the table of `benchmarks/autopeft.py` the configuration is taken that was most accurate in validation among those no
larger than LoRA of rank 8. It is trained anew for longer, beside that LoRA and a head alone, each with the learning
rate that is usual for it, and tested on 1,500 sentences that nobody chose by (the standard error of one accuracy is
about 0.01).
"""

from __future__ import annotations

import argparse
import csv
import os
import statistics
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

from autopeft import SENTENCES, SETTINGS, coarse_space, folder, recorded

from paretree.spaces.peft import Anatomy, Examples, LoRA, Task, fine_tune, size


def held_out(data: Path) -> Task:
    """The task of the table, with those sentences to test with that the table never saw."""
    import pandas as pd

    names = ["id", "rating", "text"]
    table = pd.read_csv(data / SENTENCES, sep="\t", names=names, quoting=csv.QUOTE_NONE)
    table = table[table["rating"].abs() >= 0.5].drop_duplicates("text")
    table["label"] = (table["rating"] > 0).astype(int)
    return Task.split(Examples.read(table), validation=1000 / len(table), test=1500 / len(table))


def contenders(table: Path) -> dict[str, tuple[object, dict[str, float]]]:
    """By name, what is trained, and its learning rates: those that were usual for its family before any of this."""
    from transformers import AutoConfig

    lora = LoRA(8, alpha=16)
    largest = size(lora, Anatomy.of_config(AutoConfig.from_pretrained(folder()))).percent
    known = recorded(table)
    small = [one for one in coarse_space().enumerate() if known[one.key]["percent"] <= largest]
    best = max(small, key=lambda one: known[one.key]["accuracy"])
    return {
        "head only": (None, {"head_lr": 2e-2}),
        "LoRA r=8": (lora, {"lr": 2e-3}),
        "found, no larger than that": (best, {"lr": 1e-3}),
    }


def main() -> None:
    here = Path(__file__).resolve().parent
    data = Path(os.environ.get("PARETREE_DATA", here.parent.parent / "shared" / "data"))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", type=Path, default=here / "autopeft_minilm.jsonl")
    parser.add_argument("--data", type=Path, default=data, help="folder of the sentences (else PARETREE_DATA)")
    parser.add_argument("--features", type=Path, default=Path("runs/features"), help="folder for hidden states")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    given = parser.parse_args()
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    import torch
    import transformers

    torch.set_num_threads(1)
    task = held_out(given.data)
    print(
        f"torch {torch.__version__}, transformers {transformers.__version__}, seeds 0 to {given.seeds - 1}", flush=True
    )
    for name, (methods, rates) in contenders(given.table).items():
        asked = {**SETTINGS, "steps": given.steps, "features": given.features, "device": given.device, **rates}
        learners = [fine_tune(folder(), task, methods, seed=seed, **asked) for seed in range(given.seeds)]
        scores = [learner.score("test") for learner in learners]
        error = statistics.stdev(scores) / len(scores) ** 0.5 if len(scores) > 1 else float("nan")
        shown = ", ".join(f"{score:.4f}" for score in scores)
        size_of = f"{learners[0].adapted.percent:.3f} % ({learners[0].adapted.trainable_parameters:,} parameters)"
        print(f"{name}, {size_of}: {statistics.mean(scores):.4f} ± {error:.4f}  ({shown})  {rates}", flush=True)


if __name__ == "__main__":
    main()
