"""Which sampler would find good settings sooner? A table of measurements and a simulated cluster tell in seconds.

Run it: `python examples/simulated.py` (needs the extra examples). Support vector machines on digits are measured once,
one for each setting of a grid. Then each sampler searches the table on four simulated workers, where a trial takes ten
minutes and a worker is lost now and then. The clock jumps, so nobody waits.
"""

from functools import cache
from tempfile import TemporaryDirectory

from sklearn.datasets import load_digits
from sklearn.svm import SVC

import paretree as pt
from paretree.workers import Faults, SimulatedWorkers

PENALTIES = [10 ** (power / 3) for power in range(-6, 10)]
GAMMAS = [10 ** (power / 3) for power in range(-18, 0)]

space = pt.Space(
    penalty=pt.Choice(*PENALTIES, ordered=True),
    gamma=pt.Choice(*GAMMAS, ordered=True),
    kernel=pt.Choice("rbf", "poly", "sigmoid"),
)


@cache
def measured(penalty, gamma, kernel):
    """One line of the table: accuracy on digits that were not learned from, and how many vectors have to be kept."""
    images, labels = load_digits(return_X_y=True)
    model = SVC(C=penalty, gamma=gamma, kernel=kernel).fit(images[:500], labels[:500])
    return {"accuracy": model.score(images[500:1000], labels[500:1000]), "vectors": model.n_support_.sum()}


def train(trial):
    return measured(trial.config.penalty, trial.config.gamma, trial.config.kernel)


def sweep_with(sampler, store):
    goals = {"accuracy": "maximize", "vectors": "minimize"}
    return pt.Sweep("vectors", space, train, goals, sampler=sampler, store=store, seed=0)


def simulate(sampler, folder):
    """Let a sampler search for some simulated hours; print what it found."""
    sweep = sweep_with(sampler, f"sqlite:///{folder}/{sampler}.db")
    workers = SimulatedWorkers(count=4, duration=600, faults=Faults(losses=0.2), seed=0)
    began = workers.clock()
    sweep.run(trials=48, workers=workers, progress=False)
    hours = (workers.clock() - began) / 3600
    volume = sweep.hypervolume({"accuracy": 0.0, "vectors": 500})
    print(f"{sampler:10s} {hours:.1f} h, accuracy {sweep.best('accuracy')['accuracy']:.3f}, hypervolume {volume:.0f}")


sweep = sweep_with("evolution", "sqlite:///paretree.db")

if __name__ == "__main__":
    with TemporaryDirectory() as folder:
        for sampler in ("random", "qmc", "evolution", "smbo"):
            simulate(sampler, folder)
