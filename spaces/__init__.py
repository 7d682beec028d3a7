"""What can be searched: the space language, and the spaces written in it."""

from .build import Build, UnstorableWarning
from .choice import Choice, Maybe
from .configuration import Configuration, Part
from .domains import Decision
from .errors import ConfigurationError, ParetreeError, SpaceError
from .evolution import SpaceDiff
from .expressions import Expression, apply, where
from .fidelity import Fidelity
from .node import Node
from .pick import Pick
from .priors import Normal, PriorWarning, StudentT
from .ranges import Float, Int
from .recursion import Again, Recursive
from .repeat import Repeat
from .require import require
from .share import share
from .slots import Slot
from .space import Space

__all__ = [
    "Again",
    "Build",
    "Choice",
    "Configuration",
    "ConfigurationError",
    "Decision",
    "Expression",
    "Fidelity",
    "Float",
    "Int",
    "Maybe",
    "Node",
    "Normal",
    "ParetreeError",
    "Part",
    "Pick",
    "PriorWarning",
    "Recursive",
    "Repeat",
    "Slot",
    "Space",
    "SpaceDiff",
    "SpaceError",
    "StudentT",
    "UnstorableWarning",
    "apply",
    "require",
    "share",
    "where",
]
