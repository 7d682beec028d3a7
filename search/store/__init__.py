"""What a sweep remembers, in SQL."""

from .changes import NewTrial
from .driver import lives, this_driver
from .errors import StoreError, Superseded, Unreachable
from .records import (
    ArtifactRecord,
    AttemptRecord,
    CheckpointRecord,
    CommandRecord,
    EventRecord,
    LogRecord,
    ReportRecord,
    SweepRecord,
    SweepSummary,
    TrialRecord,
)
from .states import AttemptState, EventKind, SweepState, TrialState, ValueKind
from .store import Store
from .table import TrialTable
from .transaction import Transaction
from .writer import SweepWriter

__all__ = [
    "ArtifactRecord",
    "AttemptRecord",
    "AttemptState",
    "CheckpointRecord",
    "CommandRecord",
    "EventKind",
    "EventRecord",
    "LogRecord",
    "NewTrial",
    "ReportRecord",
    "Store",
    "StoreError",
    "Superseded",
    "SweepRecord",
    "SweepState",
    "SweepSummary",
    "SweepWriter",
    "Transaction",
    "TrialRecord",
    "TrialState",
    "TrialTable",
    "Unreachable",
    "ValueKind",
    "lives",
    "this_driver",
]
