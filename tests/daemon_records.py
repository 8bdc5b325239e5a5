# SPDX-License-Identifier: Apache-2.0
"""A record of each kind that only the daemon writes, as they are before they are encoded."""

from execaudit.records.fields import FieldDict

HEAD = {"time": "2026-11-25T10:00:00.000000001Z", "host": "h", "boot": "0123456789ab" + "0" * 20}
SPAN = {"first": HEAD["time"], "last": HEAD["time"]}
MARK = {"time": HEAD["time"], "cpu": 3, "hook": "execve", "seq": 2**40}
OF_THE_DAEMON: list[FieldDict] = [
    {**HEAD, "type": "lost", "hook": "exec", "cpu": 0, "reason": "ring", "count": 2**40, **SPAN},
    {**HEAD, "type": "lost", "sink": "file", "reason": "crash", "count": 3, **SPAN},
    {**HEAD, "type": "lost", "sink": "file", "reason": "disk_full", "count": 3, **SPAN,
     "first_missed": MARK, "last_missed": MARK},
    {**HEAD, "type": "start", "version": "1", "kernel": "6.1", "engine": "bcc",
     "failure_hook": "fexit", "pid": 1, "config_hash": "0" * 64,
     "last_record": {"time": HEAD["time"]}},
    {**HEAD, "type": "stop", "pid": 1, "seen": 9, "dropped": 1, "limited": 1, "collapsed": 1,
     "lost": 1, "undecodable": 0},
    {**HEAD, "type": "config", "old_hash": "0" * 64, "config_hash": "1" * 64},
    {**HEAD, "type": "repair", "reason": "silent", "programs": ["on_exec"], "result": "failure",
     **SPAN},
    {**HEAD, "type": "repair", "reason": "detached", "result": "success", **SPAN},
    {**HEAD, "type": "summary", "uid": 1000, "count": 3, **SPAN},
    {**HEAD, "type": "summary", "unit": "cron.service", "count": 3, **SPAN},
    {**HEAD, "type": "exit", "hook": "exit", "cpu": 0, "seq": 1,
     "unreadable": ["uid", "id", "parent_id", "pid", "ppid", "comm"], "exit_code": 0},
]  # fmt: skip
