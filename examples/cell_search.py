"""Which cell tells clothes apart best? Searches on a supernet, and then the cells that they found, in one sweep.

Run it: `python examples/cell_search.py` (needs the extras torch and plot; a quarter of an hour on two cores, a minute
with `--quick`). A search is a trial like any other: its curves are in the dashboard, and when it is killed it goes on
from its checkpoint. The sweep then trains the cell that the search ended in, cells drawn by its architecture weights,
and random ones beside them. What was best of each is trained anew with other seeds, and tested on images that nobody
chose by. What has run is kept in cells.db: the same command goes on.

The images: Fashion-MNIST (MIT licence), as its four files in `--data`, which is where Debian's package
`dataset-fashion-mnist` has them. `--gpu` searches on CIFAR-10 as sharpDARTS does, from the five `data_batch_*.bin` and
`test_batch.bin` of its binary version, or `cifar10_jpeg.npz`, in `--data`.
"""

import argparse
import gzip
import io
import os
import statistics
from functools import cache, partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import torch

import paretree as pt
from paretree.search.oneshot import OneShot, oneshot_trial, searching
from paretree.spaces.cells import SHARP, CellSpace, MacroSkeleton, Supernet, draw_genotype
from paretree.spaces.cells.images import Images
from paretree.spaces.cells.training import CellTraining, accuracy_of, cell_trial, train_cell

DEBIAN = "/usr/share/datasets/fashion-mnist"

QUICK = {
    "data": "fashion",
    "images": 600,
    "cells": CellSpace(SHARP, nodes=2),
    "supernet": MacroSkeleton(3, 4),
    "network": MacroSkeleton(3, 4),
    "search": {"epochs": 2, "batch_size": 32, "crop": 2},
    "training": {"epochs": 1, "batch_size": 32, "lr": 0.05, "crop": 2, "cutout": 8},
    "trials": 4,
    "draws": 1,
    "seeds": (1,),
}
CPU = {
    "data": "fashion",
    "images": 2000,
    "cells": CellSpace(SHARP),
    "supernet": MacroSkeleton(3, 4),
    "network": MacroSkeleton(4, 8),
    "search": {"epochs": 6, "lr": 0.1, "alpha_lr": 0.02, "batch_size": 32, "crop": 2},  # few steps, so large ones
    "training": {"epochs": 5, "batch_size": 32, "lr": 0.05, "power": 2.0, "crop": 2, "cutout": 8, "drop_path": 0.0},
    "trials": 8,
    "draws": 2,
    "seeds": (1, 2),
}
GPU = {
    "data": "cifar10",
    "images": None,
    "cells": CellSpace(SHARP),
    "supernet": MacroSkeleton(8, 16),
    "network": MacroSkeleton(20, 36, auxiliary=True),
    "search": {"epochs": 50},
    "training": {"epochs": 200, "lr_min": 1e-8, "power": 2.0, "warmup": 5},
    "trials": 17,
    "draws": 7,
    "seeds": (1, 2, 3),
}


def idx(file):
    """Numbers of a file as the MNIST family has them: what is before them says their shape."""
    content = gzip.decompress(file.read_bytes())
    axes = content[3]
    shape = np.frombuffer(content, ">i4", axes, offset=4)
    return torch.from_numpy(np.frombuffer(content, np.uint8, offset=4 + 4 * axes).reshape(shape).copy())


def fashion(folder):
    """Pixels (images, 1, 28, 28) and labels, of training and of test images."""
    parts = []
    for name in ("train", "t10k"):
        files = [folder / f"{name}-{kind}-ubyte.gz" for kind in ("images-idx3", "labels-idx1")]
        if not all(file.is_file() for file in files):
            raise SystemExit(
                f"There is no {files[0]}; install the Debian package dataset-fashion-mnist, or say --data."
            )
        parts.append((idx(files[0]).unsqueeze(1), idx(files[1]).long()))
    return parts


def cifar10(folder):
    """Pixels (images, 3, 32, 32) and labels, of training and of test images."""
    if (folder / "cifar10_jpeg.npz").is_file():
        return from_jpeg(np.load(folder / "cifar10_jpeg.npz"))
    names = [*(f"data_batch_{number}.bin" for number in range(1, 6)), "test_batch.bin"]
    if not all((folder / name).is_file() for name in names):
        raise SystemExit(f"There is no {folder / names[0]}; unpack CIFAR-10's binary version there, or say --data.")
    rows = [np.fromfile(folder / name, np.uint8).reshape(-1, 1 + 3 * 32 * 32) for name in names]
    parts = (torch.from_numpy(one) for one in (np.concatenate(rows[:5]), rows[5]))
    return [(one[:, 1:].reshape(-1, 3, 32, 32), one[:, 0].long()) for one in parts]


def from_jpeg(table):
    """The same from an archive of compressed images."""
    from PIL import Image

    ends = table["offsets"]
    content = table["data"].tobytes()
    decoded = (Image.open(io.BytesIO(content[first:last])) for first, last in pairwise(ends))
    pixels = torch.from_numpy(np.stack([np.asarray(one) for one in decoded])).permute(0, 3, 1, 2)
    labels, is_test = torch.from_numpy(table["labels"]).long(), torch.from_numpy(table["is_test"]).bool()
    return [(pixels[rows], labels[rows]) for rows in (~is_test, is_test)]


@cache
def images_of(name, count):
    """Images to train with, to choose by, and to test with."""
    folder = Path(os.environ.get("PARETREE_DATA", DEBIAN))
    (pixels, labels), tested = {"fashion": fashion, "cifar10": cifar10}[name](folder)
    whole = Images.of(pixels, labels)
    some = whole if count is None else whole.split(count / len(whole))[0]
    train, validation = some.split(0.8)
    return train, validation, Images.of(*tested, like=train)


def to_learn_from(name, count):
    return images_of(name, count)[:2]


def supernet(portion, cells, skeleton):
    return Supernet(cells, skeleton, portion=portion)


def sweep_of(preset):
    cells = preset["cells"]
    data = partial(to_learn_from, preset["data"], preset["images"])
    return pt.Sweep(
        f"{preset['data']}-{preset['trials']}",
        searching(cells.space(preset["network"]), preset["search"]),
        oneshot_trial(
            partial(supernet, cells=cells, skeleton=preset["supernet"]), data, cell_trial(data, **preset["training"])
        ),
        objectives={"accuracy": "maximize", "params": "minimize"},
        sampler=OneShot(cells, draws=preset["draws"]),
        store="cells.db",
        seed=0,
    )


def tested(preset, configuration):
    """Test accuracies of a cell that is trained anew, by seed, on all images that the sweep learned from."""
    train, validation, test = images_of(preset["data"], preset["images"])
    whole = train.joined(validation)
    settings, device = CellTraining(**preset["training"]), "cuda" if preset is GPU else "cpu"
    accuracies = []
    for seed in preset["seeds"]:
        torch.manual_seed(seed)
        network = configuration.model.build(train.shape)
        train_cell(network, whole, validation, settings, seed, device)
        accuracies.append(accuracy_of(network, test.to(device), device))
    return accuracies


def check(preset, sweep):
    """What each sampler found, on images that nobody chose by."""
    trials = sweep.trials()
    cells = trials[trials["model"] == "cells"].sort_values("accuracy", ascending=False)
    rows = []
    for sampler, own in cells.groupby("sampler", sort=False):
        best = own.iloc[0]
        accuracies = tested(preset, sweep.configuration(int(best["number"])))
        error = statistics.stdev(accuracies) / len(accuracies) ** 0.5 if len(accuracies) > 1 else float("nan")
        rows.append(
            {
                "proposed by": sampler,
                "trials": len(own),
                "mean validation": own["accuracy"].mean(),
                "best validation": best["accuracy"],
                "its test": statistics.mean(accuracies),
                "error": error,
                "params": int(best["params"]),
            }
        )
    return pd.DataFrame(rows)


def options():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    preset = parser.add_mutually_exclusive_group()
    preset.add_argument("--quick", dest="preset", action="store_const", const=QUICK, help="few images, small cells")
    preset.add_argument("--gpu", dest="preset", action="store_const", const=GPU, help="CIFAR-10, as in the paper")
    parser.add_argument("--data", help=f"folder of the images (else PARETREE_DATA, else {DEBIAN})")
    given = parser.parse_args()
    if given.data:
        os.environ["PARETREE_DATA"] = given.data
    return given.preset or CPU


def main():
    preset = options()
    sweep = sweep_of(preset)
    sweep.run(trials=preset["trials"], workers=pt.RayWorkers(gpus=1) if preset is GPU else pt.InlineWorkers())
    found = sweep.trials().query("sampler == 'oneshot' and model == 'cells'")["number"].iloc[0]
    genotype = preset["cells"].genotype_of(sweep.configuration(int(found)), "model=cells")
    print("The search ended in", genotype)
    Path("cell.svg").write_text(draw_genotype(genotype))
    sweep.plot().savefig("cells.png", dpi=130)
    print("Drawn as cell.svg; the trials and their front: cells.png\n")
    print(check(preset, sweep).to_string(index=False, float_format="{:.4f}".format))


sweep = sweep_of(QUICK)  # for `paretree run examples/cell_search.py`

if __name__ == "__main__":
    main()
