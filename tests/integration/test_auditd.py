# SPDX-License-Identifier: Apache-2.0
"""auditd as the oracle: it and execaudit record the same storm of random execs, none missing."""

import os
import random
import uuid
from base64 import b64decode
from collections import Counter
from pathlib import Path

from tests.integration.auditing import AuditedExec, run_auditd
from tests.integration.comparing import argument_bytes
from tests.integration.launching import launch
from tests.integration.requirements import STORM_EXECS
from tests.integration.surroundings import enter_terminal
from tests.integration.tracing import ROOMY_RING, Record, Tracer
from tests.integration.truth import UNSET

EXECS = max(60, min(400, STORM_EXECS // 100))
SEED = int(os.environ.get("EXECAUDIT_SEED", "0")) or random.SystemRandom().getrandbits(32)
USERS = (0, 0, 33, 1000, 54321)
IDS = ("uid", "gid", "euid", "egid", "suid", "sgid", "fsuid", "fsgid")
PIECES = [b"a", b"Z", b"0", b" ", b"\t", b"\n", b'"', b"'", b"\\", b"=", b"$", b"\x1b", b"\x7f"]
PIECES += [b"\xff", b"\xc3", "ü".encode(), "漢".encode(), "🙂".encode(), b"(null)", b"\x01"]


class Exec:
    """One random exec: what, where and as whom."""

    def __init__(self, choose: random.Random, programs: Path, places: list[bytes]) -> None:
        targets = [programs / "tiny", programs / "selfdump"]
        self.file = os.fsencode(choose.choice(targets))
        if choose.random() < 0.3:
            self.file = choose.choice([b"/no/such\xff file", b"/etc/passwd", b"/root/x", b"rel/x"])
        self.argv = [random_bytes(choose) or b"" for _ in range(choose.randrange(1, 9))]
        self.argv[0] = self.argv[0] or b"x"
        if choose.random() < 0.3:
            way = choose.choice([b"execve", b"execveat-cwd", b"vfork", b"thread"])
            execute = os.fsencode(programs / "execute")
            self.argv = [execute, way, self.file, *self.argv]
            self.file = execute
        self._place = choose.choice(places)
        self._user = choose.choice(USERS)
        self._login = choose.choice([None, 33, 1000])
        self._has_terminal = choose.random() < 0.1

    def enter(self) -> None:
        os.chdir(self._place)
        if self._login is not None:
            Path("/proc/self/loginuid").write_text(str(self._login))
        if self._has_terminal:
            enter_terminal()
        os.setgroups([])
        os.setresgid(self._user, self._user, self._user)
        os.setresuid(self._user, self._user, self._user)


def random_bytes(choose: random.Random) -> bytes:
    if choose.random() < 0.02:
        return b"long" * 3000
    return b"".join(choose.choice(PIECES) for _ in range(choose.randrange(12)))


def raw(record: Record, name: str) -> bytes:
    """The bytes of a string field."""
    if exact := record.get(f"{name}_b64"):
        return b64decode(exact)
    return str(record[name]).encode()


def to_audited(record: Record) -> AuditedExec:
    """What auditd would know of it; it has the arguments of successes only."""
    success = record["result"] == "success"
    return AuditedExec(
        pid=record["pid"],
        ppid=record["ppid"],
        code=record.get("errno_code", 0),
        argv=tuple(argument_bytes(record)) if success else None,
        filename=raw(record, "filename"),
        ids=tuple(record[name] for name in IDS),
        auid=record.get("auid", UNSET),
        ses=record.get("ses", UNSET),
        tty=record.get("tty", "(none)"),
        cwd=raw(record, "cwd"),
        exe=raw(record, "exe"),
        comm=raw(record, "comm"),
    )


def make_places(place: Path) -> list[bytes]:
    names = [b"w x", b"\xff\xfe", "ü\n".encode(), b"d" * 255]
    for name in names:
        os.mkdir(os.fsencode(place) + b"/" + name)  # noqa: PTH102  no Path for such names
    return [b"/", b"/tmp", b"/usr/share", *(os.fsencode(place) + b"/" + name for name in names)]


def test_auditd_and_execaudit_record_the_same_execs(
    engine: str, programs: Path, place: Path, tmp_path: Path
) -> None:
    print(f"EXECAUDIT_SEED={SEED}")
    choose = random.Random(SEED)  # noqa: S311
    places = make_places(place)
    execs = [Exec(choose, programs, places) for _ in range(EXECS)]
    last = f"last-{uuid.uuid4()}"
    with (
        run_auditd(tmp_path) as auditd,
        Tracer(engine, programs / "tiny", *ROOMY_RING, exits=False) as tracer,
    ):

        def run_all() -> set[int]:
            return {
                tracer.run(one.argv, file=one.file, setup=one.enter, may_fail=True).pid
                for one in execs
            }

        pids, records = tracer.during(run_all)
        launch([str(programs / "tiny"), last]).wait()
        auditd.wait_for(last.encode())
        audited = auditd.execs()
        tracer.stop()
    # The forking ways add children of the children.
    mine = [r for r in records if r["type"] == "exec" and {r["pid"], r["ppid"]} & pids]
    theirs = [e for e in audited if {e.pid, e.ppid} & pids]
    assert len(mine) >= EXECS
    said, known = Counter(map(to_audited, mine)), Counter(theirs)
    assert known == said, describe(known - said, said - known)


def describe(known: Counter[AuditedExec], said: Counter[AuditedExec]) -> str:
    """What differs, for the first few execs that are not the same."""
    lines = [f"auditd knows {known.total()} execs that execaudit does not, {said.total()} reverse"]
    for one in list(known)[:5]:
        other = next((o for o in said if (o.pid, o.code) == (one.pid, one.code)), None)
        theirs, mine = vars(one), vars(other) if other else {}
        differs = {k: (v, mine.get(k)) for k, v in theirs.items() if v != mine.get(k)}
        lines.append(f"pid {one.pid}: {differs}")
    return "\n".join(lines)
