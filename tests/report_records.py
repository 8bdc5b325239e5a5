# SPDX-License-Identifier: Apache-2.0
"""Records for reports: random ones with much variety, and texts that deceive or inject."""

import random
from typing import Any

from tests.log_files import exec_fields, own_fields

INJECTIONS = (
    "<script>document.title='owned'</script>", "<img src=x onerror=document.title='owned'>",
    "'\"><svg onload=document.title='owned'>", "</title><script>document.title='owned'</script>",
    "</script><script>document.title='owned'</script>", "javascript:document.title='owned'",
    "<!--", "-->", "]]>", "<![CDATA[", "&lt;script&gt;", "&#60;b&#62;", "{{7*7}}", "${7*7}",
    "<a href='http://192.0.2.1/'>x</a>", "<style>*{display:none}</style>",
    "<link rel=stylesheet href=http://192.0.2.1/x.css>", "<base href=http://192.0.2.1/>",
    "<meta http-equiv=refresh content='0;url=http://192.0.2.1/'>", "\u202e<b>", "\x1b[2J", "\x00",
    "a\nb\r\n<hr>", "\u2028alert(1)", "<iframe src=//192.0.2.1></iframe>", "%3Cscript%3E",
    "\" onmouseover=\"document.title='owned'\" x=\"",
    "<details open ontoggle=document.title='owned'>",
    "<math><mi xlink:href=javascript:alert(1)>", "=cmd|' /C calc'!A0", "\ufdd0<b>", "\U0001f600",
)  # fmt: skip

DECEIVING = (
    '"exe":"/usr/bin/true"', '","errno":"EPERM","x":"', '"privileged":true', '"labels":["x"]',
    "\\", '\\"', "a\tb", 'x"y', "{", "]}", "\u00e4\u20ac", "\ufffd", "",
)  # fmt: skip

_HOSTS = ("web1", "web2", "db ]")
_UNITS = ("nginx.service", "cron.service", 'od"d.service', None)
_USERS = (("root", 0), ("alice", 1000), (None, 54321), ("b\u00f6b", 1001))
_PROGRAMS = ("sh", "curl", "x y", 'q"o', "\u00fcn\u00ef", "tab\t", "b\\s")
_SEVERITIES = ("warning", "err", None, None)
_LABELS = (["web"], ["web", "a]b"], ['q"'], None, None)


_ORDER = (
    "time", "type", "host", "boot", "hook", "cpu", "seq", "id", "pid", "argv", "argc", "result",
    "start", "errno", "errno_code", "labels", "severity", "privileged", "uid",
)  # fmt: skip
_LAST = ("parent_id", "ppid", "pcomm", "ancestors")


def as_encoded(fields: dict[str, Any]) -> dict[str, Any]:
    """Return a record with its members in the encoder's order."""
    names = [name for name in _ORDER if name in fields]
    names += [name for name in fields if name not in (*_ORDER, *_LAST)]
    return {name: fields[name] for name in (*names, *_LAST) if name in fields}


def random_records(seed: int, count: int, step_s: float = 7) -> list[dict[str, Any]]:
    """Return execs, exits and records of the daemon, in order."""
    chance = random.Random(seed)  # noqa: S311
    records: list[dict[str, Any]] = []
    second = 0.0
    for _ in range(count):
        second += chance.random() * step_s
        kind = chance.random()
        if kind < 0.05:
            fields = own_fields("exit", second, id="b61050973c38-1-2-3", pid=1, uid=0, comm="x")
            records.append({**fields, "hook": "exit", "cpu": 0, "seq": 1, "exit_code": 0})
        elif kind < 0.07:
            records.append(own_fields("lost", second, reason="ring", count=3))
        elif kind < 0.09:
            records.append(own_fields("config", second, config_hash="0" * 64, old_hash="1" * 64))
        else:
            records.append(_random_exec(chance, second))
    return records


def _random_exec(chance: random.Random, second: float) -> dict[str, Any]:
    user, uid = chance.choice(_USERS)
    name = chance.choice(_PROGRAMS)
    members: dict[str, Any] = {
        "uid": uid, "user": user, "host": chance.choice(_HOSTS), "unit": chance.choice(_UNITS),
        "exe": f"/usr/bin/{name}", "filename": f"/bin/{name}", "comm": name,
        "argv": [name, chance.choice(DECEIVING), chance.choice(INJECTIONS)],
        "pcomm": chance.choice(("bash", "sshd", 'p"c', None)),
        "tty": chance.choice(("pts0", "tty1", None, None)),
        "container": chance.choice(("ab" * 32, None, None)),
        "labels": chance.choice(_LABELS), "severity": chance.choice(_SEVERITIES),
        "privileged": True if chance.random() < 0.1 else None,
    }  # fmt: skip
    if chance.random() < 0.3:
        errno = chance.choice((("ENOENT", 2), ("EACCES", 13)))
        members |= {"result": "failure", "errno": errno[0], "errno_code": errno[1]}
    fields = exec_fields(second, **members)
    return {name: value for name, value in fields.items() if value is not None}
