"""What holds for all tests."""

import atexit
import os
import shutil
import tempfile

from hypothesis import settings

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy and torch: threads that wait for each other slow both down

if worker := os.environ.get("PYTEST_XDIST_WORKER"):  # clusters of two test processes share nothing on this machine
    os.environ["TMPDIR"] = tempfile.mkdtemp(prefix=f"{worker}-")
    tempfile.tempdir = None
    atexit.register(shutil.rmtree, os.environ["TMPDIR"], ignore_errors=True)

settings.register_profile("untimed", deadline=None)  # how long an example takes depends on what else the machine does
settings.load_profile("untimed")
