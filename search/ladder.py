"""A ladder: one training tuned at several small sizes, the law fitted to all of it, and the step up it predicts."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

from ..spaces import Space
from .errors import SweepError
from .law_trials import law_trials
from .seeds import derive
from .store import Store
from .sweep import DEFAULT_STORE, Sweep, default_workers

if TYPE_CHECKING:
    import pandas as pd

    from ..spaces.laws import FittedLaw, ScalingLaw
    from ..workers import Trial
    from ..workers.protocol import Workers

Rung = Mapping[str, Any]
"""The settings of one size, as `{"width": 64, "D": 1_000_000}`; a function of the ladder takes them as keywords."""

FEWEST_RUNGS = 3
"""A law has an intercept and the exponents of N and D."""


class Ladder:
    """One sweep for each of several sizes of a model and of its training, and the scaling law that follows from them.

    A rung's sweep is called `NAME/SETTINGS`, as in `lm/width=64,D=1M`. It is a sweep as any other: it is remembered in
    the store, it is continued where it was interrupted, and the dashboard shows it.

        ladder = pt.Ladder("lm", space, train, rungs, {"loss": "minimize"}, seq_len=64)
        ladder.run(trials=12)
        print(law := ladder.fit())
        ladder.step({"width": 128, "D": 5_000_000}, law).run(trials=4)

    Args:
        name: what the names of all its sweeps begin with.
        space: makes the space of a rung: it is called as `space(law, **rung)`, where `law` is None, or the law whose
            priors the space shall have. The space names N and D, which are constants in most cases, and what is
            searched: `pt.Space(N=..., D=..., lr=..., batch_size=...)`.
        train: takes a `Trial`, as that of a `Sweep`.
        rungs: the settings of each size: three or more, with two or more N and two or more D.
        objectives: by name, each "minimize" or "maximize".
        N: the part of the space that holds the parameters of the model, counted as the law shall count them.
        D: the part that holds the tokens that it is trained with.
        learning_rate: the part that holds the learning rate; None where it is not searched.
        batch_size: the same for the batch size: in tokens, or in sequences where `seq_len` is given.
        loss: the objective that the law is about; may be left out where there is only one.
        seq_len: tokens of a sequence.
        store: as that of a `Sweep`.
        seed: where all randomness starts; each rung's own follows from it.
        **options: what else each `Sweep` is given, such as `sampler="random"`.

    Raises:
        SweepError: there are too few rungs, two have one name, all have the same N or D, or a space lacks a part.
    """

    def __init__(
        self,
        name: str,
        space: Callable[..., Space],
        train: Callable[[Trial], object],
        rungs: Sequence[Rung],
        objectives: Mapping[str, str],
        *,
        N: str = "N",
        D: str = "D",
        learning_rate: str | None = "lr",
        batch_size: str | None = "batch_size",
        loss: str | None = None,
        seq_len: int | None = None,
        store: str = DEFAULT_STORE,
        seed: int | None = None,
        **options: Any,
    ) -> None:
        self.name, self.space, self.train, self.objectives = name, space, train, objectives
        self.N, self.D, self.learning_rate, self.batch_size = N, D, learning_rate, batch_size
        self.loss, self.seq_len, self.store_url, self.seed = loss, seq_len, store, seed
        self.options = options
        self.rungs = tuple(rungs)
        self._refuse_alike()
        self.sweeps = tuple(self._sweep(rung, space(None, **rung)) for rung in self.rungs)
        self._refuse_one_size()

    def run(self, trials: int = 16, workers: Workers | None = None, **limits: Any) -> None:
        """Run the rungs one after another, each until it has its trials; what an earlier run did is not done again.

        Args:
            trials: how many trials each rung shall have in all, those of earlier runs included.
            workers: where trials run; Ray on this machine if it is installed, else this process.
            **limits: what else `Sweep.run` takes: `timeout`, `retries`, `progress` and so on.

        Raises:
            SweepError, StoreError, WorkersError: as `Sweep.run`.
        """
        workers = workers if workers is not None else default_workers()
        for sweep in self.sweeps:
            sweep.run(trials, workers=workers, **limits)

    def trials(self) -> pd.DataFrame:
        """The finished trials of all rungs: sweep, number, N, D, learning_rate, batch_size (in tokens) and loss.

        Raises:
            StoreError: a rung was never run.
            SweepError: a part of the space is no positive number, or it is not clear which objective is the loss.
        """
        return law_trials(
            self.store_url,
            [sweep.name for sweep in self.sweeps],
            N=self.N,
            D=self.D,
            learning_rate=self.learning_rate,
            batch_size=self.batch_size,
            loss=self.loss,
            seq_len=self.seq_len,
        )

    def fit(self, **options: Any) -> FittedLaw:
        """The law that the trials of all rungs follow.

        Args:
            **options: what else `paretree.spaces.laws.fit_law` takes, such as `prior=pt.laws.StepLaw()`.

        Raises:
            StoreError, SweepError: as `trials`.
            LawError: no law follows from the trials.
        """
        from ..spaces.laws import fit_law

        return fit_law(self.trials(), **options)

    def step(self, rung: Rung, law: ScalingLaw | None = None) -> Sweep:
        """The sweep of another size, whose space has the priors of a law, so that the law's prediction is tried first.

        A step that is in the store already keeps the space and the priors that it was begun with.

        Args:
            rung: the settings of that size, which is larger than those of the ladder in most cases.
            law: what is believed; the law fitted to the rungs, if nobody says.

        Raises:
            SweepError: the ladder has a rung of this name, or the space lacks a part.
            StoreError, LawError: as `fit`.
        """
        name = self.name_of(rung)
        if name in {sweep.name for sweep in self.sweeps}:
            raise SweepError(f"{name!r} is a rung of the ladder; step to a size that is not one.")
        return self._sweep(rung, self._begun(name) or self.space(law if law is not None else self.fit(), **rung))

    def name_of(self, rung: Rung) -> str:
        """The name of the sweep of a rung: its settings, numbers in three digits."""
        return f"{self.name}/{','.join(f'{key}={_short(value)}' for key, value in rung.items())}"

    def _sweep(self, rung: Rung, space: Space) -> Sweep:
        name = self.name_of(rung)
        self._refuse_nameless(name, space)
        seed = derive(self.seed, name, 0) if self.seed is not None else None
        return Sweep(name, space, self.train, self.objectives, store=self.store_url, seed=seed, **self.options)

    def _begun(self, name: str) -> Space | None:
        """The space of a sweep that is in the store."""
        with closing(Store.open(self.store_url)) as store:
            found = store.find_sweep(name)
        return Space.from_json(found.space) if found is not None else None

    def _refuse_alike(self) -> None:
        if len(self.rungs) < FEWEST_RUNGS:
            raise SweepError(
                f"Ladder {self.name!r} has {len(self.rungs)} rungs, of which no law follows; "
                f"give {FEWEST_RUNGS} or more, with two or more N and two or more D."
            )
        names = [self.name_of(rung) for rung in self.rungs]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise SweepError(f"Two rungs of the ladder are called {twice!r}; leave one out, or set them further apart.")

    def _refuse_nameless(self, sweep: str, space: Space) -> None:
        wanted = {"N": self.N, "D": self.D, "learning_rate": self.learning_rate, "batch_size": self.batch_size}
        for argument, part in wanted.items():
            if part is not None and part.split("/")[0] not in space.parts:
                raise SweepError(
                    f"The space of {sweep!r} has no part {part!r}; name the one meant with {argument}=: "
                    f"{', '.join(map(repr, space.parts))}."
                )

    def _refuse_one_size(self) -> None:
        for argument, part in (("N", self.N), ("D", self.D)):
            sizes = {getattr(sweep.space.sample(0), part) for sweep in self.sweeps}
            if len(sizes) == 1:
                raise SweepError(
                    f"All rungs of ladder {self.name!r} have {argument}={_short(*sizes)}, so that no law can tell what "
                    f"it does; give rungs with two or more {argument}."
                )


def _short(value: object) -> str:
    """A number in three digits, such as 98.3k or 1M; anything else as it is."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return str(value)
    power = int(math.log10(abs(value)) // 3) if abs(value) >= 1000 else 0
    suffix = ("", "k", "M", "G", "T")[power]
    return f"{value / 1000**power:.3g}{suffix}"
