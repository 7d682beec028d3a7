"""Checkpoints and artifacts: on local disk, a shared one, or any file system that fsspec knows."""
