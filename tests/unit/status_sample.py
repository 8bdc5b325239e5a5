# SPDX-License-Identifier: Apache-2.0
"""A status as `execaudit status --json` prints it."""

from typing import Any

STATUS: dict[str, Any] = {
    "pid": 71,
    "uptime_s": 94000.4,
    "events_per_second": 1234.56,
    "engine": "libbpf",
    "failure_hook": "",
    "ring": {"size_bytes": 4 << 20, "high_water_bytes": 1 << 20},
    "config_hash": "ab" * 32,
    "events": {"seen": 1234567, "dropped": 2, "limited": 3, "collapsed": 4, "lost": 5},
    "sinks": {
        "file": {
            "written": 1000,
            "bytes": 5 << 30,
            "lost": 7,
            "deselected": 0,
            "queue_depth": 0,
            "is_failing": True,
            "path": "/var/log/a\x1b[2J.jsonl",
        },
    },
    "rules": {"a\nb": {"hits": 12, "kernel_hits": 3}},
    "reload": {
        "time": "2026-11-23T02:04:06.123456789Z",
        "result": "rules.d/1.toml:1:1: rule[0].x: bad\x07\nand more",
        "count": 2,
    },
    "process": {
        "age_s": 94000.5,
        "cpu_s": 94.0,
        "is_realtime": True,
        "resident_bytes": 25 << 20,
    },
}
