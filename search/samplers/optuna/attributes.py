"""What samplers write down on trials and on the study, as far as it may be kept.

NSGA notes a trial's generation and the parents of each, CMA-ES its generation, a quasi-random sampler how far its
sequence got. That is stored with the proposals, so that a sweep can be resumed anywhere. Text is not: it is where
Optuna keeps pickles and copies of parameters.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def kept(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes that are JSON data, and not text, as JSON gives them back."""
    return {key: json.loads(json.dumps(value)) for key, value in attributes.items() if _is_data(value)}


def _is_data(value: Any) -> bool:
    if isinstance(value, str):
        return False
    try:
        json.dumps(value)
    except TypeError:
        return False
    return True


def renumbered(attributes: Mapping[str, Any], numbers: Mapping[int, int]) -> dict[str, Any]:
    """Attributes of a study with the ids in lists of parents replaced by `numbers`; those it lacks are left out."""
    return {
        key: [numbers[one] for one in value if one in numbers] if ":parent:" in key else value
        for key, value in attributes.items()
    }
