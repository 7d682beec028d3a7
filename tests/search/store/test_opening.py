"""Opening, creating and refusing databases."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect

from paretree.search.store import Store, StoreError, Unreachable, migrate

from .conftest import address_of, create_sweep, execute


def test_a_new_store_is_empty_and_logs_ahead(path: Path):
    store = Store.open(f"sqlite:///{path}")
    assert store.sweeps() == []
    assert store.last_event() == 0
    store.close()
    with sqlite3.connect(path) as database:
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_bare_path_is_a_sqlite_file(path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(path.parent)
    store = Store.open("demo one?#%.db")
    create_sweep(store)
    store.close()
    assert (path.parent / "demo one?#%.db").is_file()


def test_what_was_stored_is_there_when_it_is_opened_again(empty: str):
    first = Store.open(empty)
    created = create_sweep(first)
    first.close()
    again = Store.open(empty)
    assert again.sweep("digits") == created
    again.close()


def test_opening_for_reading_reads_and_writes_nothing(url: str):
    writing = Store.open(url)
    created = create_sweep(writing)
    reading = Store.open(url, readonly=True)
    assert reading.sweep("digits") == created
    with pytest.raises(StoreError, match="was opened for reading only; open it without readonly=True"):
        create_sweep(reading, "another")
    writing.close()
    reading.close()

    alone = Store.open(url, readonly=True)
    assert [summary.sweep for summary in alone.sweeps()] == [created]
    alone.close()


def test_opening_for_reading_never_creates(path: Path):
    with pytest.raises(StoreError, match=f"there is no store at {path}; check the path"):
        Store.open(str(path), readonly=True)
    assert not path.exists()


def test_opening_an_empty_database_for_reading_changes_nothing(empty: str, path: Path):
    if "://" not in empty:
        path.touch()
    with pytest.raises(StoreError, match="is empty and was opened for reading only"):
        Store.open(empty, readonly=True)


def test_a_store_of_a_newer_version_is_refused(url: str):
    Store.open(url).close()
    execute(url, "UPDATE paretree_version SET version_num = 'r9999'")
    message = rf"has the schema r9999 of a newer Paretree than this one \({migrate.REVISION}\); upgrade"
    with pytest.raises(StoreError, match=message):
        Store.open(url)


def test_a_database_of_something_else_is_refused_and_left_as_it_is(empty: str):
    execute(empty, "CREATE TABLE studies (id INTEGER)")
    with pytest.raises(StoreError, match=r"is not a Paretree store: it has tables of something else \(studies\)"):
        Store.open(empty)
    engine = create_engine(address_of(empty))
    assert inspect(engine).get_table_names() == ["studies"]
    engine.dispose()


def test_a_server_that_does_not_answer_is_named_without_the_password():
    with pytest.raises(Unreachable, match=r"store postgresql://me:\*\*\*@.*/sweeps does not answer") as refusal:
        Store.open("postgresql://me:secret@127.0.0.1:1/sweeps")
    assert "secret" not in str(refusal.value)


def test_a_file_that_is_no_database_is_refused(path: Path):
    path.write_text("accuracy,params\n" * 100)
    with pytest.raises(StoreError, match=r"cannot be used \(file is not a database\); check"):
        Store.open(str(path))


def test_a_missing_folder_is_named(path: Path):
    folder = path.parent / "nowhere"
    with pytest.raises(StoreError, match=f"its folder does not exist; create {folder}"):
        Store.open(str(folder / "a.db"))


def test_a_folder_is_refused(tmp_path: Path):
    with pytest.raises(StoreError, match="is a folder; name a file in it"):
        Store.open(str(tmp_path))


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("mysql://me:secret@host/sweeps", "a store cannot be kept in 'mysql'"),
        ("postgresql+nonsense://me:secret@host/sweeps", "a driver that SQLAlchemy does not know"),
        ("postgresql+asyncpg://me:secret@host/sweeps", "needs the Python package 'asyncpg'"),
        ("postgresql://me:secret@host:port/sweeps", "not a URL that can be read; write sqlite:///FILE.db"),
        ("sqlite://", "does not name a plain file; write sqlite:///FILE.db"),
        ("sqlite:///:memory:", "does not name a plain file; write sqlite:///FILE.db"),
    ],
)
def test_an_address_that_cannot_be_opened_is_explained_without_its_password(url: str, message: str):
    with pytest.raises(StoreError, match=message) as refusal:
        Store.open(url)
    assert "secret" not in str(refusal.value)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_file_that_may_not_be_written_is_explained(path: Path):
    Store.open(str(path)).close()
    path.chmod(0o400)
    store = Store.open(str(path))
    with pytest.raises(StoreError, match="cannot be used"):
        create_sweep(store)


def test_processes_that_open_a_new_store_at_once_all_get_it(empty: str):
    script = "import sys; from paretree.search.store import Store; Store.open(sys.argv[1]).close()"
    processes = [
        subprocess.Popen([sys.executable, "-c", script, empty], stderr=subprocess.PIPE, text=True) for _ in range(4)
    ]
    errors = [process.communicate()[1] for process in processes]
    assert errors == [""] * 4


def test_processes_that_write_at_once_wait_for_each_other(store: Store, url: str):
    script = f"""
import sys
from paretree.search.store import Store
store = Store.open({url!r})
for number in range(50):
    store.create_sweep(name=sys.argv[1] + str(number), space={{}}, fingerprint="", objectives=[], constraints=[],
                       sampler="random", seed=None, entry_point=None)
"""
    processes = [
        subprocess.Popen([sys.executable, "-c", script, name], stderr=subprocess.PIPE, text=True) for name in "abc"
    ]
    errors = [process.communicate()[1] for process in processes]
    assert errors == [""] * 3
    assert len(store.sweeps()) == 150
