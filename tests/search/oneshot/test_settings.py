import pytest

from paretree.search.oneshot import PRESETS, SearchSettings
from paretree.spaces.errors import ParetreeError

WRONG = {
    "relaxation": "hard",
    "discretise": "luck",
    "epochs": 0,
    "lr": -1.0,
    "lr_min": 1.0,
    "annealing": 0.5,
    "lr_warmup": 50,
    "momentum": 1.0,
    "alpha_betas": (0.5, 1.0),
    "alpha_warmup": 1.5,
    "order": 3,
    "portion": 0,
    "beta_decay": -1.0,
    "stop_ratio": 1.0,
}


@pytest.mark.parametrize("name", WRONG)
def test_a_number_out_of_range_is_refused_by_name(name):
    with pytest.raises(ParetreeError, match=rf"^{name}=.* of a search must be "):
        SearchSettings(**{name: WRONG[name]})


def test_an_unknown_setting_is_refused_with_those_there_are():
    with pytest.raises(ParetreeError, match="no setting 'speed' of a search; name some of relaxation, epochs"):
        SearchSettings.of({"speed": 3})


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_settings_that_may_be_changed(name):
    assert SearchSettings.preset(name, epochs=7).epochs == 7


def test_presets_differ_as_their_papers_say():
    assert SearchSettings.preset("darts").order == 1
    assert SearchSettings.preset("darts2").order == 2
    assert SearchSettings.preset("drnas").relaxation == "dirichlet"
    assert SearchSettings.preset("pcdarts").frozen_epochs == 15
    assert SearchSettings.preset("sharp").annealing == 2


def test_an_unknown_preset_is_refused():
    with pytest.raises(ParetreeError, match="no settings 'enas'; name one of darts, darts2"):
        SearchSettings.preset("enas")


def test_alphas_are_trained_for_an_epoch_at_least_unless_they_never_are():
    assert SearchSettings(epochs=3, alpha_warmup=0.99).frozen_epochs == 2
    assert SearchSettings(epochs=3, alpha_warmup=1.0, discretise="perturbation").frozen_epochs == 3
    assert SearchSettings(epochs=3, alpha_warmup=0.0).frozen_epochs == 0


def test_alphas_that_are_never_trained_cannot_be_what_cells_are_made_by():
    with pytest.raises(ParetreeError, match="must be below 1 where cells are made by magnitude"):
        SearchSettings(alpha_warmup=1.0)


def test_settings_read_from_json_are_the_same():
    assert SearchSettings.of({"alpha_betas": [0.9, 0.99]}).alpha_betas == (0.9, 0.99)
