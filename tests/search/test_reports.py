"""What a store tells of a sweep: whether its priors were rejected."""

import pytest

import paretree as pt
from paretree.cli.printing import print_details
from paretree.search import Proposal, RandomSampler, Store
from paretree.search.reports import sweep_details
from paretree.workers import InlineWorkers

SPACE = pt.Space(lr=pt.Float(1e-5, 1e-1, log=True))
WHY = "the best trial is far from that of 'lr'"


class Rejecting:
    """Draws at random, and says of some trials (R) that it does not ask the prior, of others (a dot) nothing."""

    name = "rejecting"

    def __init__(self, said):
        self.said = said

    def propose(self, space, trials, n, seed):
        return [self.of(proposal, len(trials)) for proposal in RandomSampler().propose(space, trials, 1, seed)]

    def of(self, proposal, number):
        if self.said[number] == "?":
            return proposal  # of another sampler
        rejects = self.said[number] == "R"
        reason, detail = (f"why not; prior rejected: {WHY}", {"prior": "rejected"}) if rejects else ("why not", {})
        return Proposal(proposal.configuration, self.name, reason, detail)


@pytest.fixture
def details(tmp_path):
    def of(said):
        place = str(tmp_path / "s.db")
        sweep = pt.Sweep(
            "s", SPACE, lambda trial: 1.0, {"loss": "minimize"}, sampler=Rejecting(said), store=place, seed=0
        )
        sweep.run(len(said), workers=InlineWorkers(), progress=False)
        return sweep_details(Store.open(place), "s")

    return of


@pytest.mark.parametrize(
    ("said", "since"), [("...", None), ("?..R", 3), ("..RRR", 2), (".RR.RR", 4), (".R??R?", 1), (".RR.?", None)]
)
def test_it_tells_since_when_the_sampler_does_not_ask_the_prior_and_why(details, said, since):
    assert details(said)["prior"] == (None if since is None else f"rejected since trial {since}: {WHY}")


def test_show_prints_it_in_one_line(details, capsys):
    print_details(details(".R"))
    assert f"\nprior: rejected since trial 1: {WHY}\n" in capsys.readouterr().out
