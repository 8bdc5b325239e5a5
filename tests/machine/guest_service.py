# SPDX-License-Identifier: Apache-2.0
"""Runs in a guest that has the package: its service, started as it booted, all of its sandbox real.

Of what containers on this machine's kernel can not show: fexit as the service's user, AppArmor
enforced, control groups of version 2. `service_suite` names this file to pytest, which does not
find it by itself: the tests change the system that they run on.
"""

import errno
import gzip
import os
import re
import secrets
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from tests.machine.local import Local
from tests.machine.service import LOG, RULES, UNIT, Record, Service, wait_until
from tests.machine.shell_storms import numbers, script

if TYPE_CHECKING:
    from tests.machine.container import Container

PERF_EVENT_PARANOID = Path("/proc/sys/kernel/perf_event_paranoid")
PROFILES = Path("/sys/kernel/security/apparmor/profiles")
STORM_EXECS = 300


@pytest.fixture(scope="module")
def service() -> Service:
    # All of a container that these tests use.
    return Service(cast("Container", Local()))


def exe(name: str) -> str:
    return os.path.realpath(f"/usr/bin/{name}")


def fail_to_execute(path: str, *arguments: str) -> int:
    """Call execve once, in a child; returns the error."""
    try:
        subprocess.run([path, *arguments], check=False)
    except OSError as error:
        return error.errno or 0
    raise AssertionError(f"'{path}' was executed")


def denials() -> list[str]:
    """What the kernel said that AppArmor refused the profile."""
    lines = subprocess.run(["dmesg"], stdout=-1, check=True, text=True).stdout.splitlines()
    return [line for line in lines if 'apparmor="' in line and 'profile="execaudit"' in line
            and 'apparmor="STATUS"' not in line]  # fmt: skip


def control_group(pid: int) -> Path:
    (line,) = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    return Path("/sys/fs/cgroup") / line.split("::/", 1)[1]


def test_service_is_up_and_enabled(service: Service) -> None:
    assert service.output("systemctl", "is-active", UNIT) == "active"
    assert service.output("systemctl", "is-enabled", UNIT) == "enabled"
    assert service.said("-p", "warning") == []


def test_service_sees_failed_execs_by_fexit_without_perf_events(service: Service) -> None:
    assert PERF_EVENT_PARANOID.read_text().strip() == "3"
    assert service.output("ps", "-o", "user=", "-p", str(service.pid)) == "execaudit"
    masks = re.findall(
        r"^Cap\w+:\s+(\w+)$", Path(f"/proc/{service.pid}/status").read_text(), re.MULTILINE
    )
    assert set(masks) == {f"{1 << 38 | 1 << 39:016x}"}
    status = service.status()
    assert (status["failure_hook"], status["failure_hook_error"]) == ("fexit", "")


def test_daemon_is_confined_by_its_profile_enforced(service: Service) -> None:
    current = Path(f"/proc/{service.pid}/attr/current").read_text().strip("\0\n")
    assert current == "execaudit (enforce)"
    assert "execaudit (enforce)" in PROFILES.read_text().splitlines()


def test_marked_execs_are_all_recorded_and_nothing_else(service: Service, tmp_path: Path) -> None:
    word = secrets.token_hex(12)
    refused = tmp_path / "refused"
    refused.write_text("#!/bin/sh\n")
    nonsense = tmp_path / "nonsense"
    nonsense.write_bytes(b"\1\2\3\4")
    nonsense.chmod(0o755)
    service.run("/usr/bin/echo", word, "two words", "")
    service.run("/usr/bin/env", "-i", "/usr/bin/true", word)
    failures = {
        "/no/such/file": fail_to_execute("/no/such/file", word),
        str(refused): fail_to_execute(str(refused), word),
        str(nonsense): fail_to_execute(str(nonsense), word),
    }
    assert list(failures.values()) == [errno.ENOENT, errno.EACCES, errno.ENOEXEC]

    def mine() -> list[Record]:
        return [r for r in service.records() if word in r.get("argv", [])]

    expected = [
        ("success", exe("echo"), ["/usr/bin/echo", word, "two words", ""], None),
        ("success", exe("env"), ["/usr/bin/env", "-i", "/usr/bin/true", word], None),
        ("success", exe("true"), ["/usr/bin/true", word], None),
        *(("failure", path, [path, word], errno.errorcode[n]) for path, n in failures.items()),
    ]
    # A failure waits for what could be the rest of a search along PATH.
    wait_until(lambda: len(mine()) >= len(expected), "the records")
    service.run("systemctl", "reload", UNIT)
    assert [outcome(r) for r in sorted(mine(), key=lambda r: r["time"])] == expected
    wait_until(lambda: service.status()["sinks"]["journal"]["queue_depth"] == 0, "the journal")
    for result, path, _, _ in expected:
        field = "EXECAUDIT_EXE" if result == "success" else "EXECAUDIT_FILENAME"
        entries = service.container.journal(f"{field}={path}")
        assert len([e for e in entries if word in e["EXECAUDIT_ARGV"]]) == 1, path


def outcome(record: Record) -> tuple[str, str, list[str], str | None]:
    named = record["exe" if record["result"] == "success" else "filename"]
    return record["result"], named, record["argv"], record.get("errno")


def test_records_say_unit_slice_and_container_however_groups_are_arranged(
    service: Service,
) -> None:
    word, identity = secrets.token_hex(12), secrets.token_hex(32)
    is_unified = Path("/sys/fs/cgroup/cgroup.controllers").exists()
    groups = Path("/sys/fs/cgroup" if is_unified else "/sys/fs/cgroup/systemd")
    Path("/run/systemd/system/probe.service").write_text(
        f"[Service]\nType=oneshot\nSlice=outer-inner.slice\nExecStart=/usr/bin/true {word}\n"
    )
    service.run("systemctl", "daemon-reload")
    service.run("systemctl", "start", "probe.service")
    scope = groups / "system.slice" / f"docker-{identity}.scope"
    scope.mkdir()
    enter = f"echo $$ >{scope}/cgroup.procs && exec /usr/bin/true {word}"
    service.run("sh", "-c", enter)
    scope.rmdir()

    def mine() -> list[Record]:
        return [r for r in service.records(word) if r.get("exe") == exe("true")]

    wait_until(lambda: len(mine()) == len(("unit", "scope")), "the records")
    in_unit, in_scope = mine()
    assert (in_unit["unit"], in_unit["slice"]) == ("probe.service", "outer-inner.slice")
    assert in_unit["cgroup"] == "/outer.slice/outer-inner.slice/probe.service"
    assert "container" not in in_unit
    assert in_scope["container"] == identity
    assert "unreadable" not in in_unit | in_scope
    (start,) = service.of_type("start")[-1:]
    assert start.get("cgroups") == (None if is_unified else "named")
    said = service.output("execaudit", "doctor")
    assert ("version 1 (legacy or hybrid)" in said) is not is_unified


def test_storm_across_a_restart_is_recorded_whole(service: Service) -> None:
    before, word = service.pid, secrets.token_hex(8)
    with subprocess.Popen(["sh", "-c", script(word, STORM_EXECS)]) as storm:
        wait_until(lambda: numbers(service, word), "the storm")
        service.run("systemctl", "restart", UNIT)
        assert storm.wait() == 0
    assert service.pid not in (0, before)
    service.marked(service.mark())
    found = numbers(service, word)
    print(f"{len(found)} of {STORM_EXECS} execs recorded across a restart")
    assert found.total() == len(found) == STORM_EXECS
    assert service.of_type("lost") == []


def test_reload_takes_good_rules_and_refuses_bad_ones(service: Service) -> None:
    word = secrets.token_hex(8)
    service.configure(rules=f"[[rule]]\naction = 'drop'\nargv = '{word}'\n")
    service.run("systemctl", "reload", UNIT)
    service.configure(rules="[[rule]]\naction = 'melt'\n")
    assert service.run("systemctl", "reload", UNIT, check=False).returncode != 0
    service.run("/usr/bin/true", word)
    service.marked(service.mark())
    assert not [r for r in service.records() if word in r.get("argv", [])]
    Path(RULES).unlink()
    service.run("systemctl", "reload", UNIT)


def test_log_is_rotated_and_compressed(service: Service) -> None:
    service.configure('[file]\ncompress = "gzip"\n')
    service.run("systemctl", "reload", UNIT)
    word = service.mark()
    service.marked(word)
    service.run("execaudit", "rotate")
    folder = Path(LOG).parent
    wait_until(lambda: list(folder.glob("*.gz")), "a compressed log")
    (packed,) = folder.glob("*.gz")
    with gzip.open(packed, "rt") as old:
        assert [line for line in old if word in line]
    service.marked(service.mark())


def test_bounds_of_the_unit_are_the_kernels(service: Service) -> None:
    group = control_group(service.pid)
    bounds = {name: (group / name).read_text().strip() for name in ("memory.max", "pids.max")}
    assert bounds == {"memory.max": str(512 << 20), "pids.max": "16"}
    used = int((group / "memory.current").read_text())
    print(f"{used >> 20} MiB in the daemon's control group")
    assert 8 << 20 < used < 128 << 20
    events = dict(line.split() for line in (group / "memory.events").read_text().splitlines())
    assert (events["max"], events["oom_kill"]) == ("0", "0")
    assert "max 0" in (group / "pids.events").read_text()
    assert os.sched_getscheduler(service.pid) == os.SCHED_RR
    assert Path(f"/proc/{service.pid}/oom_score_adj").read_text().strip() == "-900"


# The last: it has seen all that the others made the daemon do.
def test_profile_refused_the_daemon_nothing_and_would_have_said_so(service: Service) -> None:
    service.run("systemctl", "restart", UNIT)
    assert denials() == []
    confined = ["aa-exec", "--profile=execaudit", "--", "/usr/bin/python3", "-sS", "-c"]
    done = service.run(*confined, "open('/etc/shadow')", check=False)
    assert "Permission denied: '/etc/shadow'" in done.stderr
    wait_until(denials, "a refusal in the kernel's log")
