"""Sweeps for others, and from others: Optuna's storages and studies, and files."""

from .exporting import export_csv, export_json, export_study
from .importing import import_study
from .storage import optuna_storage
from .suggesting import suggest

__all__ = ["export_csv", "export_json", "export_study", "import_study", "optuna_storage", "suggest"]
