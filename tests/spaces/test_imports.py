"""Describing a space is light: the heavy libraries come in where something is built."""

import subprocess
import sys

import pytest

HEAVY = {"numpy", "optuna", "pandas", "ray", "scipy", "sqlalchemy", "streamlit", "torch"}

PROGRAMS = {
    "the language": "import paretree.spaces",
    "layers": "from paretree.spaces import nn",
    "a space of layers": """
from paretree.spaces import Choice, Int, Repeat, Space, nn
space = Space(model=nn.Seq(Repeat(nn.Conv2d(Int(8, 64)), Choice(1, 2)), nn.Linear(10)))
Space.from_json(space.to_json()).sample(0).key
""",
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_no_heavy_library_is_imported_for(program):
    script = f"import sys\n{PROGRAMS[program]}\nprint(*sys.modules)"

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert not HEAVY & set(done.stdout.split())
