"""Bayesian optimisation on trees, by BoTorch."""

from .saas import SaasSampler
from .sampler import BayesSampler

__all__ = ["BayesSampler", "SaasSampler"]
