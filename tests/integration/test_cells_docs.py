"""The code of docs/cells.md is run as it stands there, top to bottom, as a reader would."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "cells.md"


def test_the_code_about_cells_runs_and_says_what_the_page_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL):
        exec(block, names)
    assert names["cells"].count() == 9_119_789_245_425_254_400
    assert names["HyperCuboidSpace"]().count() == 67_108_864
    sweep = names["sweep"]
    sweep.run(trials=3, progress=False, workers=names["pt"].InlineWorkers())
    assert sweep.trials()["state"].tolist() == ["finished"] * 3, sweep.trials()["message"].tolist()
