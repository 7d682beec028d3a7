"""The code of docs/peft.md is run as it stands there, top to bottom, as a reader would."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "peft.md"


@pytest.mark.slow
def test_the_code_about_fine_tuning_runs_and_says_what_the_page_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    names = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL):
        exec(block, names)
    assert names["autopeft"](names["config"]).count() == 5_446_350
    names["sweep"].run(trials=3, progress=False, workers=names["pt"].InlineWorkers())
    trials = names["sweep"].trials()
    assert trials["percent"].notna().all(), "what is known is stored with each trial"
