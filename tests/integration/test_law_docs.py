"""The code of docs/laws.md is run as it stands there, top to bottom, as a reader would."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "laws.md"


@pytest.mark.slow
def test_the_code_about_scaling_laws_runs_and_says_what_the_page_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL):
        exec(block, names)
    prediction = names["prediction"]
    assert f"{prediction.learning_rate:.4f}" == "0.0018"
    assert round(prediction.batch_sequences) == 86
    assert names["counted"].non_embedding == pytest.approx(215e6, rel=0.01), "the model of 215M"
    assert names["mine"].predict(320e6, 16e9).learning_rate == names["large"].learning_rate, "read back as it was"
    assert names["large"].learning_rate == pytest.approx(15.2 * 320e6**-0.714 * 16e9**0.218, rel=0.5), (
        "its basin's bottom"
    )
    assert names["loss_law"].allocate(compute=3e19).N > 0
