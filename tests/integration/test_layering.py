"""Imports run one way, and what is heavy is loaded only by those who use it."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LAYERS = {
    "spaces": {"spaces"},
    "workers": {"spaces", "workers"},
    "search": {"spaces", "workers", "search"},
    "dashboard": {"spaces", "workers", "search", "dashboard"},
    "cli": {"spaces", "workers", "search", "dashboard", "cli"},
}
AT_HOME = {"ray": ("workers/ray", "workers/tune"), "streamlit": "dashboard", "plotly": "dashboard", "typer": "cli"}
HEAVY = {
    "ray", "streamlit", "plotly", "torch", "botorch", "transformers", "sqlalchemy", "alembic", "optuna", "pandas",
    "numpy", "matplotlib", "scipy", "sklearn",
}  # fmt: skip


def sources():
    """The Python files of the package, relative to its root."""
    return [file.relative_to(ROOT) for folder in LAYERS for file in sorted((ROOT / folder).rglob("*.py"))]


def imported(file):
    """The absolute names of all that a file imports, wherever in it that stands."""
    package = ("paretree", *file.parent.parts)
    for node in ast.walk(ast.parse((ROOT / file).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("layer", LAYERS)
def test_a_folder_imports_only_itself_and_those_below_it(layer):
    allowed = LAYERS[layer] | {"__version__"}
    for file in sources():
        if file.parts[0] != layer:
            continue
        for name in imported(file):
            package, _, rest = name.partition(".")
            if package == "paretree":
                assert rest.split(".")[0] in allowed, f"{file} imports {name}"


@pytest.mark.parametrize("library", AT_HOME)
def test_a_library_with_a_home_is_imported_nowhere_else(library):
    home = AT_HOME[library]
    users = [file.as_posix() for file in sources() if library in {name.split(".")[0] for name in imported(file)}]
    strangers = [file for file in users if not file.startswith(home)]
    assert not strangers, f"{library} is imported by {strangers}, but belongs in {home}"


@pytest.mark.parametrize("statement", ["import paretree", "import paretree.cli", "import paretree.spaces.nn"])
def test_what_is_heavy_is_not_loaded_before_it_is_used(statement, tmp_path):
    code = f"{statement}\nimport sys\nprint(*sorted({HEAVY!r} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [], f"{statement} loads what it does not need"
