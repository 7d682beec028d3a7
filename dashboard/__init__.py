"""How results are browsed."""

from .launch import DashboardError, launch

__all__ = ["DashboardError", "launch"]
