# SPDX-License-Identifier: Apache-2.0
"""Logs for tests of what reads them back: known records, in files as the daemon leaves them.

Owns making lines and files. Times are seconds after BEGIN_S.
"""

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from execaudit.records.text import dumps
from tests.golden.files import FOLDER

BEGIN_S = 1_795_000_000
BOOT = "b61050973c384f1da106800338fad3a0"
_TEMPLATE: dict[str, Any] = json.loads(
    (FOLDER / "programs.jsonl").read_bytes().splitlines()[1]
)  # fmt: skip


def time_text(second: float) -> str:
    """Return the time so many seconds after BEGIN_S, as records have it."""
    ns = round((BEGIN_S + second) * 10**9)
    whole, fraction = divmod(ns, 10**9)
    return f"{datetime.fromtimestamp(whole, UTC):%Y-%m-%dT%H:%M:%S}.{fraction:09d}Z"


def exec_fields(
    second: float, *, boot: str = BOOT, clock_s: float = 0, **members: Any
) -> dict[str, Any]:
    """Return an exec at a time; `clock_s` is by how much the wall clock is wrong then."""
    start_ns = int((second + 86400) * 10**9)
    fields = {
        **_TEMPLATE, "time": time_text(second + clock_s), "boot": boot,
        "id": f"{boot[:12]}-3e8-{start_ns:x}-5", "pid": 1000, "start": time_text(second + clock_s),
    }  # fmt: skip
    return {**fields, **members}


def own_fields(kind: str, second: float, **members: Any) -> dict[str, Any]:
    """Return a record of the daemon itself."""
    return {"time": time_text(second), "type": kind, "host": "h", "boot": BOOT, **members}


def lines_of(*records: dict[str, Any]) -> bytes:
    """Return the lines of records."""
    return b"".join(dumps(record) + b"\n" for record in records)


def rotated(path: Path, second: float, number: int = 0, suffix: str = "") -> Path:
    """Return the name of a file that was rotated at a time."""
    stamp = f"{datetime.fromtimestamp(BEGIN_S + second, UTC):%Y%m%dT%H%M%SZ}"
    return path.with_name(f"{path.name}.{stamp}" + (f"-{number}" if number else "") + suffix)


def compress(path: Path) -> Path:
    """Compress a file as the daemon does: another file, with .gz behind its name."""
    target = path.with_name(path.name + ".gz")
    target.write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()
    return target
