"""Looking after a store from the command line."""

from __future__ import annotations

import sqlite3


def test_a_store_is_checked_and_copied(paretree):
    paretree("run", "cheap.py", "--trials", 2, "--workers", "inline")
    assert paretree("db", "check").stdout == "The store is whole.\n"
    assert paretree("db", "backup", "copy.db").returncode == 0
    assert paretree.json("ls", "--store", "copy.db") == paretree.json("ls")
    assert "has the schema" in paretree("db", "upgrade").stdout
    again = paretree("db", "backup", "copy.db")
    assert again.returncode == 1
    assert "the backup copy.db exists already" in again.stderr


def test_what_is_wrong_with_a_store_is_told_and_is_no_success(paretree):
    paretree("run", "cheap.py", "--trials", 2, "--workers", "inline")
    with sqlite3.connect(paretree.folder / "paretree.db") as database:
        database.execute("UPDATE trial SET finished_at = NULL")
    database.close()
    done = paretree("db", "check")
    assert done.returncode == 1
    assert done.stderr == "Trials that have ended at no time: trial 0 of sweep 'cheap', trial 1 of sweep 'cheap'.\n"
