# SPDX-License-Identifier: Apache-2.0
"""The table on a terminal that changes its width while records come in."""

import fcntl
import json
import os
import pty
import struct
import subprocess
import sys
import termios
from pathlib import Path

from execaudit.wire import record
from tests.records import exec_record

MARK = "…"


def batch(raw: bytes) -> bytes:
    """One batch of one record, as execaudit.recording frames it."""
    return struct.pack("@cI", b"R", len(raw)) + raw + struct.pack("@cI", b"B", 0)


def read_line(fd: int) -> str:
    """One line from a terminal, without the escapes that colour it."""
    line = b""
    while not line.endswith(b"\n"):
        line += os.read(fd, 1)
    return line.decode().rstrip("\r\n")


def set_width(fd: int, columns: int) -> None:
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("@4H", 24, columns, 0, 0))


def test_table_follows_the_width_of_the_terminal(tmp_path: Path) -> None:
    fifo = tmp_path / "recording"
    os.mkfifo(fifo)
    master, slave = pty.openpty()
    set_width(master, 80)
    process = subprocess.Popen(
        ["/usr/bin/python3", "-m", "execaudit", "trace", "--color", "never", "--replay", str(fifo)],
        stdout=slave,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    )
    os.close(slave)
    try:
        header = {
            "format": "execaudit recording",
            "wire": record.WIRE_VERSION,
            "byteorder": sys.byteorder,
            "host": "h",
            "boot": "0" * 32,
            "wall_offset_ns": 0,
        }
        frames = batch(exec_record(*[b"word"] * 40))
        with fifo.open("wb", buffering=0) as file:
            file.write(json.dumps(header).encode() + b"\n" + frames)
            assert read_line(master).endswith("ARGS")
            narrow = read_line(master)
            set_width(master, 120)
            file.write(frames)
            wide = read_line(master)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
        os.close(master)
    assert len(narrow) <= 80 < len(wide) <= 120
    assert MARK in narrow
    assert MARK in wide
