"""Optuna's samplers, on an in-memory study that mirrors what is known."""

from .catalogue import SAMPLERS
from .sampler import OptunaSampler

__all__ = ["SAMPLERS", "OptunaSampler"]
