# SPDX-License-Identifier: Apache-2.0
"""Matches of every kind, for tests that compare searches with a plain reading."""

from execaudit.rules.conditions import Lookups

LOOKUPS = Lookups(lambda name: {"root": 0, "alice": 1000}.get(name), {"wheel": 10}.get)

MATCHES = (
    "exe=/usr/bin/true", "exe=/usr/bin/*", "exe=/usr/**", "exe=**/python3*", "exe~py.*3", "comm=sh",
    "comm=bash", "pcomm=python3", "parent.comm=python3", "ancestor.comm=bash", "user=root",
    "user=alice", "euser=root", "euser=alice", "uid=0", "uid=1000", "uid=1-", "euid=0-999",
    "gid=wheel", "auid=unset", "auid=0-", "ses=unset", "argv=true", "argv=*ee*", "argv=a b",
    "argv=", "cmdline=*a b*", "cmdline~e x", 'cmdline~"double', "cmdline=*\t*", "env=LD_PRELOAD=*",
    "type=exec", "type=exit", "type=lost", "type=start", "type=repair", "result=failure",
    "result=success", "errno=ENOENT", "errno=2", "privileged=true", "privileged=false",
    "deleted=true", "memfd=true", "tty=pts0", "tty=", "unit=*guest*", "script=", "cgroup=/",
    "cgroup=/system.slice", "label=web", "label=*e*", "severity=err", "pid=1000", "pid=152",
    "tid=1000", "id~-5$", "start~^2026", "host=golden", "host=h", "hook=exec", "hook=execve",
    "exit_code=0", "exit_code=1-", "signal=SIGKILL", "count=1-", "reason=ring", "ns.pid=1-",
    "caps.effective=0", "argc=1", "argc=2-9", "securebits=0", "exe_nlink=0", "cwd=/srv/golden",
    "exe=/tmp/caf\udce9", "exe~caf.", "argv~\\xff", "filename=*", "exe=/opt/\u00e4\u202e",
    "seq=1", "cpu=0", "boot~^b6", "arch=x86_64", "exe_mode=0100755", "interp=*", "root=*",
    "path_search=*bin*", "unreadable=argv", "duration_ns=1000000-", "version=1",
)  # fmt: skip
