"""Differentiable search as a sampler: trials that search, and then the cells that they found."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ...spaces import Configuration, Decision, Space
from ...spaces.cells import CellSpace
from ...spaces.moves import complete
from ..errors import SweepError
from ..samplers.protocol import Proposal, Sampler
from ..samplers.unseen import Unseen
from ..store.states import TrialState
from ..trials import KnownTrial, Trials
from .spaces import CELLS, MODEL, SEARCH, SEARCHES

if TYPE_CHECKING:
    from numpy.typing import NDArray

SCORE, WEIGHT = "score/", "weight/"
"""Before the names of what a search returns: how good each operation is on each edge, and its architecture weight."""

AT = f"{MODEL}={CELLS}"

DRAWS = 100
"""From the weights of a search, before what is known already is given up on."""


class OneShot:
    """Searches on supernets, each of which is a trial; then what they found, and then another sampler.

    It proposes `searches` trials that search, with different seeds. Of each that has finished it proposes the cell that
    the search ended in, and `draws` more whose operations are drawn by its architecture weights. While searches run
    and nothing of them is known, and when all of that is tried, `then` is asked, which learns from all cells that were
    tried. Searches that failed are not repeated.

    Args:
        cells: what is searched; the space must be `searching(cells.space(...))`.
        searches: how many.
        draws: cells drawn of each search.
        then: name of a sampler, or one of ours or of Optuna.

    Raises:
        SweepError: there is no such sampler, or no number of searches from 1 to 64.
    """

    name = "oneshot"

    def __init__(self, cells: CellSpace | None = None, searches: int = 1, draws: int = 0, then: Any = "random") -> None:
        from ..samplers import unguided

        if not 1 <= searches <= SEARCHES:
            raise SweepError(f"searches={searches} is no number of searches; give one from 1 to {SEARCHES}.")
        self.cells, self.searches, self.draws = cells or CellSpace(), searches, draws
        self.then: Sampler = unguided(then)

    @property
    def thinks(self) -> bool:
        """Whether the sampler that is asked then says so."""
        return getattr(self.then, "thinks", False)

    def propose(self, space: Space, trials: Trials, n: int, seed: int) -> list[Proposal]:
        """Searches that are missing, then cells that were found, then what `then` proposes.

        Raises:
            SweepError: the space has no searches.
        """
        _refuse_without_searches(space)
        draw, unseen = random.Random(seed), Unseen(trials)
        proposals: list[Proposal] = []
        for proposal in self._own(space, trials, draw):
            if len(proposals) == n:
                return proposals
            if unseen.take(proposal.configuration):
                proposals.append(proposal)
        if len(proposals) < n:
            proposals += self._others(space, trials, n - len(proposals), draw, unseen)
        return proposals

    def _own(self, space: Space, trials: Trials, draw: random.Random) -> Iterator[Proposal]:
        """Searches, and what came of them; some of it may be known."""
        known = [trial for trial in trials if trial.configuration.values.get(MODEL) == SEARCH]
        for number in range(len(known), self.searches):
            reason = f"search {number + 1} of {self.searches} on a supernet"
            yield Proposal(_search(space, number, draw), self.name, reason)
        for trial in known:
            if trial.state is TrialState.FINISHED:
                yield from self._found(space, trial)

    def _found(self, space: Space, trial: KnownTrial) -> Iterator[Proposal]:
        """The cell that a search ended in, and those drawn by its weights; the same ones each time."""
        detail = {"search": trial.number}
        decisions = self.cells.decisions(self._tables(trial, SCORE), AT)
        reason = f"what search {trial.number} ended in"
        yield Proposal(_cell(space, decisions, random.Random(trial.seed)), self.name, reason, detail)
        weights, draw = self._tables(trial, WEIGHT), np.random.default_rng(trial.seed)
        for number in range(self.draws):
            decisions = self.cells.decisions(_drawn(weights, draw), AT)
            reason = f"draw {number + 1} of {self.draws} by the weights of search {trial.number}"
            yield Proposal(_cell(space, decisions, random.Random(trial.seed)), self.name, reason, detail)

    def _tables(self, trial: KnownTrial, kind: str) -> dict[str, NDArray[np.float64]]:
        own = {name.removeprefix(kind): value for name, value in trial.metrics.items() if name.startswith(kind)}
        try:
            return self.cells.tables_of(own, AT)
        except KeyError as error:
            raise SweepError(
                f"Search {trial.number} returned no {kind}{error.args[0]}; its function must be an oneshot_trial of "
                "the cells that the sampler was given."
            ) from None

    def _others(self, space: Space, trials: Trials, n: int, draw: random.Random, unseen: Unseen) -> Iterator[Proposal]:
        """What `then` proposes; a random cell in the place of a search, or of one that is proposed already."""
        for proposal in self.then.propose(space, trials, n, draw.randrange(2**31)):
            if proposal.configuration.values[MODEL] == CELLS and unseen.take(proposal.configuration):
                yield proposal
                continue
            for _ in range(DRAWS):
                configuration = _cell(space, {}, draw)
                if unseen.take(configuration):
                    yield Proposal(configuration, "random", "a cell drawn at random")
                    break


def _refuse_without_searches(space: Space) -> None:
    domain = next((slot.domain for slot in space.slots if slot.path == MODEL), None)
    if domain is None or not domain.contains(SEARCH) or not domain.contains(CELLS):
        raise SweepError("The space has no searches; give the sweep searching(space) of paretree.search.oneshot.")


def _search(space: Space, number: int, draw: random.Random) -> Configuration:
    """A search with its own seed; what else it has to decide is drawn."""
    return _completed(space, {MODEL: SEARCH, f"{MODEL}={SEARCH}/seed": number}, draw)


def _cell(space: Space, decisions: dict[str, Decision], draw: random.Random) -> Configuration:
    """A cell; what is decided beside it is drawn."""
    return _completed(space, {MODEL: CELLS, **decisions}, draw)


def _completed(space: Space, decisions: dict[str, Decision], draw: random.Random) -> Configuration:
    return space.configuration(complete(space.slots, decisions, lambda slot: slot.domain.at(draw.random())))


def _drawn(weights: dict[str, NDArray[np.float64]], draw: np.random.Generator) -> dict[str, NDArray[np.float64]]:
    """Scores that prefer one operation of each edge, drawn by its weights, and edges in the order of what was drawn.

    Adding Gumbel noise to logarithms and taking the greatest draws by the weights, without replacement where several
    are taken (Kool, van Hoof and Welling, 2019, arXiv 1903.06059).
    """
    return {kind: np.log(table + 1e-12) + draw.gumbel(size=table.shape) for kind, table in weights.items()}
