"""What comes along with `import paretree.workers`, and what does not."""

import subprocess
import sys


def run(program):
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)


def test_importing_workers_loads_neither_ray_nor_torch_nor_pandas():
    loaded = run("import sys, paretree.workers; print({'ray', 'torch', 'pandas'} & set(sys.modules))")
    assert loaded.stdout == "set()\n", loaded.stderr


def test_without_ray_its_workers_say_how_to_install_it():
    asked = run("import sys; sys.modules['ray'] = None; from paretree.workers import RayWorkers")
    last = asked.stderr.splitlines()[-1]
    assert last.endswith("WorkersError: RayWorkers needs Ray; pip install 'paretree[ray]', or use InlineWorkers()")


def test_a_name_that_is_not_there_is_an_attribute_error():
    asked = run("import paretree.workers; paretree.workers.DaskWorkers")
    assert "AttributeError: module 'paretree.workers' has no attribute 'DaskWorkers'" in asked.stderr
