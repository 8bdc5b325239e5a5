# SPDX-License-Identifier: Apache-2.0
"""Reloads while a sink is in trouble, and two daemons on one file: the sums stay exact."""

import contextlib
import json
import secrets
import select
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.daemon_process import Daemon, last_words, wait_until
from tests.integration.launching import launch
from tests.integration.tracing import Record

Sections = dict[str, dict[str, object]]

EXECS = 120
INCOMPRESSIBLE = 4096  # bytes: what waits for the journal is compressed
ALONE: dict[str, object] = {"failures": "none"}
BIND = (
    "mount -t tmpfs -o mode=755 none /run && mkdir -p /run/systemd/journal"
    ' && mount --bind "{at}" /run/systemd/journal && exec "$@"'
)
TMPFS = 'mount -t tmpfs -o size=1m,mode=755 none "{at}" && exec "$@"'


@pytest.fixture
def tiny(programs: Path) -> str:
    return str(programs / "tiny")


def ours(tiny: str) -> str:
    """A rule that drops the execs of everybody else."""
    return f'[[rule]]\naction = "drop"\nnot.exe = "{tiny}"\n'


def in_own_mounts(script: str, at: Path) -> list[str]:
    """The beginning of a command that runs in mounts of its own."""
    return ["unshare", "-m", "sh", "-c", script.format(at=at), "sh"]


def run_some(tiny: str, word: str) -> None:
    for number in range(EXECS):
        launch([tiny, f"{word}-{number}"]).wait()


def read_lines(path: Path) -> list[Record]:
    return [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1]]


def lost_by(records: list[Record], sink: str) -> int:
    return sum(r["count"] for r in records if r["type"] == "lost" and r.get("sink") == sink)


def fill(path: Path) -> None:
    """Take all the room there is."""
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(b"x" * 4096):
            pass


def reload(daemon: Daemon) -> None:
    answer = daemon.call("reload")
    assert answer.returncode == 0, answer.stderr


@pytest.mark.parametrize("is_moved", [False, True], ids=["same-file", "other-file"])
def test_reload_on_a_full_disk_tells_of_every_record_that_was_lost(
    engine: str, tiny: str, place: Path, *, is_moved: bool
) -> None:
    disk = place / "disk"
    disk.mkdir()
    section: dict[str, object] = {"path": str(disk / "execaudit.jsonl")}
    sections: Sections = {"file": section, "capture": ALONE}
    command = in_own_mounts(TMPFS, disk)
    with Daemon(place, engine, sections, ours(tiny), command=command) as daemon:
        seen_disk = Path(f"/proc/{daemon.running.pid}/root{disk}")
        fill(seen_disk / "filler")
        run_some(tiny, "full")
        wait_until(lambda: "ropping records" in daemon.stderr)
        section |= {"num_logs": 3}
        daemon.configure(sections, ours(tiny))
        reload(daemon)
        run_some(tiny, "still")
        files = [seen_disk / "execaudit.jsonl"]
        if is_moved:
            section["path"] = str(daemon.log)
            daemon.configure(sections, ours(tiny))
            reload(daemon)
            files.append(daemon.log)
        else:
            (seen_disk / "filler").unlink()
            wait_until(lambda: lost_by(read_lines(files[0]), "file") > 0)
        run_some(tiny, "after")
        daemon.log = files[-1]
        daemon.settle(Path(tiny))
        status = daemon.status()
        records = [record for file in files for record in read_lines(file)]
    words = last_words(records, tiny)
    lost = lost_by(records, "file")
    assert lost >= EXECS // 2  # a few fitted in, or waited for the next write
    assert max(Counter(words).values()) == 1
    assert {f"after-{number}" for number in range(EXECS)} <= set(words)
    assert status["sinks"]["file"]["lost"] == lost
    assert status["sinks"]["file"]["written"] == len(records)
    assert status["events"]["seen"] - status["events"]["dropped"] == len(words) + lost


class Journal:
    """Takes entries where journald would, when it is told to."""

    def __init__(self, directory: Path) -> None:
        self.entries: list[bytes] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(directory / "socket"))
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._read)

    def read(self) -> None:
        self._thread.start()

    def _read(self) -> None:
        while not self._is_over.is_set():
            if select.select([self._socket], [], [], 0.1)[0]:
                self.entries.append(self._socket.recv(1 << 20))

    def close(self) -> None:
        self._is_over.set()
        if self._thread.ident is not None:
            self._thread.join()
        self._socket.close()

    def fields(self, name: str) -> list[str]:
        """The values of a field, of the entries that have it."""
        start = f"\n{name}=".encode()
        found = [entry.partition(start)[2].partition(b"\n")[0] for entry in list(self.entries)]
        return [value.decode() for value in found if value]


@pytest.fixture
def journal(place: Path) -> Iterator[Journal]:
    directory = place / "journal"
    directory.mkdir()
    journal = Journal(directory)
    yield journal
    journal.close()


def test_reload_goes_on_with_what_waits_for_a_journal_that_stands_still(
    engine: str, tiny: str, place: Path, journal: Journal
) -> None:
    section: dict[str, object] = {"enabled": True, "queue_bytes": "64K"}
    sections: Sections = {"journal": section, "capture": ALONE}
    command = in_own_mounts(BIND, place / "journal")
    with Daemon(place, engine, sections, ours(tiny), command=command) as daemon:
        run_some(tiny, secrets.token_hex(INCOMPRESSIBLE))
        wait_until(lambda: daemon.status()["sinks"]["journal"]["lost"] > 0)
        section["queue_bytes"] = "1M"
        daemon.configure(sections, ours(tiny))
        reload(daemon)
        run_some(tiny, "roomier")
        journal.read()
        wait_until(lambda: lost_by(daemon.records(), "journal") > 0)
        daemon.settle(Path(tiny))
        lost = lost_by(daemon.records(), "journal")
        wait_until(lambda: daemon.status()["sinks"]["journal"]["queue_depth"] == 0)
        status = daemon.status()
        wanted = status["sinks"]["journal"]["written"]
        wait_until(lambda: len(journal.entries) == wanted, lambda: f"{len(journal.entries)}")
    execs = journal.fields("EXECAUDIT_FILENAME").count(tiny)
    assert 0 < lost < EXECS
    assert status["sinks"]["journal"]["lost"] == lost
    assert status["events"]["seen"] - status["events"]["dropped"] == execs + lost
    assert journal.fields("EXECAUDIT_COUNT") == [str(lost)]


def test_journal_that_stands_still_and_is_switched_off_is_told_of_in_the_file(
    engine: str, tiny: str, place: Path, journal: Journal
) -> None:
    sections: Sections = {"journal": {"enabled": True}, "capture": ALONE}
    command = in_own_mounts(BIND, place / "journal")
    with Daemon(place, engine, sections, ours(tiny), command=command) as daemon:
        run_some(tiny, "stuck")
        daemon.settle(Path(tiny))
        before = daemon.status()
        daemon.configure({"journal": {"enabled": False}, "capture": ALONE}, ours(tiny))
        reload(daemon)
        records = daemon.records()
        journal.read()
        wanted = before["sinks"]["journal"]["written"]
        wait_until(lambda: len(journal.entries) == wanted, lambda: f"{len(journal.entries)}")
        stderr = daemon.stderr
    execs = journal.fields("EXECAUDIT_FILENAME").count(tiny)
    (lost,) = [r for r in records if r.get("sink") == "journal"]
    assert lost["reason"] == "closed"
    assert lost["count"] == len(last_words(records, tiny)) - execs
    assert lost["first_missed"]["time"] < lost["last_missed"]["time"]
    assert "the journal does not take them" in stderr


def test_second_daemon_on_a_file_is_refused_and_the_first_named(tiny: str, place: Path) -> None:
    with Daemon(place, "auto") as daemon:
        second = daemon.call("daemon")
        launch([tiny, "goes-on"]).wait()
        daemon.settle(Path(tiny))
        daemon.stop()
        records = daemon.records()
    assert second.returncode == 6
    assert f"process {daemon.running.pid} writes to it" in second.stderr
    assert "file of its own" in second.stderr
    assert [r["type"] for r in records].count("start") == 1
    assert last_words(records, tiny).count("goes-on") == 1
