"""The root of a search space."""

from __future__ import annotations

import hashlib
import json
import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING

from . import moves
from .beliefs import Beliefs, most_likely
from .configuration import RESERVED, Configuration, environment
from .counting import Census, census
from .declare import declare
from .domains import Decision, Domain
from .encoding import Encoding
from .errors import ConfigurationError, SpaceError
from .evolution import SpaceDiff, difference, migrated
from .fidelity import Fidelity, check_budgets
from .literals import Record, lift
from .node import Node
from .reading import read
from .require import Constraint, Required, constraint_of
from .sampling import Measure, drawn
from .serial import Conditions, SpaceData, read_space, write_space
from .slots import Slot
from .text import tree

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

ATTEMPTS = 1000
"""How many random draws may break what is required before that counts as impossible."""

MAX_MEASURED = 10_000
"""Configurations whose models are measured to be counted."""


class Space:
    """A search space: named parts, each a tree of nodes or a plain value.

    Written as `Space(lr=Float(1e-4, 1e-1, log=True), model=...)` or `Space({"lr": ...})`. It is immutable, and
    complete before anything is built: it can be sampled, compared, stored as JSON and read back.

    Raises:
        SpaceError: a node is not well defined, or stands where it cannot; the message names it, its path and the fix.
    """

    def __init__(self, parts: Mapping[str, object] | None = None, /, **named: object) -> None:
        self._settle(_root([*(parts or {}).items(), *named.items()]), ())
        self._beliefs.warn_of_units()

    def _settle(self, root: Record, required: Conditions) -> None:
        whole: Node = root
        for predicate, why in required:
            whole = Required(whole, predicate, why)
            whole.check("")
        declared = declare(whole)
        self._root, self.required = root, tuple(required)
        self.parts: Mapping[str, Node] = MappingProxyType(dict(root.items))
        self.slots, self.operands = declared.slots, declared.operands
        self.fidelities: Mapping[str, Fidelity] = MappingProxyType(declared.fidelities)
        self.grammars: Mapping[str, Node] = MappingProxyType(declared.grammars)
        self.constraints = tuple(constraint_of(condition, declared) for condition in declared.conditions)
        self._beliefs = Beliefs(declared)
        if self.constraints:
            self.sample(0)

    def require(self, predicate: Node, why: str = "") -> Space:
        """The same space, as far as its decisions fulfil a condition.

        Args:
            predicate: a comparison of decisions that are always made, as in `width % heads == 0`. For decisions of a
                branch or of a `Repeat`, write `require(part, predicate)` around that part.
            why: the reason, for error messages.

        Raises:
            SpaceError: nothing fulfils it, or it uses decisions that are not always made.
        """
        narrower = object.__new__(Space)
        narrower._settle(self._root, (*self.required, (predicate, why)))
        return narrower

    def sample(
        self,
        seed: int | random.Random | None = None,
        measure: Measure = "branch",
        fidelity: Mapping[str, float] | None = None,
    ) -> Configuration:
        """A random configuration.

        Args:
            seed: a number, for the same configuration in every process; or a generator to draw from.
            measure: `"branch"` gives the options of each choice the same chance, and numbers an even spread on their
                scale; `"leaf"` gives complete configurations the same chance (whatever their numbers without a step
                are), so that large branches are drawn more often; `"prior"` follows weights and priors where there are.
            fidelity: budgets by path, for priors that follow them; the full ones where it names none. What is drawn
                still has the full budget: ask for a smaller one with `configuration.at`.

        Raises:
            SpaceError: no draw fulfils what is required, or the centre of a prior is no number.
            ConfigurationError: there is no such fidelity, or the budget is out of its bounds.
        """
        generator = _generator(seed)
        budgets = check_budgets(self.fidelities, fidelity or {})
        for _ in range(ATTEMPTS):
            values = drawn(self.slots, generator, measure, self._beliefs, budgets, lambda: self._census)
            if self._broken(values) is None:
                return Configuration(self, values)
        raise SpaceError(
            self.constraints[0].predicate,
            "",
            f"none of {ATTEMPTS} draws fulfils what is required",
            "weaken it, or write the space so that fewer configurations break it",
        )

    def most_likely(
        self, seed: int | random.Random | None = None, fidelity: Mapping[str, float] | None = None
    ) -> Configuration | None:
        """The configuration that priors and weights believe in most; where they say nothing, it is drawn.

        Args:
            seed, fidelity: as in `sample`.

        Returns:
            None where that breaks what is required.

        Raises:
            SpaceError: the centre of a prior is no number.
            ConfigurationError: there is no such fidelity, or the budget is out of its bounds.
        """
        budgets = check_budgets(self.fidelities, fidelity or {})
        values = self._beliefs.drawn(_generator(seed).random, budgets, most_likely)
        return Configuration(self, values) if self._broken(values) is None else None

    def believed(
        self, slot: Slot, values: Mapping[str, Decision], fidelity: Mapping[str, float] | None = None
    ) -> Domain:
        """What a decision may be, with its prior as plain numbers: its centre computed and within the range.

        Args:
            slot: of the decision.
            values: the active decisions that come before it, by path; others do no harm.
            fidelity: budgets by path; the full ones where it names none.

        Returns:
            Its domain; of a choice with a prior, one with weights. It is `slot.domain` where no prior follows anything.

        Raises:
            SpaceError: the centre of the prior is no number.
        """
        return self._beliefs.domain(slot, values, fidelity or {})

    @property
    def has_priors(self) -> bool:
        """Whether a prior or weights say anywhere what is likely."""
        return self._beliefs.any

    def _broken(self, values: Mapping[str, Decision]) -> Constraint | None:
        """The first constraint that these decisions do not fulfil."""
        if not self.constraints:
            return None
        configuration = Configuration(self, values)
        env = replace(environment(configuration), configuration=configuration)
        return next((one for one in self.constraints if not one.holds(env)), None)

    def count(self) -> int | float:
        """How many configurations there are, exactly; infinity where a number without a step may be decided on.

        Raises:
            ValueError: a condition on the size of models would have to be asked of too many configurations.
        """
        if any(slot.domain.size is None for slot in self.slots):
            return math.inf
        if not any(one.is_measured for one in self.constraints):
            return self._census.total
        if self._census.total > MAX_MEASURED:
            raise ValueError(
                f"What is required of the size of models would have to be asked of {self._census.total} "
                f"configurations, and over {MAX_MEASURED} are not counted so."
            )
        return sum(1 for _ in self.enumerate())

    def enumerate(self) -> Iterator[Configuration]:
        """All configurations, in the order of their ranks.

        Raises:
            ValueError: there are infinitely many.
        """
        self._refuse_infinite()
        found = (Configuration(self, values) for values in self._census.walk())
        if not any(one.is_measured for one in self.constraints):
            return found
        return (configuration for configuration in found if self._broken(configuration.values) is None)

    def rank(self, configuration: Configuration) -> int:
        """The number of a configuration, from 0 to `count() - 1`.

        Raises:
            ValueError: there are infinitely many.
        """
        self._refuse_unnumbered()
        return self._census.rank(configuration.values)

    def unrank(self, rank: int) -> Configuration:
        """The configuration with this number: the inverse of `rank`.

        Raises:
            ValueError: there are infinitely many.
            IndexError: there are not so many.
        """
        self._refuse_unnumbered()
        return Configuration(self, self._census.unrank(rank, lambda slot: None))

    def configuration(self, values: Mapping[str, Decision]) -> Configuration:
        """The configuration with these active decisions.

        Raises:
            ConfigurationError: a decision is missing, unknown, not active, or outside its range; or a constraint is
                broken.
        """
        ordered = read(self.slots, values)
        broken = self._broken(ordered)
        if broken is not None:
            uses = ", ".join(f"{path!r} = {ordered[path]!r}" for path in ordered if path in broken.uses)
            raise ConfigurationError(f"{broken} is required, but {uses}; change one of them.")
        return Configuration(self, ordered)

    def contains(self, values: Mapping[str, Decision] | Configuration) -> bool:
        """Whether these are exactly the active decisions of a configuration, each within its range."""
        try:
            self.configuration(values.values if isinstance(values, Configuration) else values)
        except ConfigurationError:
            return False
        return True

    def neighbours(self, configuration: Configuration, seed: int = 0) -> Iterator[Configuration]:
        """All configurations that differ from this one in a single decision, by one step.

        A step leads to any other label, to the next integers or ordered labels, and a tenth of the range up and down in
        a real number. What a step newly asks for is decided at random, from `seed`.
        """
        for values in moves.neighbours(self.slots, configuration.values, random.Random(seed)):
            if self._broken(values) is None:
                yield Configuration(self, values)

    def mutate(self, configuration: Configuration, seed: int | random.Random | None = None) -> Configuration:
        """The configuration with one decision changed; every other value of it that is allowed has a chance.

        Raises:
            ValueError: nothing can be changed.
        """
        draw = _generator(seed)
        for _ in range(ATTEMPTS):
            values = moves.mutated(self.slots, configuration.values, draw)
            if values is None:
                raise ValueError("Nothing can be changed: every decision of this configuration has a single value.")
            if self._broken(values) is None:
                return Configuration(self, values)
        raise ValueError(f"Nothing can be changed: {ATTEMPTS} changes of one decision all broke what is required.")

    def crossover(self, a: Configuration, b: Configuration, seed: int | random.Random | None = None) -> Configuration:
        """A configuration whose decisions come from `a` or `b`; each is made by one of them, wherever one makes it.

        Where none of many such mixtures fulfils what is required, it is `a`.
        """
        draw = _generator(seed)
        mixtures = (moves.crossed(self.slots, a.values, b.values, draw) for _ in range(ATTEMPTS))
        return next((Configuration(self, values) for values in mixtures if self._broken(values) is None), a)

    def diff(self, older: Space) -> SpaceDiff:
        """In what the decisions of this space differ from those of an older one."""
        return difference(older.slots, self.slots)

    def migrate(
        self, configuration: Configuration | Mapping[str, Decision], defaults: Mapping[str, Decision] | None = None
    ) -> Configuration:
        """A configuration of an older space, read under this one.

        Branches that were added and ranges that were widened need nothing; labels that were renamed are found through
        `Choice(..., was={"now": "then"})`.

        Args:
            configuration: the older configuration, or its decisions by path.
            defaults: decisions by path for what the older space did not decide.

        Raises:
            ConfigurationError: a decision is new and has no default, has no place any more, or is out of its range now.
        """
        values = configuration.values if isinstance(configuration, Configuration) else configuration
        return self.configuration(migrated(self.slots, values, defaults or {}))

    @cached_property
    def encoding(self) -> Encoding:
        """How configurations are written as vectors: which columns belong to which decision."""
        return Encoding(self.slots)

    def encode(self, configuration: Configuration) -> npt.NDArray[np.float64]:
        """The configuration as a vector (`encoding.size`,) of numbers from 0 to 1; what is not active never varies."""
        return self.encoding.encode(configuration.values)

    def decode(self, vector: Sequence[float] | npt.NDArray[np.float64]) -> Configuration:
        """The configuration nearest to a vector (`encoding.size`,).

        Where that breaks what is required, it is one that differs in a single decision; if there is none, a random one.
        """
        values = self.encoding.decode(vector)
        if self._broken(values) is None:
            return Configuration(self, values)
        return next(self.neighbours(Configuration(self, values)), None) or self.sample(0)

    def draw(self) -> str:
        """The tree as a picture (SVG text)."""
        from .drawing import draw_space

        return draw_space(self)

    def _repr_html_(self) -> str:
        from .drawing import html_tree

        return html_tree(self)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 (64 hex digits) of the definition: the same in every process and on every machine.

        Raises:
            SpaceError: the space holds a function that cannot be imported, so it has no definition as text.
        """
        text = json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def to_json(self) -> SpaceData:
        """The definition as plain JSON data (format: docs/space-format.md).

        Raises:
            SpaceError: the space holds a function that cannot be imported.
        """
        return write_space(self.parts, self.required)

    @classmethod
    def from_json(cls, data: SpaceData | str) -> Space:
        """The space that `to_json` wrote. Functions in it are imported when they are first called.

        Raises:
            ValueError: the data are of another format, or of a newer version.
        """
        parts, required = read_space(json.loads(data) if isinstance(data, str) else data)
        return _made(parts, required)

    @cached_property
    def _census(self) -> Census:
        return census(self.slots, self.constraints, self.operands)

    def _refuse_infinite(self) -> None:
        endless = next((slot.path for slot in self.slots if slot.domain.size is None), None)
        if endless is not None:
            raise ValueError(f"Decision {endless!r} has infinitely many values; give the Float a step to number them.")

    def _refuse_unnumbered(self) -> None:
        self._refuse_infinite()
        if any(one.is_measured for one in self.constraints):
            raise ValueError("What is required of the size of models leaves configurations without a number.")

    def __reduce__(self) -> tuple[Callable[..., Space], tuple[object, ...]]:
        return _made, (dict(self.parts), self.required)

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Space) and self.fingerprint == other.fingerprint)

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    def __repr__(self) -> str:
        return tree(self.parts, self.required)


def _made(parts: dict[str, Node], required: Conditions) -> Space:
    """A space that was defined before: nothing in it is warned of again."""
    space = object.__new__(Space)
    space._settle(_root(list(parts.items())), required)
    return space


def _generator(seed: int | random.Random | None) -> random.Random:
    return seed if isinstance(seed, random.Random) else random.Random(seed)


def _root(parts: Sequence[tuple[str, object]]) -> Record:
    root = Record(tuple((name, lift(value)) for name, value in parts))
    root.check("")
    for name, _ in parts:
        if name in RESERVED or name.startswith("_"):
            raise SpaceError(
                root, name, f"{name!r} already is an attribute of every configuration", "give this part another name"
            )
    return root
