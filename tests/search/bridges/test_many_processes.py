"""Several processes optimise one study in one file."""

from __future__ import annotations

import json
import subprocess
import sys

import optuna
import pytest

from paretree.search import Store, optuna_storage

PROCESSES, EACH = 3, 20

WORK = """
import json, sys
import optuna
from paretree.search import optuna_storage

optuna.logging.set_verbosity(optuna.logging.ERROR)
url, seed, trials = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
done = []

def objective(trial):
    x = trial.suggest_float("x", 0, 1)
    trial.report(x, 0)
    trial.set_user_attr("process", seed)
    done.append([trial.number, x])
    return x

sampler = optuna.samplers.TPESampler(seed=seed)
study = optuna.load_study(study_name="shared", storage=optuna_storage(url), sampler=sampler)
study.optimize(objective, n_trials=trials)
print(json.dumps(done))
"""


@pytest.mark.slow
def test_no_number_is_given_twice_and_no_trial_is_lost(url):
    storage = optuna_storage(url)
    study = optuna.create_study(study_name="shared", storage=storage)
    processes = [
        subprocess.Popen([sys.executable, "-c", WORK, url, str(seed), str(EACH)], stdout=subprocess.PIPE, text=True)
        for seed in range(PROCESSES)
    ]
    told = [json.loads(process.communicate(timeout=150)[0]) for process in processes]
    assert [process.returncode for process in processes] == [0] * PROCESSES
    by_number = {number: (seed, x) for seed, done in enumerate(told) for number, x in done}
    assert sorted(by_number) == list(range(PROCESSES * EACH)), "each number once, none left out"
    for one in study.trials:
        seed, x = by_number[one.number]
        assert (one.user_attrs["process"], one.value, one.params["x"]) == (seed, x, x)
        assert one.intermediate_values == {0: x}
    store = Store.open(url)
    assert {trial.state for trial in store.trials(store.sweep("shared").id)} == {"finished"}
    assert [trial.attempts for trial in store.trials(store.sweep("shared").id)] == [1] * PROCESSES * EACH
