# SPDX-License-Identifier: Apache-2.0
"""The drop-ins that the package ships, each put to use as docs/systemd.md says."""

import re
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.machine import system
from tests.machine.conftest import installed
from tests.machine.container import Container
from tests.machine.service import DROP_INS, LOG, UNIT, Service, wait_until
from tests.machine.shell_storms import script
from tests.machine.storms import lost_records, wait_for_journal, wait_for_room

NAMES = (
    *("engine-bcc", "journal-only", "log-group", "log-namespace", "low-memory"),
    "refuse-manual-stop",
)
BURST = 2000
MOST_EXPOSURE_BCC = 0.8  # it sees /usr/lib/modules


@pytest.fixture(scope="module")
def running(request: pytest.FixtureRequest) -> Iterator[Service]:
    """Started once as shipped; with compiler and headers, for the bcc engine."""
    for service in installed(request, "bookworm", *system.MORE):
        service.start()
        service.marked(service.mark())
        yield service


def processes(container: Container) -> list[str]:
    """Command lines of the service's processes."""
    pids = container.output("cat", f"/sys/fs/cgroup/system.slice/{UNIT}/cgroup.procs").split()
    return [container.path(f"/proc/{pid}/cmdline").read_text() for pid in pids]


def peak_mib(service: Service) -> float:
    """The most memory that the daemon ever had resident, the ring buffer counted twice."""
    status = service.container.path(f"/proc/{service.pid}/status").read_text()
    (kib,) = re.findall(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    return int(kib) / 1024


def burst(service: Service) -> str:
    """Have a shell execute BURST times; returns the word that each had."""
    word = secrets.token_hex(12)
    service.run("sh", "-c", script(word, BURST))
    return word


def test_every_drop_in_is_known_to_the_guide(running: Service) -> None:
    names = running.output("sh", "-c", f"cd {DROP_INS} && ls *.conf").split()
    assert names == [f"{name}.conf" for name in NAMES]


@pytest.mark.parametrize("name", NAMES)
def test_service_starts_at_boot_with_drop_in(running: Service, name: str) -> None:
    with running.shipped_drop_in(name, restart=False):
        running.container.reboot()
        assert running.show("ActiveState") == "active"
        assert running.output("systemctl", "is-system-running", "--wait") == "running"
        word = running.mark()
        journal = ("--namespace=*", "EXECAUDIT_EXE=/usr/bin/echo", "--boot=0")
        wait_until(lambda: word in running.output("journalctl", *journal), f"'{word}'")
        boot = running.output("journalctl", "--boot=0", "_PID=1")
        assert "ordering cycle" not in boot


def test_journal_namespace_of_debian_13_does_not_keep_it_from_starting(
    request: pytest.FixtureRequest,
) -> None:
    for service in installed(request, "trixie"):
        service.run("systemctl", "enable", UNIT)
        with service.shipped_drop_in("log-namespace", restart=False):
            service.container.reboot()
            service.run("systemctl", "is-system-running", "--wait", check=False)
            assert service.show("ActiveState") == "active"
            assert "ordering cycle" not in service.output("journalctl", "--boot=0", "_PID=1")


def test_bcc_engine_records_and_leaves_no_compiler(running: Service) -> None:
    with running.shipped_drop_in("engine-bcc"):
        assert running.status()["engine"] == "bcc"
        (command,) = processes(running.container)
        assert "execaudit" in command
        assert "libclang" not in running.container.path(f"/proc/{running.pid}/maps").read_text()
        word = running.mark()
        assert running.marked(word)[0]["exe"] == "/usr/bin/echo"
        threshold = f"--threshold={round(MOST_EXPOSURE_BCC * 10)}"
        running.run("systemd-analyze", "security", threshold, "--no-pager", UNIT)
    running.run("systemctl", "stop", UNIT)  # what a restart would go on with
    running.run("systemctl", "start", UNIT)
    assert running.status()["engine"] == "libbpf"


def test_log_namespace_has_the_records_and_the_common_journal_has_not(running: Service) -> None:
    with running.shipped_drop_in("log-namespace"):
        word = running.mark()
        running.marked(word)
        match = "EXECAUDIT_EXE=/usr/bin/echo"
        wait_until(
            lambda: word in running.output("journalctl", "--namespace=execaudit", match),
            f"'{word}' in the namespace",
        )
        assert word not in running.output("journalctl", match)
    running.run("systemctl", "restart", UNIT)
    again = running.mark()
    running.marked(again)
    wait_for_journal(running)
    assert any(again in entry["MESSAGE"] for entry in running.container.journal(match))


def test_manual_stop_and_restart_are_refused(running: Service) -> None:
    running.run("systemctl", "restart", UNIT)
    before = running.pid
    with running.shipped_drop_in("refuse-manual-stop", restart=False):
        for verb in ("stop", "restart"):
            refused = running.run("systemctl", verb, UNIT, check=False)
            assert refused.returncode != 0
            assert "refuse manual start/stop" in refused.stderr
        assert running.pid == before
        running.marked(running.mark())


def test_journal_alone_has_the_records_and_no_file_is_written(running: Service) -> None:
    with running.shipped_drop_in("journal-only"):
        size = running.output("stat", "--format=%s", LOG)
        word = running.mark()
        match = "EXECAUDIT_EXE=/usr/bin/echo"
        wait_until(lambda: word in running.output("journalctl", match), f"'{word}' in the journal")
        assert "file" not in running.status()["sinks"]
        assert running.output("stat", "--format=%s", LOG) == size
        refused = running.run("touch", f"/proc/{running.pid}/root{LOG}", check=False)
        assert "Read-only file system" in refused.stderr


def test_little_memory_suffices_while_the_journal_stands_still(running: Service) -> None:
    with running.shipped_drop_in("low-memory"):
        limit = int(running.show("MemoryMax"))
        assert limit == 64 << 20
        assert running.status()["ring"]["size_bytes"] == 512 << 10
        journald = running.container.main_pid("systemd-journald")
        running.run("kill", "-STOP", str(journald))
        try:
            word = burst(running)
            wait_for_room(running)
            running.marked(running.mark())
        finally:
            running.run("kill", "-CONT", str(journald))
        recorded = sum(word in record.get("argv", []) for record in running.records(word))
        assert recorded <= BURST
        # What was lost on another processor is known a little later.
        wait_until(lambda: BURST - lost_records(running) <= recorded, "what was lost")
        assert peak_mib(running) * (1 << 20) < limit


def make_generations(service: Service) -> list[str]:
    """Two generations, compressed, and the live file; the words that are in them."""
    folder = service.container.path(LOG).parent

    def compressed() -> int:
        """How many there are, once none is left plain: it goes after its copy has come."""
        rotated = list(folder.glob(f"{Path(LOG).name}.*"))
        return len(rotated) if all(path.suffix == ".gz" for path in rotated) else 0

    words: list[str] = []
    for _ in range(3):
        words.append(service.mark())
        wait_until(lambda: words[-1] in read_all(service, "root"), f"'{words[-1]}'")
        if len(words) < 3:
            count = compressed()
            service.run("execaudit", "rotate")
            wait_until(lambda count=count: compressed() > count, "compression")  # type: ignore[misc]
    return words


def read_all(service: Service, user: str) -> str:
    """What a user reads in all generations."""
    script = "for file in /var/log/execaudit/*; do zcat -f $file || exit; done"
    return service.output("runuser", "-u", user, "--", "sh", "-c", script)


def test_group_of_the_service_reads_every_generation_and_others_none(running: Service) -> None:
    running.run("useradd", "--groups=execaudit", "shipper")
    running.configure('[file]\ncompress = "gzip"\n')
    running.run("systemctl", "restart", UNIT)
    words = make_generations(running)
    text = read_all(running, "shipper")
    assert [word for word in words if word not in text] == []
    refused = running.run("runuser", "-u", "nobody", "--", "cat", LOG, check=False)
    assert "Permission denied" in refused.stderr


def test_other_group_reads_every_generation_with_the_drop_in(running: Service) -> None:
    running.run("useradd", "--groups=adm", "reader")
    running.configure('[file]\ncompress = "gzip"\ngroup = "adm"\n')
    running.run("systemctl", "restart", UNIT)
    (said,) = [text for text in running.said() if "to group adm" in text]
    assert "Operation not permitted, leaving it to group execaudit" in said
    assert "set Group=adm" in said
    with running.shipped_drop_in("log-group"):
        words = make_generations(running)
        text = read_all(running, "reader")
        assert [word for word in words if word not in text] == []
        assert [text for text in running.said() if "to group adm" in text] == [said]
        owners = running.output("sh", "-c", "stat --format=%U:%G /var/log/execaudit/* | sort -u")
        assert owners == "execaudit:adm"
        refused = running.run("runuser", "-u", "nobody", "--", "cat", LOG, check=False)
        assert "Permission denied" in refused.stderr
        assert running.status()["sinks"]["file"]["written"] > 0
    running.configure()
    running.run("systemctl", "restart", UNIT)


def test_removal_is_not_refused(running: Service) -> None:
    running.run("systemctl", "restart", UNIT)
    with running.shipped_drop_in("refuse-manual-stop", restart=False):
        daemon = running.pid
        running.run("dpkg", "--remove", "execaudit")
        assert daemon
        assert not running.container.path(f"/proc/{daemon}").exists()
        assert running.pid == 0
