from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from paretree.dashboard.law_view import group_table, law_line, middle, moved_optima, predictions
from paretree.spaces.laws import Microsoft, StepLaw


def test_every_published_law_has_a_row_and_says_what_it_knows() -> None:
    table = predictions(429e6, 8e9, 2.5, 2048).set_index("law")
    assert len(table) == 6
    assert table.loc["Step Law", "learning rate"] == pytest.approx(1.79 * 429e6**-0.713 * 8e9**0.307)
    assert table.loc["Step Law", "batch [sequences]"] == pytest.approx(0.58 * 8e9**0.571 / 2048)
    assert pd.isna(table.loc["Microsoft", "batch [tokens]"]), "it has no formula"
    assert pd.isna(table.loc["MiniCPM", "learning rate"]), "it has no formula"


def test_what_is_outside_the_domain_is_warned_of() -> None:
    table = predictions(7e9, 1.4e12, 2.5, None).set_index("law")
    assert "not fitted for" in table.loc["Step Law", "warning"]
    assert "batch [sequences]" not in table, "no sequence length was given"


def test_a_law_as_a_line_goes_beyond_the_data_and_lies_in_its_band() -> None:
    line = law_line(StepLaw(), "learning_rate", "N", (1e8, 1e9), 2e10)
    assert line["N"].min() < 1e8 / 2
    assert line["N"].max() > 2e9
    assert (line["low"] < line["value"]).all()
    assert (line["value"] < line["high"]).all()
    slope = np.polyfit(np.log(line["N"]), np.log(line["value"]), 1)[0]
    assert slope == pytest.approx(-0.713)


def test_a_law_that_says_nothing_of_it_gives_no_line() -> None:
    assert law_line(Microsoft(), "batch_size", "D", (1e9, 1e10), 1e8).empty


def test_optima_that_follow_the_law_fall_on_its_line_once_moved() -> None:
    law = StepLaw()
    sizes = pd.DataFrame({"group": ["a", "b"], "N": [1e8, 4e8], "D": [4e9, 5e10]})
    values = [float(np.exp(law.log_optimum(row.N, row.D)[0])) for row in sizes.itertuples()]
    moved = moved_optima(law, sizes.assign(value=values, low=0.0, high=1.0), "learning_rate", "N", other=2e10)
    expected = [law.predict(N, 2e10).learning_rate for N in sizes["N"]]
    assert moved["value"].tolist() == pytest.approx(expected)


def test_each_group_counts_once_in_the_middle() -> None:
    trials = pd.DataFrame({"N": [1e6] * 9 + [4e6], "D": [1e8] * 9 + [4e8]})
    assert middle(trials) == pytest.approx((2e6, 2e8))


def test_groups_are_told_with_their_best_trial() -> None:
    trials = pd.DataFrame(
        {"group": ["a", "a", "b"], "N": [1.0, 1.0, 2.0], "D": 3.0, "loss": [2.0, 1.0, 5.0], "learning_rate": [1, 2, 3]}
    )
    table = group_table(trials)
    assert table[["group", "loss", "learning_rate", "trials"]].to_numpy().tolist() == [
        ["a", 1.0, 2, 2],
        ["b", 5.0, 3, 1],
    ]
