"""What the tests of checkpoints and artifacts share: trials with files, and file systems to keep them on."""

import errno
import time

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from paretree.spaces import Float, Space
from paretree.workers import Keep, Trial
from paretree.workers.files.trial_files import TrialFiles
from paretree.workers.protocol import AttemptId

CONFIGURATION = Space(x=Float(0, 1)).sample(seed=0)


class SlowStore(MemoryFileSystem):
    """An object store that takes its time: no renames, and nothing of it is a local folder."""

    protocol = "slow"

    @classmethod
    def _strip_protocol(cls, path):
        return super()._strip_protocol(path.removeprefix("slow:/"))

    def _open(self, path, mode="rb", **kwargs):
        time.sleep(0.01)
        return super()._open(path, mode, **kwargs)

    def ls(self, path, detail=True, **kwargs):
        time.sleep(0.01)
        return super().ls(path, detail, **kwargs)


class FullStore(SlowStore):
    """An object store that has no room for anything called `big`."""

    protocol = "full"

    @classmethod
    def _strip_protocol(cls, path):
        return super()._strip_protocol(path.removeprefix("full:/"))

    def put_file(self, lpath, rpath, **kwargs):
        if "big" in rpath:
            raise OSError(errno.ENOSPC, "No space left on device")
        super().put_file(lpath, rpath, **kwargs)


@pytest.fixture(autouse=True, scope="session")
def _stores():
    fsspec.register_implementation("slow", SlowStore)
    fsspec.register_implementation("full", FullStore)


@pytest.fixture(params=["folder", "file", "memory", "slow"])
def place(request, tmp_path):
    """A folder or URL to keep files at, on each kind of file system."""
    if request.param == "folder":
        return str(tmp_path / "with a blank")
    return f"{request.param}://{tmp_path}"


@pytest.fixture
def begin():
    """A function that begins an attempt at trial 7, whose events are in `events` of what it returns."""
    opened = []

    def begin(url, attempt=0, keep=None, checkpoint=None, number=7, leads=True):
        id, events = AttemptId(number, attempt), []
        files = TrialFiles(id, url and str(url), "digits", keep or Keep(), checkpoint)
        opened.append(files)
        trial = Trial(
            id,
            CONFIGURATION,
            seed=0,
            device="cpu",
            emit=events.append,
            stopping=lambda: False,
            clock=lambda: 5.0,
            files=files,
            leads=leads,
        )
        trial.events = events
        return trial

    yield begin
    for files in opened:
        files.close()
