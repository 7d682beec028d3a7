"""Benchmarks of scaling laws; `benchmarks/steplaw.py` is the entry."""
