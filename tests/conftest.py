"""What holds for all tests."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy and torch: threads that wait for each other slow both down
