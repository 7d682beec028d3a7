"""Trials on a pool of Ray actors."""
