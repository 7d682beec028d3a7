"""A job gets into another process, whatever file its function was written in."""

import subprocess
import sys

SCRIPT = """
import functools, sys
from pathlib import Path
from paretree.spaces import Float, Space
from paretree.workers.protocol import Job
from paretree.workers.shipping import pack

@functools.lru_cache(maxsize=2)
def data(number):
    return [number]

def train(trial):
    return data(3) is data(3) and data.cache_parameters()["maxsize"]

Path(sys.argv[1]).write_bytes(pack(Job("s", Space(x=Float(0, 1)), train)))
"""

READER = """
import sys
from pathlib import Path
from paretree.workers.shipping import unpack
print(unpack(Path(sys.argv[1]).read_bytes()).train(None))
"""


def python(*arguments):
    done = subprocess.run([sys.executable, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_function_with_a_cache_that_only_a_script_knows_is_sent_and_still_caches(tmp_path):
    script, cargo = tmp_path / "script.py", tmp_path / "cargo"
    script.write_text(SCRIPT)
    python(script, cargo)
    assert python("-c", READER, cargo) == "2"
