"""One SQLite file: its connections and transactions, and the fence against earlier writers."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, select, update

from orchestrator.errors import StorageUnavailable, StoreFenced
from orchestrator.store.storage_errors import Trouble, explained, unavailable
from orchestrator.store.tables import store_state

BUSY_TIMEOUT_S = 5.0
QUEUE_TIMEOUT_S = 10.0
BEGIN = "tandem_begin"
PATIENCE_S = "tandem_patience_s"
# A committed job survives a power cut: FULL flushes the write-ahead log at every commit, and
# fullfsync makes macOS reach the disk itself.
PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA fullfsync = ON",
    "PRAGMA foreign_keys = ON",
)


class Database:
    """Transactions on a database file, from any thread.

    Writes of this process queue up. Each begins with ``BEGIN IMMEDIATE``, so that nobody else
    changes what it reads, and is rolled back as a whole if it fails. Reads do not wait. A write
    waits for another process's lock for ``BUSY_TIMEOUT_S``, counted from when the write was asked
    for. So if many come at once, they are all refused at that time, and not one after the other.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self.engine = make_engine(file)
        self._writing = threading.Lock()
        self._closed = False
        self._refused: tuple[float, str] | None = None  # when, and why: the last write that was
        self.writer_epoch = 0

    def claim(self) -> int:
        """Makes this database object the only one that may write. Returns the new writer epoch."""
        with self.unfenced() as connection:
            epoch: int = connection.execute(select(store_state.c.writer_epoch)).scalar_one() + 1
            connection.execute(update(store_state).values(writer_epoch=epoch))
        self.writer_epoch = epoch
        return epoch

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A read transaction: one consistent view. Raises ``StorageUnavailable``."""
        self._check_open()
        with explained(self.file), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A write transaction. Raises ``StorageUnavailable``, ``StoreFenced``."""
        with self.unfenced() as connection:
            self._check_fence(connection)
            yield connection

    @contextmanager
    def unfenced(self) -> Iterator[Connection]:
        """A write transaction without the fence, to prepare the store. Raises
        ``StorageUnavailable``."""
        with self._queued() as patience_s, self._noted(), explained(self.file):
            writer = self.engine.execution_options(
                **{BEGIN: "BEGIN IMMEDIATE", PATIENCE_S: patience_s}
            )
            with writer.begin() as connection:
                yield connection

    def journal_mode(self) -> str:
        """The journal mode in use. It may differ from the write-ahead log that was asked for."""
        with self.read() as connection:
            return str(connection.exec_driver_sql("PRAGMA journal_mode").scalar_one())

    def close(self) -> None:
        """Waits for the write under way. Nothing can be read or written afterwards."""
        with self._writing:
            self._closed = True
            self.engine.dispose()

    @contextmanager
    def _queued(self) -> Iterator[float]:
        """Waits for the turn. Gives the seconds that are left to wait for other processes."""
        since_s = time.monotonic()
        if not self._writing.acquire(timeout=QUEUE_TIMEOUT_S):
            if self._refused is not None and self._refused[0] >= since_s:
                raise StorageUnavailable(self._refused[1])  # the earlier writes failed by this
            cause = f"other writes have kept this one waiting for {QUEUE_TIMEOUT_S:.0f} s"
            raise unavailable(self.file, Trouble(cause, "is its disk too slow or overloaded?"))
        try:
            self._check_open()
            yield max(0.0, BUSY_TIMEOUT_S - (time.monotonic() - since_s))
        finally:
            self._writing.release()

    @contextmanager
    def _noted(self) -> Iterator[None]:
        try:
            yield
        except StorageUnavailable as error:
            self._refused = (time.monotonic(), error.message)
            raise

    def _check_open(self) -> None:
        if self._closed:
            raise unavailable(self.file, Trouble("it has been closed", "ask the JobManager anew"))

    def _check_fence(self, connection: Connection) -> None:
        epoch = connection.execute(select(store_state.c.writer_epoch)).scalar_one()
        if epoch != self.writer_epoch:
            raise StoreFenced(
                f"The store {self.file} belongs to a newer JobManager (writer epoch {epoch}; this "
                f"one's is {self.writer_epoch}): nothing was saved; end this process, the newer "
                "one goes on with its jobs"
            )


def make_engine(file: Path) -> Engine:
    """Connections to ``file``. Their transactions begin at once; Python's own begin at the first
    change."""
    url = URL.create("sqlite", database=str(file))
    engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_S}, max_overflow=-1)
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: Any, _record: Any) -> None:
    for pragma in PRAGMAS:
        connection.execute(pragma)


def _begin(connection: Connection) -> None:
    options = connection.get_execution_options()
    patience_ms = round(1000 * options.get(PATIENCE_S, BUSY_TIMEOUT_S))
    connection.exec_driver_sql(f"PRAGMA busy_timeout = {patience_ms}")
    connection.exec_driver_sql(options.get(BEGIN, "BEGIN"))
