# SPDX-License-Identifier: Apache-2.0
"""The journal sink and a real journald: exact, never in the way, and back by itself."""

import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from execaudit.config.schema import Journal
from execaudit.records.journal import wire_entry
from execaudit.records.journal_encoder import JournalEncoder
from execaudit.sinks.clock import Clock
from execaudit.sinks.journal import JournalSink
from tests.clocks import FakeClock
from tests.events import decode
from tests.journald import Journald, running_journald
from tests.records import exec_record, leaf_first, make_host
from tests.sinks import FinishedEntries, write

if TYPE_CHECKING:
    from execaudit.records.lost import Incident

HOST = make_host()


@pytest.fixture(scope="module")
def shared() -> Iterator[Journald]:
    """One journald for tests that leave it as it was; each has a marker of its own."""
    with running_journald() as journald:
        yield journald


@pytest.fixture
def journald() -> Iterator[Journald]:
    with running_journald() as journald:
        yield journald


class Sender:
    """A sink, called as the daemon's loop calls it. A call that waits for journald never ends."""

    def __init__(
        self, journald: Journald, queue_bytes: int = 8 << 20, clock: Clock | None = None
    ) -> None:
        self.sink = JournalSink(
            Journal(queue_bytes=queue_bytes),
            FinishedEntries(),
            clock=clock,
            socket_path=journald.socket_path,
        )
        self.incidents: list[Incident] = []

    def write(self, *entries: bytes) -> None:
        write(self.sink, list(entries))
        self.sink.on_timer(time.monotonic())

    def turn(self) -> float | None:
        """One turn of the loop: wait for the deadline, then call."""
        deadline = self.sink.on_timer(time.monotonic())
        if deadline is not None:
            time.sleep(max(deadline - time.monotonic(), 0))
        self.incidents += self.sink.losses.take()
        return deadline

    def settle(self) -> None:
        """Go on until nothing waits."""
        end = time.monotonic() + 30
        while self.turn() is not None:
            assert time.monotonic() < end, self.sink.counters
        self.turn()


Connect = Callable[..., Sender]


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Makes senders, and closes their sinks."""
    senders: list[Sender] = []

    def make(journald: Journald, **settings: Any) -> Sender:
        senders.append(Sender(journald, **settings))
        return senders[-1]

    yield make
    for sender in senders:
        sender.sink.close()


def entry(marker: str, seq: int = 1, size: int = 0, **fields: Any) -> bytes:
    record = {
        "time": "2026-03-01T12:34:56.789012345Z",
        "type": "exec",
        "cpu": 0,
        "seq": seq,
        "unit": marker,
        "uid": 0,
        "argv": ["x" * size],
        **fields,
    }
    return wire_entry(record, "execaudit")


def sent_seqs(journald: Journald, marker: str) -> list[int]:
    return [int(found["EXECAUDIT_SEQ"]) for found in journald.query(f"EXECAUDIT_UNIT={marker}")]


def test_query_by_fields_finds_exactly_the_record(shared: Journald, connect: Connect) -> None:
    encoder = JournalEncoder(HOST, "execaudit")
    entries = []
    for seq, (auid, exe) in enumerate(
        [(1000, b"/usr/bin/curl"), (1000, b"/usr/bin/curlew"), (10, b"/usr/bin/curl")]
    ):
        raw = exec_record(
            b"curl", b"-s", "https://ex\u00e4mple/".encode(), b"a b", b"",
            exe=leaf_first(exe), auid=auid, seq=seq + 1, cwd=leaf_first(b"/query"),
        )  # fmt: skip
        (event,) = decode(raw, host=HOST)
        entries.append(encoder.encode(event))
    sender = connect(shared)
    sender.write(*entries)
    sender.settle()

    (found,) = shared.query(
        "EXECAUDIT_AUID=1000", "EXECAUDIT_EXE=/usr/bin/curl", "EXECAUDIT_CWD=/query"
    )

    assert found["SYSLOG_IDENTIFIER"] == "execaudit"
    assert found["PRIORITY"] == "6"
    assert json.loads(found["EXECAUDIT_ARGV"]) == ["curl", "-s", "https://ex\u00e4mple/", "a b", ""]
    assert found["EXECAUDIT_CMDLINE"] == "curl -s https://ex\u00e4mple/ 'a b' ''"
    assert found["MESSAGE"] == (
        "root (login ann) ran /usr/bin/ls -s https://ex\u00e4mple/ 'a b' ''"
        " [pid 1000, parent bash 900]"
    )
    assert found["EXECAUDIT_SEQ"] == "1"


def test_every_byte_of_every_field_arrives(shared: Journald, connect: Connect) -> None:
    cwd = "new\nline\t\x01\x7f\ufffd\u202e'\"\\ =EXECAUDIT_UID=7\nEXECAUDIT_UID=8\n"
    fields: dict[str, Any] = {
        "cwd": cwd,
        "argv": ["a\nb", "\ufffd", "", "\x00" * 0, "\U0001f600"],
        "argv_b64": {"1": "/w=="},
        "caps": {"effective": "1ffffffffff"},
        "labels": ["one", "two"],
        "ancestors": [{"pid": 1, "comm": "x\ny"}],
    }
    sender = connect(shared)
    sender.write(entry("bytes", **fields))
    sender.settle()

    (found,) = shared.export("EXECAUDIT_UNIT=bytes")
    assert found[b"EXECAUDIT_CWD"] == cwd.encode()
    assert json.loads(found[b"EXECAUDIT_ARGV"]) == fields["argv"]
    assert json.loads(found[b"EXECAUDIT_ARGV_B64"]) == {"1": "/w=="}
    assert found[b"EXECAUDIT_CAPS_EFFECTIVE"] == b"1ffffffffff"
    assert found[b"EXECAUDIT_UID"] == b"0"
    (found_by_value,) = shared.query(f"EXECAUDIT_CWD={cwd}")
    assert found_by_value["EXECAUDIT_UNIT"] == "bytes"
    assert shared.query("EXECAUDIT_UID=7") == []
    (by_label,) = shared.query("EXECAUDIT_LABELS=two")
    assert by_label["EXECAUDIT_LABELS"] == ["one", "two"]


@pytest.mark.parametrize("size", [20_000, 300_000, 3_000_000, 12_000_000])
def test_large_entry_arrives_whole(shared: Journald, connect: Connect, size: int) -> None:
    sender = connect(shared)
    sender.write(entry(f"large{size}", size=size), entry(f"large{size}", 2))
    sender.settle()

    first, second = shared.export(f"EXECAUDIT_UNIT=large{size}")
    assert json.loads(first[b"EXECAUDIT_ARGV"]) == ["x" * size]
    assert second[b"EXECAUDIT_SEQ"] == b"2"
    assert (sender.sink.counters.written, sender.sink.counters.lost) == (2, 0)


def test_explanation_of_an_entry_names_its_program(shared: Journald, connect: Connect) -> None:
    sender = connect(shared)
    sender.write(entry("explained", pid=4242, exe="/usr/bin/curl", argv=["curl", "x"]))
    sender.settle()

    text = shared.run("journalctl", "-x", "--no-pager", "EXECAUDIT_UNIT=explained")

    assert "A program was started: /usr/bin/curl" in text
    assert "Process 4242" in text
    assert "\N{LIGHT SHADE}     curl x\n" in text


def test_stopped_journald_is_never_waited_for_and_gets_everything_later(
    journald: Journald, connect: Connect
) -> None:
    sender = connect(journald)
    sender.write(entry("stopped", 1))
    journald.signal(signal.SIGSTOP)
    seq = 1
    while sender.sink.queue_depth < 1000:
        sender.write(*[entry("stopped", seq + n) for n in range(1, 51)])
        seq += 50
    for _ in range(5):
        sender.turn()
    assert sender.sink.counters.lost == 0

    journald.signal(signal.SIGCONT)
    sender.settle()

    assert sent_seqs(journald, "stopped") == list(range(1, seq + 1))
    assert sender.sink.counters.written == seq
    assert (sender.sink.queue_depth, sender.sink.queue_bytes) == (0, 0)


def test_queue_has_a_bound_and_what_exceeds_it_is_counted(
    journald: Journald, connect: Connect
) -> None:
    sender = connect(journald, queue_bytes=200_000)
    journald.signal(signal.SIGSTOP)
    seq = 0
    while sender.sink.counters.lost < 500:
        sender.write(*[entry("bound", seq + n) for n in range(1, 51)])
        seq += 50
        assert sender.sink.queue_bytes <= 200_000
    sender.write(entry("bound", 10**6, type="lost", count=5))
    sender.turn()
    assert sender.incidents == []

    journald.signal(signal.SIGCONT)
    sender.settle()

    found = sent_seqs(journald, "bound")
    counters = sender.sink.counters
    assert counters.written + counters.lost == seq + 1
    assert found == [*range(1, counters.written), 10**6]
    (incident,) = sender.incidents
    assert (incident.reason, incident.count) == ("overflow", counters.lost)
    assert incident.first
    assert incident.last
    assert (incident.first.seq, incident.last.seq) == (counters.written, seq)
    assert incident.first_ns < incident.last_ns
    notices = [text for _, text in sender.sink.notices.take()]
    assert len(notices) == 2
    assert "dropping" in notices[0]
    assert f"{counters.lost} records were lost" in notices[1]


def test_large_entries_for_a_stopped_journald_wait_too(
    journald: Journald, connect: Connect
) -> None:
    sender = connect(journald, queue_bytes=40 << 20)
    journald.signal(signal.SIGSTOP)
    for seq in range(1, 13):
        sender.write(entry("heap", seq, size=10 if seq % 3 else 3_000_000))

    journald.signal(signal.SIGCONT)
    sender.settle()

    assert sent_seqs(journald, "heap") == list(range(1, 13))
    links = subprocess.run(
        ["ls", "-l", f"/proc/{os.getpid()}/fd"], check=True, capture_output=True, text=True
    )
    assert "execaudit-entry" not in links.stdout


def test_journald_that_is_killed_and_comes_back_gets_what_came_meanwhile(
    journald: Journald, connect: Connect
) -> None:
    sender = connect(journald)
    sender.write(*[entry("killed", seq) for seq in range(1, 101)])
    sender.settle()
    assert len(sent_seqs(journald, "killed")) == 100
    journald.kill()
    for seq in range(101, 201):
        sender.write(entry("killed", seq))
    sender.turn()
    assert sender.sink.queue_depth == 100
    assert "Failed to reach the journal" in str(sender.sink.notices.take())

    journald.start()
    sender.settle()

    assert sent_seqs(journald, "killed") == list(range(1, 201))
    assert sender.sink.counters.lost == 0
    assert "Writing to the journal again" in str(sender.sink.notices.take())


def test_journald_that_is_not_there_yet_is_waited_for_without_waiting(
    journald: Journald, connect: Connect
) -> None:
    journald.kill()
    sender = connect(journald)
    sender.write(entry("late", 1))
    deadline = sender.turn()
    assert deadline is not None
    assert sender.sink.queue_depth == 1

    journald.start()
    sender.settle()

    assert sent_seqs(journald, "late") == [1]


def test_closing_with_a_stopped_journald_ends_and_counts(
    journald: Journald, connect: Connect
) -> None:
    sender = connect(journald)
    journald.signal(signal.SIGSTOP)
    while not sender.sink.queue_depth:
        sender.write(*[entry("closing", seq) for seq in range(50)])
    waiting = sender.sink.queue_depth
    sender.sink.close()

    assert sender.sink.counters.lost == waiting


def test_closing_sends_what_waits(journald: Journald, connect: Connect) -> None:
    # Where the machine is busy, journald may come too late for a clock that goes on.
    sender = connect(journald, clock=FakeClock())
    journald.signal(signal.SIGSTOP)
    total = 0
    while sender.sink.queue_depth < 500:
        sender.write(*[entry("flush", total + n) for n in range(50)])
        total += 50
    waker = threading.Timer(0.2, lambda: journald.signal(signal.SIGCONT))
    waker.start()
    sender.sink.close()
    waker.join()

    assert sent_seqs(journald, "flush") == list(range(total))
    assert sender.sink.counters.lost == 0


def test_storm_with_stops_adds_up(journald: Journald, connect: Connect) -> None:
    """What was handed over is in the journal; the rest was counted."""
    sender = connect(journald, queue_bytes=100_000)
    seq = 0
    for turn in range(300):
        sender.write(*[entry("storm", seq + n) for n in range(1, 41)])
        seq += 40
        if turn % 60 == 20:
            journald.signal(signal.SIGSTOP)
        elif turn % 60 == 50:
            journald.signal(signal.SIGCONT)
    sender.settle()

    found = sent_seqs(journald, "storm")
    counters = sender.sink.counters
    assert len(found) == len(set(found)) == counters.written
    assert counters.written + counters.lost == seq
    assert sum(incident.count for incident in sender.incidents) == counters.lost


def test_socket_that_refuses_is_tried_ever_more_rarely(tmp_path: Any) -> None:
    """A socket that takes connections and closes at once, as a filter might."""
    path = str(tmp_path / "socket")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.bind(path)
    listener.close()

    class Steady(Clock):
        now_s = 0.0

        def steady_s(self) -> float:
            return self.now_s

    clock = Steady()
    sink = JournalSink(Journal(), FinishedEntries(), clock=clock, socket_path=path)
    write(sink, [entry("refused")])
    waits = []
    for _ in range(7):
        deadline = sink.on_timer(clock.now_s)
        assert deadline is not None
        waits.append(round(deadline - clock.now_s, 3))
        clock.now_s = deadline

    assert waits[-1] == 1.0
    assert waits == sorted(waits)
    assert len(sink.notices.take()) == 1
