# SPDX-License-Identifier: Apache-2.0
"""Records for rules to decide on."""

from typing import Any


def record(pid: int = 10, exec_count: int = 1, above: tuple[int, ...] = (), **more: Any) -> Any:
    """Make an exec record. Processes start at 1000 times their pid."""
    return {
        "type": "exec",
        "id": f"boot-{pid:x}-{pid * 1000:x}-{exec_count:x}",
        "uid": 1000,
        "comm": "ls",
        "exe": "/usr/bin/ls",
        "argv": ["ls", "-l"],
        "argc": 2,
        "result": "success",
        "ancestors": [
            {"id": f"boot-{each:x}-{each * 1000:x}-1", "pid": each, "comm": "x"} for each in above
        ],
    } | more
