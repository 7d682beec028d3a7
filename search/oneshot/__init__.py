"""Differentiable architecture search on a supernet, and its use as a sampler."""
