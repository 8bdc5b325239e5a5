# SPDX-License-Identifier: Apache-2.0
"""Lines for sinks, and what a file of them must look like."""

import json
from pathlib import Path
from typing import Any


def line(seq: int, *argv: str, kind: str = "exec", cpu: int = 0) -> bytes:
    """A line as the encoder makes it: the head is what matters, the rest is filling."""
    fields = {
        "time": f"2026-11-23T02:04:06.{seq:09d}Z",
        "type": kind,
        "host": "box",
        "boot": "0123456789abcdef0123456789abcdef",
        "cpu": cpu,
        "seq": seq,
        "argv": list(argv),
    }
    return json.dumps(fields, separators=(",", ":")).encode() + b"\n"


def lines(first: int, count: int, *argv: str) -> list[bytes]:
    """Several of them, numbered on."""
    return [line(seq, *argv) for seq in range(first, first + count)]


def read(path: Path) -> list[dict[str, Any]]:
    """The records of a file, every line of which must be whole and valid."""
    data = path.read_bytes()
    assert not data or data.endswith(b"\n"), f"{path} ends in a torn line: {data[-80:]!r}"
    return [json.loads(text) for text in data.splitlines()]


def seqs(path: Path) -> list[int]:
    """Their numbers."""
    return [record["seq"] for record in read(path)]
