"""Runners that an earlier controller of the same sweep left, and what those that are dead left in turn."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import ray
from ray.exceptions import RayError
from ray.util import list_named_actors

from ..protocol import AttemptId, Event, Failed, Finished, Stopped
from .losses import on_node
from .member import NAMESPACE, Member
from .nodes import Nodes, here
from .outbox import Left, left_behind
from .runner import State
from .terms import Terms

ANSWER_SECONDS = 30.0  # a runner that does not say by then what it holds is given up
KILL_SECONDS = 10.0  # Ray kills one that does not obey after 5 s

log = logging.getLogger("paretree")


@dataclass(frozen=True, slots=True)
class Found:
    """What is there for a sweep before its controller starts anything.

    Attributes:
        members: runners that can go on.
        left: what dead runners left, by the node they were on.
        names: how many runners there ever were, as far as their names say.
    """

    members: list[Member]
    left: list[tuple[str, Left]]
    names: int

    @property
    def events(self) -> list[Event]:
        """What the dead ones told last."""
        return [event for _, left in self.left for _, event in left.events]

    @property
    def held(self) -> frozenset[AttemptId]:
        """The attempts that run, wait to run, or whose end is here to be told."""
        ended = {event.id for event in self.events if isinstance(event, Finished | Stopped | Failed)}
        return frozenset(ended.union(*(member.held for member in self.members)))


def find(key: str, terms: Terms, controller: str, nodes: Nodes) -> Found:
    """Find the runners of the sweep with this key; end those that serve on other terms, or give no answer."""
    actors = dict(_actors(key))
    members, misfits = [], []
    for name, actor, state in _states(actors):
        if state is not None and state.terms == terms:
            members.append(Member.found(name, actor, state, controller))
        else:
            misfits.append(actor)
    for actor in misfits:
        ray.kill(actor)
    if misfits:
        log.warning("%d runners of an earlier run do not fit or do not answer, and are ended.", len(misfits))
    names = max((int(name.rpartition("-")[2]) + 1 for name in actors), default=0)
    alive = frozenset(member.id for member in members)
    return Found(members, list(_left(key, terms, nodes, alive, KILL_SECONDS if misfits else 0.0)), names)


def _actors(key: str) -> Iterator[tuple[str, Any]]:
    for listed in list_named_actors(all_namespaces=True):
        prefix, _, name = listed["name"].rpartition("/")
        if listed["namespace"] == NAMESPACE and prefix == key:
            try:
                yield name, ray.get_actor(listed["name"], NAMESPACE)
            except ValueError:  # it ended just now
                continue


def _states(actors: dict[str, Any]) -> Iterator[tuple[str, Any, State | None]]:
    asked = {actor.state.remote(): (name, actor) for name, actor in actors.items()}
    if not asked:
        return
    answered, silent = ray.wait(list(asked), num_returns=len(asked), timeout=ANSWER_SECONDS)
    for answer in answered + silent:
        yield *asked[answer], _state(answer) if answer in answered else None


def _state(answer: Any) -> State | None:
    try:
        state: State = ray.get(answer)
    except RayError:
        return None
    return state


def _left(key: str, terms: Terms, nodes: Nodes, alive: frozenset[str], patience: float) -> Iterator[tuple[str, Left]]:
    """What lies on each node; where nobody can look, nothing."""
    own = here()
    asked = {on_node(node, terms, left_behind, key, alive, patience): node for node in nodes.alive if node != own}
    yield from ((own, left) for left in left_behind(key, alive, patience))
    if not asked:
        return
    answered, _ = ray.wait(list(asked), num_returns=len(asked), timeout=ANSWER_SECONDS)
    for answer in answered:
        try:
            yield from ((asked[answer], left) for left in ray.get(answer))
        except RayError as error:
            log.warning("What runners left on node %s cannot be fetched: %s", asked[answer], error)
