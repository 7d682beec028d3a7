"""Fine-tuning with few parameters: spaces of methods, applied to real encoders of `transformers`.

Names are loaded when they are first asked for, so that spaces can be written, drawn and counted without torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

# They need no torch before they are called, and their modules have the same names, so they are here from the start.
from .apply import apply, load_adapted
from .autopeft import autopeft, autopeft_space

_HOME = {
    "adalora": ("AdaLoRA",),
    "adapted": ("Adapted",),
    "anatomy": ("Anatomy", "Layer", "anatomy_of"),
    "bottleneck": ("Parallel", "Serial"),
    "classifier": ("Pretrained",),
    "cost": ("Size", "size"),
    "data": ("Examples", "Task"),
    "errors": ("Unsupported",),
    "families": ("FAMILIES",),
    "flora": ("FLoRA",),
    "free_form": ("FreeForm",),
    "full": ("BitFit", "FullFineTuning", "HeadOnly", "LayerNormTuning"),
    "halves": ("HalfFineTuning",),
    "host": ("Host",),
    "increlora": ("IncreLoRA",),
    "lora": ("LoRA",),
    "metrics": ("METRICS",),
    "mos": ("MoS",),
    "nola": ("NOLA",),
    "prefix": ("Prefix",),
    "prompt": ("Prompt",),
    "schedules": ("schedules_of",),
    "settings": ("Settings",),
    "superset": ("peft_space",),
    "training": ("fine_tune", "peft_trial"),
    "weights": ("IA3", "OFT", "LoHa", "LoKr", "RandLoRA", "SHiRA", "VBLoRA", "VeRA"),
}
"""The module that each public name stands in."""

_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

__all__ = ["apply", "autopeft", "autopeft_space", "load_adapted", *_MODULE_OF]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_MODULE_OF[name]}", __name__), name)
