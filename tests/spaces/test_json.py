"""A space is data: written as JSON it is the same space in every process, and nothing is imported to read it."""

import json
import math
import re
import subprocess
import sys
from pathlib import Path

import pytest

import paretree
from paretree.spaces import (
    Build,
    Choice,
    Float,
    Int,
    Maybe,
    Normal,
    Repeat,
    Space,
    SpaceError,
    UnstorableWarning,
    apply,
    nn,
    share,
    where,
)

DOCUMENT = Path(paretree.__file__).parent / "docs" / "space-format.md"


def through_text(space: Space) -> Space:
    return Space.from_json(json.dumps(space.to_json(), allow_nan=False))


SPACES = {
    "empty": lambda: Space(),
    "numbers": lambda: Space(
        a=Float(0, 1), b=Float(1e-4, 1, log=True, prior=Normal(0.1, 2.0)), c=Int(1, 9, step=2, prior=3)
    ),
    "choices": lambda: Space(
        a=Choice(1, "b", None, 2.5, False), b=Choice(x=1, y=Int(1, 2), weights=(1, 2)), c=Maybe(3)
    ),
    "data": lambda: Space(a=[1, (2, (3,)), {"b": [None, "x"]}], b={1: "a", (2, 3): "b"}, c=(), d=[], e={}, f=math.inf),
    "callables": lambda: Space(a=math.sqrt, b=Choice(math.sqrt, math.log), c=Build(dict, key=math.sqrt)),
    "odd names": lambda: Space(a=Choice(**{"3x3": 1, "class": Int(1, 2)}), b=Build("builtins:dict", **{"in-out": 1})),
    "copies": lambda: Space(
        a=Repeat(Repeat(Int(1, 2), 2, tied=True), share("n", Choice(0, 2))), n=share("n", Choice(0, 2))
    ),
    "containers": lambda: Space(a=[Int(1, 2), (Int(1, 2), {"b": Int(1, 2)})], b=(Int(1, 2),)),
    "expressions": lambda: Space(
        twice=2 * (w := Int(1, 9)), width=w, root=apply(math.sqrt, w), deep=where((w > 3) & (w < 6), w, -w)
    ),
    "expressions in shared parts": lambda: Space(
        **{name: {"s": share("s", {"w": (w := Int(1, 9)), "twice": [2 * w]})} for name in ("a", "b")}
    ),
    "expressions in copies": lambda: Space(a=Repeat({"w": (w := Int(1, 9)), "twice": 2 * w}, Int(1, 3))),
    "layers": lambda: Space(
        model=nn.Seq(Repeat(nn.Conv2d(Int(1, 8), name="conv"), 2), Maybe(nn.Dropout()), nn.Linear(10, name="head"))
    ),
}


@pytest.mark.parametrize("kind", SPACES)
def test_a_space_is_the_same_after_a_round_trip(kind):
    space = SPACES[kind]()

    read = through_text(space)

    assert read == space
    assert read.fingerprint == space.fingerprint
    assert read.slots == space.slots
    for seed in range(10):
        sample = space.sample(seed)
        assert read.sample(seed) == sample
        if kind != "layers":
            assert read.configuration(sample.to_json()).build() == sample.build()


def test_the_fingerprint_tells_spaces_apart():
    spaces = [
        Space(x=Int(1, 2)),
        Space(x=Int(1, 3)),
        Space(y=Int(1, 2)),
        Space(x=Float(1, 2)),
        Space(x=Choice(1, 2)),
        Space(x=Choice(1.0, 2)),
        Space(x=Choice(True, 2)),
        Space(x=Choice("1", 2)),
        Space(x=[1]),
        Space(x=(1,)),
        Space(x=Int(1, 2), y=1),
        Space(y=1, x=Int(1, 2)),
    ]

    assert len(set(spaces)) == len(spaces)


def test_numbers_written_as_numpy_have_the_same_fingerprint():
    import numpy as np

    assert Space(x=Int(np.int64(1), 2), y=np.float64(0.5)) == Space(x=Int(1, 2), y=0.5)


def test_reading_a_space_imports_nothing_of_what_it_builds():
    data = {
        "format": "paretree.space",
        "version": 1,
        "parts": [
            ["a", {"node": "build", "fn": "no_such_module:f", "args": [], "kwargs": []}],
            ["b", [{"callable": "no_such_module:g"}]],
        ],
    }

    space = Space.from_json(data)

    assert space.to_json() == data
    with pytest.raises(ImportError, match="no_such_module"):
        space.sample(0).build()


def test_a_callable_that_is_a_value_comes_back_as_itself():
    space = through_text(Space(activation=Choice(math.sqrt, math.log)))

    assert space.configuration({"activation": "log"}).activation is math.log


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            {"format": "paretree.space", "version": 2, "parts": []},
            "has format version 2, and this package reads up to 1",
        ),
        ({"format": "paretree.space", "parts": []}, "has format version None"),
        ({"version": 1, "parts": []}, "is no stored space: it lacks 'format': 'paretree.space'"),
        ([], "is no stored space"),
        (
            {"format": "paretree.space", "version": 1, "parts": [["x", {"node": "tesseract"}]]},
            "holds a node 'tesseract'",
        ),
        ({"format": "paretree.space", "version": 1, "parts": [["x", {"set": []}]]}, "holds {'set': .*cannot read"),
    ],
)
def test_what_cannot_be_read_is_refused(data, message):
    with pytest.raises(ValueError, match=message):
        Space.from_json(data)


def test_a_lambda_is_refused_where_the_space_is_stored():
    with pytest.warns(UnstorableWarning):
        space = Space(model=[1, Build(lambda: 1)])

    with pytest.raises(
        SpaceError, match="at 'model/1': a lambda or local function cannot be stored; move it to the top"
    ):
        space.to_json()
    assert space == space, "a space that cannot be stored is equal to itself"


SCRIPT = """
from paretree.spaces import Build, Choice, Int, Space, apply

class Net:
    @classmethod
    def small(cls, width): return width

def twice(x): return 2 * x

space = Space(a=Build(twice, Int(1, 9)), b=Build(Net.small, Choice(1, 2)), c=[twice, Net])
if __name__ == "__main__":
    print(space.fingerprint, Space.from_json(space.to_json()).sample(0).build()["c"] == [twice, Net])
"""


def output_of(*arguments: str, folder: Path, hash_seed: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={"PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_a_script_has_the_same_fingerprint_whether_it_is_run_or_imported(tmp_path):
    (tmp_path / "train.py").write_text(SCRIPT)
    importing = "import train; print(train.space.fingerprint, True)"

    run = output_of("train.py", folder=tmp_path, hash_seed="1")
    as_module = output_of("-m", "train", folder=tmp_path, hash_seed="2")
    imported = output_of("-c", importing, folder=tmp_path, hash_seed="3")

    assert run == as_module == imported
    assert run.endswith("True"), "the callables did not come back as themselves"


def test_a_module_of_a_package_has_the_same_fingerprint_whether_it_is_run_or_imported(tmp_path):
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "__init__.py").touch()
    (tmp_path / "project" / "train.py").write_text(SCRIPT)

    run = output_of("-m", "project.train", folder=tmp_path, hash_seed="1")
    imported = output_of(
        "-c", "from project.train import space; print(space.fingerprint, True)", folder=tmp_path, hash_seed="2"
    )

    assert run == imported


def documented(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)


@pytest.fixture
def documented_space() -> Space:
    names: dict = {}
    exec(documented("python")[0], names)
    return names["space"]


def test_the_example_in_the_documentation_is_what_is_written(documented_space):
    assert documented_space.to_json() == json.loads(documented("json")[0])


def test_the_fingerprint_in_the_documentation_is_that_of_its_example(documented_space):
    assert documented_space.fingerprint in DOCUMENT.read_text()


def test_the_configuration_in_the_documentation_is_one_of_its_example(documented_space):
    written = json.loads(documented("json")[1])

    assert documented_space.configuration(written).to_json() == written
