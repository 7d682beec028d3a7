"""Do configurations of one task serve another one? The front that AutoPEFT found, on reviews of products.

Run it after `examples/autopeft_minilm.py`, in the same folder and with the same option: `--quick`, `--gpu` or none;
without that, it searches first. The front's configurations are trained on sentences about products (from PyPI, as
there), and as many random ones beside them. All are trials of one sweep, so the dashboard shows them too.
"""

from autopeft_minilm import PATIENCE, QUICK, options, sweep_of, workers_for

KIND = "amazonReview"


def main():
    preset = options()
    found, again = sweep_of(preset, "saas"), sweep_of(preset, "random", KIND)
    found.run(trials=preset["trials"], workers=workers_for(preset), ask_timeout=PATIENCE)
    front = found.front()
    again.run(trials=len(front), workers=workers_for(preset))
    if again.size() == len(front):
        for number in front["number"]:
            again.enqueue(found.configuration(number))
    again.run(trials=2 * len(front), workers=workers_for(preset))
    trials = again.trials()[["accuracy", "percent"]]
    drawn, taken = trials[: len(front)], trials[len(front) :]
    table = taken.assign(films=front["accuracy"].to_numpy()).rename(columns={"accuracy": "products"})
    print(table.sort_values("percent").to_string(index=False, float_format="{:.4g}".format))
    for name, rows in {"the front of films": taken, "random": drawn}.items():
        print(f"{name}: mean accuracy {rows['accuracy'].mean():.3f} with {rows['percent'].mean():.3g} % of parameters")


sweep = sweep_of(QUICK, "random", KIND)  # for `paretree run examples/autopeft_transfer.py`

if __name__ == "__main__":
    main()
