"""What a sweep remembers, in SQL."""

from .changes import NewTrial
from .driver import lives, this_driver
from .errors import StoreError, Superseded
from .records import AttemptRecord, EventRecord, ReportRecord, SweepRecord, SweepSummary, TrialRecord
from .states import AttemptState, EventKind, SweepState, TrialState, ValueKind
from .store import Store
from .transaction import Transaction
from .writer import SweepWriter

__all__ = [
    "AttemptRecord",
    "AttemptState",
    "EventKind",
    "EventRecord",
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
    "ValueKind",
    "lives",
    "this_driver",
]
