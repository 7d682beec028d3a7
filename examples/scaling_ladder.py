"""How should a larger language model be trained? Small ones tell: a scaling law of one's own, and a check of it.

Run it: `python examples/scaling_ladder.py` (needs the extras torch, ray, bayes and plot; under ten minutes on two
cores, a minute with `--quick`; `--gpu` goes further). Transformers of a few thousand parameters learn to write
Python from the library that comes with Python. Learning rate and batch size are searched at several sizes N and
numbers of tokens D; one law is fitted to all trials; what it predicts for a larger model is tried there, beside what
people do without a law. What has run is kept in ladder.db: after an interruption the same command goes on.
"""

import argparse
import math
import sysconfig
from functools import cache
from pathlib import Path

import torch
from torch import nn
from torch.nn.functional import cross_entropy, scaled_dot_product_attention, silu

import paretree as pt

SEQUENCE = 64  # tokens, which are bytes
BYTES = 256
LAYERS = 2
HEAD = 16  # wide, each
VALIDATION = 512  # sequences

FULL = {
    "rungs": [
        *({"width": 16, "D": tokens} for tokens in (131_072, 524_288)),
        *({"width": 32, "D": tokens} for tokens in (131_072, 262_144, 524_288)),
        *({"width": 48, "D": tokens} for tokens in (262_144, 524_288)),
    ],
    "trials": 12,
    "target": {"width": 64, "D": 1_048_576},
}
QUICK = {
    "rungs": [{"width": width, "D": tokens} for width in (16, 32) for tokens in (65_536, 131_072)],
    "trials": 6,
    "target": {"width": 48, "D": 131_072},
}
GPU = {
    "rungs": [{"width": width, "D": tokens} for width in (128, 192, 256) for tokens in (1_048_576, 4_194_304)],
    "trials": 16,
    "target": {"width": 512, "D": 8_388_608},
}


def ffn_of(width):
    """The inner width of the gated part, so that it has as many parameters as an ungated one of four times `width`."""
    return 8 * width // 3


def parameters(width):
    """N as scaling laws count it: embeddings do not."""
    return pt.laws.ModelSize.from_config(hidden=width, ffn=ffn_of(width), layers=LAYERS).non_embedding


class Block(nn.Module):
    """Causal attention, then a gated layer, each added to what comes in."""

    def __init__(self, width):
        super().__init__()
        self.norms = nn.ModuleList([nn.LayerNorm(width), nn.LayerNorm(width)])
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.gate, self.up = (nn.Linear(width, ffn_of(width), bias=False) for _ in range(2))
        self.down = nn.Linear(ffn_of(width), width, bias=False)

    def forward(self, x):
        batch, length, width = x.shape
        heads = self.qkv(self.norms[0](x)).view(batch, length, 3, width // HEAD, HEAD)
        query, key, value = heads.permute(2, 0, 3, 1, 4)
        attended = scaled_dot_product_attention(query, key, value, is_causal=True)
        x = x + self.out(attended.transpose(1, 2).reshape(x.shape))
        y = self.norms[1](x)
        return x + self.down(silu(self.gate(y)) * self.up(y))


class LanguageModel(nn.Module):
    """Logits of each next byte: (batch, length) to (batch, length, 256)."""

    def __init__(self, width):
        super().__init__()
        self.bytes = nn.Embedding(BYTES, width)
        self.places = nn.Embedding(SEQUENCE, width)
        self.blocks = nn.Sequential(*(Block(width) for _ in range(LAYERS)))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, BYTES, bias=False)

    def forward(self, text):
        return self.head(self.norm(self.blocks(self.bytes(text) + self.places.weight)))


@cache
def library():
    """The sources of Python's library in sequences, shuffled: those to learn from, and those to validate with.

    Each has a byte more than `SEQUENCE`: what is read, and what comes next, are one byte apart.
    """
    files = sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))
    text = torch.frombuffer(bytearray(b"\n".join(file.read_bytes() for file in files)), dtype=torch.uint8).long()
    rows = text[: len(text) // (SEQUENCE + 1) * (SEQUENCE + 1)].view(-1, SEQUENCE + 1)
    rows = rows[torch.randperm(len(rows), generator=torch.Generator().manual_seed(0))]
    return rows[VALIDATION:], rows[:VALIDATION]


def loss_of(model, rows):
    return cross_entropy(model(rows[:, :-1]).flatten(0, 1), rows[:, 1:].flatten())


def space(law, width, D):
    """What is searched at one size; `law`, where there is one, says what to expect."""
    N = parameters(width)
    return pt.Space(
        width=width,
        N=N,
        D=D,
        lr=pt.Float(2e-3, 1e-1, log=True, prior=law and law.learning_rate(N, D)),
        batch_size=pt.Int(2, 32, log=True, prior=law and law.batch_size(N, D, seq_len=SEQUENCE)),
    )


def train(trial):
    torch.set_num_threads(1)  # one trial on each core is faster than one trial on all of them
    torch.manual_seed(trial.seed)
    config, (rows, validation) = trial.config, library()
    model = LanguageModel(config.width).to(trial.device)
    optimizer = torch.optim.AdamW(model.parameters(), config.lr, betas=(0.9, 0.95), weight_decay=0.1, fused=True)
    steps = config.D // (SEQUENCE * config.batch_size)
    cosine = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: warmed_cosine(step / steps))
    order = torch.randperm(len(rows)).repeat(math.ceil(steps * config.batch_size / len(rows)))
    for step in range(steps):
        batch = rows[order[step * config.batch_size :][: config.batch_size]].to(trial.device)
        optimizer.zero_grad()
        loss_of(model, batch).backward()
        optimizer.step()
        cosine.step()
    with torch.no_grad():
        losses = [loss_of(model, part.to(trial.device)) for part in validation.split(64)]
    return {"loss": torch.stack(losses).mean()}


def warmed_cosine(done):
    """The share of the learning rate when a share of the steps is done: up for a tenth of them, then down to 5 %."""
    return min(10 * done + 0.01, 1) * (0.05 + 0.95 * (1 + math.cos(math.pi * done)) / 2)


def ladder_of(preset):
    goal = {"loss": "minimize"}
    return pt.Ladder("lm", space, train, preset["rungs"], goal, seq_len=SEQUENCE, store="ladder.db", seed=0)


def point(learning_rate, batch_tokens):
    """Decisions of the space, for a batch size in tokens."""
    sequences = min(max(round(batch_tokens / SEQUENCE), 2), 32)
    return {"lr": min(max(learning_rate, 2e-3), 1e-1), "batch_size": sequences}


def rivals(law, trials, N, D):
    """What else to try at the larger size: what people do without a law of their own, and the law's neighbours."""
    best = trials.loc[trials["loss"].idxmin()]
    step_law, own = pt.laws.StepLaw().predict(N, D), law.predict(N, D)
    found = {
        "best small trial, copied": point(best["learning_rate"], best["batch_size"]),
        "Step Law, as published": point(step_law.learning_rate, step_law.batch_size),
        "law, lr / 2": point(own.learning_rate / 2, own.batch_size),
        "law, lr x 2": point(own.learning_rate * 2, own.batch_size),
        "law, batch / 2": point(own.learning_rate, own.batch_size / 2),
        "law, batch x 2": point(own.learning_rate, own.batch_size * 2),
    }
    predicted = point(own.learning_rate, own.batch_size)
    return {name: decisions for name, decisions in found.items() if decisions != predicted}


def check(ladder, law, target, workers):
    """Train at the larger size with the law's prediction, and with its rivals; a row for each."""
    sweep = ladder.step(target, law)
    others = rivals(law, ladder.trials(), parameters(target["width"]), target["D"])
    sweep.run(trials=1, workers=workers)  # the space has the law's priors: trial 0 is what it predicts
    if sweep.size() == 1:
        for decisions in others.values():
            sweep.enqueue(decisions)
    sweep.run(trials=1 + len(others), workers=workers)
    table = sweep.trials()[["lr", "batch_size", "loss"]]
    table.insert(0, "tried", ["the law's prediction", *others])
    return table.assign(above_best=100 * (table["loss"] / table["loss"].min() - 1)).sort_values("loss")


def plot(ladder, law, file):
    """Loss against learning rate at each rung, and the best learning rate that the law has there."""
    from matplotlib.figure import Figure

    groups = ladder.trials().groupby(["N", "D"])
    figure = Figure(figsize=(2.6 * len(groups), 3), layout="constrained")
    for axes, ((N, D), rows) in zip(figure.subplots(1, len(groups)), groups, strict=True):
        best, sequences = rows["loss"].min(), rows["batch_size"] / SEQUENCE
        dots = axes.scatter(rows["learning_rate"], rows["loss"], c=sequences.map(math.log2), vmin=1, vmax=5)
        axes.axvline(law.predict(N, D).learning_rate, color="black", linestyle=":")
        axes.set(title=f"N {N:,.0f}\nD {D:,.0f}", xlabel="learning rate", ylim=(0.98 * best, 1.2 * best))
        axes.set(xscale="log", xlim=(1.6e-3, 1.2e-1))
        axes.set_xticks([0.003, 0.01, 0.03, 0.1], [0.003, 0.01, 0.03, 0.1])
        axes.minorticks_off()
    figure.colorbar(dots, ticks=[1, 3, 5], format=lambda power, _: f"{2**power:.0f}", label="sequences in a batch")
    figure.savefig(file)
    print(f"\nThe trials of all rungs, and the law's learning rate there (dotted): {file}")


def workers_for(preset):
    if preset is QUICK:
        return pt.InlineWorkers()  # its trials are shorter than the start of Ray's workers
    return pt.RayWorkers(gpus=0.25 if preset is GPU else 0)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", dest="preset", action="store_const", const=QUICK, help="tiny models only")
    size.add_argument(
        "--gpu", dest="preset", action="store_const", const=GPU, help="larger models, four at a time on each GPU"
    )
    preset = parser.parse_args().preset or FULL
    workers = workers_for(preset)
    ladder = ladder_of(preset)
    ladder.run(preset["trials"], workers)
    law = ladder.fit()
    print(law)
    N, D = parameters(preset["target"]["width"]), preset["target"]["D"]
    print(f"\nOne step up, N = {N:,} and D = {D:,}:\n{law.predict(N, D, seq_len=SEQUENCE)}\n")
    print(check(ladder, law, preset["target"], workers).to_string(index=False, float_format="{:.4g}".format))
    plot(ladder, law, "ladder.png")


sweep = ladder_of(FULL).sweeps[0]  # one rung, for `paretree run examples/scaling_ladder.py`

if __name__ == "__main__":
    main()
