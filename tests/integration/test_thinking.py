"""A sampler that thinks in torch does not keep a run from ending, nor does it break its end."""

import re
import signal
import time

THINKING = """
import torch
import paretree as pt
from paretree.search import Proposal

class Thinking:
    name, thinks = "thinking", True

    def propose(self, space, trials, n, seed):
        matrix = torch.eye(200, dtype=torch.float64)
        if len(trials) == 2:
            open("thinks", "w").close()
        while len(trials) == 2:
            torch.linalg.cholesky(matrix)
        return [Proposal(space.sample(seed + i), self.name, "thought of") for i in range(n)]

space = pt.Space(x=pt.Float(0, 1))
sweep = pt.Sweep("slow", space, lambda trial: trial.config.x, {"loss": "minimize"}, sampler=Thinking(), seed=0)
"""


def test_ctrl_c_while_a_sampler_computes_in_torch_ends_the_process_cleanly(paretree):
    paretree.write(THINKING, "slow.py")
    process = paretree.start("run", "slow.py", "--trials", 5, "--workers", "inline", OMP_NUM_THREADS="1")
    deadline = time.monotonic() + 120
    while not (paretree.folder / "thinks").exists():
        assert time.monotonic() < deadline, "the sampler is not asked"
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    told = process.communicate(timeout=60)[1]
    assert process.returncode == 130, told
    assert re.fullmatch(r"Interrupted; go on with: \S*paretree resume slow", told.splitlines()[-1])
    assert paretree.finished("slow") == {0, 1}
