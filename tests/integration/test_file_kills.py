# SPDX-License-Identifier: Apache-2.0
"""SIGKILL at any moment: what is in the files is whole, and what is missing is the end of a run."""

import gzip
import json
import os
import random
import select
import signal
from pathlib import Path

from execaudit.sinks.file import FileSink
from tests.lines import lines
from tests.sinks import FinishedEntries, plain_file, write

KILLS = 50
_RANDOM = random.Random(1)  # noqa: S311 - not for secrets
RUN = 10**6
"""Numbers of lines of one run begin at a multiple of it."""


def open_sink(path: Path) -> FileSink:
    return FileSink(plain_file(path, max_file_bytes=8 << 20, compress="gzip"), FinishedEntries())


def write_for_ever(path: Path, run: int, started: int) -> None:
    """The child: batches of many pages, whose write a signal may cut short."""
    sink = open_sink(path)
    seq = run * RUN
    _RANDOM.seed(run)
    while True:
        count = _RANDOM.randrange(1, 40)
        write(sink, lines(seq, count, "x" * _RANDOM.randrange(150_000)))
        seq += count
        sink.on_timer(0)
        if started >= 0:
            os.write(started, b"x")
            os.close(started)
            started = -1


def run_and_kill(path: Path, run: int) -> None:
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            write_for_ever(path, run, writing)
        finally:
            os._exit(1)
    os.close(writing)
    assert os.read(reading, 1) == b"x", "the child ended by itself"
    os.close(reading)
    # A random moment within rotations and batches; there is nothing to wait for.
    select.select([], [], [], _RANDOM.uniform(0, 0.08))
    os.kill(child, signal.SIGKILL)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def whole_lines(path: Path) -> list[int]:
    data = path.read_bytes()
    if path.suffix == ".gz":
        data = gzip.decompress(data)
    assert not data or data.endswith(b"\n"), path
    return [json.loads(line)["seq"] for line in data.splitlines()]


def test_files_are_valid_line_by_line_after_fifty_kills(tmp_path: Path) -> None:
    directory = tmp_path / "log"
    path = directory / "execaudit.jsonl"
    torn = 0
    for run in range(KILLS):
        run_and_kill(path, run)
        left = path.read_bytes() if path.exists() else b""
        torn += bool(left) and not left.endswith(b"\n")
        sink = open_sink(path)
        torn_bytes = len(left) - (left.rfind(b"\n") + 1)
        said = " ".join(text for _, text in sink.notices.take())
        assert (f"ended in {torn_bytes} torn bytes: set aside" in said) == bool(torn_bytes)
        # Right after a rotation the record before may be in a compressed file already.
        last = sink.last_record
        assert last is not None or not left
        assert last is None or last["seq"] // RUN == run
        sink.close()
        compressing = sink._generations._background._thread
        if compressing is not None:  # close() does not wait for a disk that is slow
            compressing.join()
    assert len(list(directory.glob("*.torn-*"))) == torn

    found: list[int] = []
    for file in sorted(directory.iterdir(), key=lambda one: (one == path, one.name)):
        assert not file.name.endswith(".part")
        if ".torn-" not in file.name:
            found += whole_lines(file)
    assert len(found) == len(set(found)), "a line is there twice"
    by_run: dict[int, list[int]] = {}
    for seq in sorted(found):
        by_run.setdefault(seq // RUN, []).append(seq % RUN)
    assert list(by_run) == list(range(KILLS))
    for run, seqs in by_run.items():
        assert seqs == list(range(len(seqs))), f"run {run} misses lines before its end"
