"""Files that a trial leaves for people to look at."""

import hashlib
import io
import zipfile

import fsspec
import pytest

from paretree.workers import FilesError, WorkersError
from paretree.workers.protocol import AttemptId, Saved


@pytest.fixture
def plot(tmp_path):
    file = tmp_path / "loss.png"
    file.write_bytes(b"a picture")
    return file


def content(event):
    with fsspec.open(event.uri) as stream:
        return stream.read()


def test_an_artifact_is_kept_with_the_trial_and_told_of(place, begin, plot):
    trial = begin(place, attempt=1)
    trial.artifact(plot)
    plot.unlink()
    [event] = trial.events
    assert event == Saved(
        AttemptId(7, 1), "loss.png", event.uri, "image/png", 9, hashlib.sha256(b"a picture").hexdigest(), 5.0
    )
    assert event.uri.endswith("/digits/trial-000007/artifacts/001/loss.png")
    assert content(event) == b"a picture"


def test_an_artifact_may_have_another_name(place, begin, plot):
    trial = begin(place)
    trial.artifact(str(plot), name="plots/of training.data")
    [event] = trial.events
    assert (event.name, event.media_type) == ("plots/of training.data", "application/octet-stream")
    assert content(event) == b"a picture"


@pytest.mark.parametrize("name", [None, "model", "model.zip"])
def test_a_folder_is_kept_as_a_zip_file(place, begin, tmp_path, name):
    folder = tmp_path / "model"
    (folder / "parts").mkdir(parents=True)
    (folder / "parts" / "one.txt").write_text("1")
    trial = begin(place)
    trial.artifact(folder, name)
    [event] = trial.events
    assert (event.name, event.media_type) == ("model.zip", "application/zip")
    with zipfile.ZipFile(io.BytesIO(content(event))) as archive:
        assert archive.read("parts/one.txt") == b"1"


def test_the_same_name_again_takes_the_place_of_the_earlier_one(place, begin, plot):
    trial = begin(place)
    trial.artifact(plot)
    plot.write_bytes(b"a better picture")
    trial.artifact(plot)
    first, second = trial.events
    assert first.uri == second.uri
    assert content(second) == b"a better picture"


def test_another_attempt_does_not_change_what_this_one_kept(place, begin, plot):
    later, earlier = begin(place, attempt=1), begin(place)
    later.artifact(plot)
    plot.write_bytes(b"of the attempt that was believed dead")
    earlier.artifact(plot)
    assert content(later.events[0]) == b"a picture"


@pytest.mark.parametrize("name", ["../other", "/etc/passwd", "plots/../../x", "", "."])
def test_a_name_that_leads_elsewhere_is_refused(tmp_path, begin, plot, name):
    trial = begin(tmp_path)
    with pytest.raises(ValueError, match=f"an artifact cannot be called '{name}'; give a name such as"):
        trial.artifact(plot, name)
    assert trial.events == []


def test_a_missing_file_is_named(tmp_path, begin):
    with pytest.raises(FileNotFoundError, match=r"'missing\.png' cannot be kept as an artifact: there is no such file"):
        begin(tmp_path).artifact("missing.png")


def test_a_full_store_is_one_sentence(tmp_path, begin, plot):
    with pytest.raises(
        FilesError, match=r"trial 7: the artifact 'big' could not be kept \(No space left on device\); see to full://"
    ):
        begin(f"full://{tmp_path}").artifact(plot, "big")


def test_without_files_an_artifact_says_what_to_give_the_sweep(begin, plot):
    with pytest.raises(WorkersError, match=r"trial 7 has nowhere to keep .* artifacts; .* Sweep\(\.\.\., files="):
        begin(None).artifact(plot)
