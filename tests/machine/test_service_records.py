# SPDX-License-Identifier: Apache-2.0
"""The installed service on each Debian release, from its start to its removal: the same package.

These tests are one after the other the life of one installation: the last ones remove it.
"""

import re
from collections.abc import Iterator

import pytest

from tests.machine.conftest import installed
from tests.machine.service import LOG, UNIT, Service, wait_until
from tests.machine.storms import wait_for_journal
from tests.machine.system import RELEASES

LOGIN = 4242
MOST_EXPOSURE = 0.7


@pytest.fixture(scope="module", params=RELEASES)
def running(request: pytest.FixtureRequest) -> Iterator[Service]:
    for service in installed(request, request.param):
        service.start()
        yield service


def test_service_is_up_when_systemctl_returns(running: Service) -> None:
    assert running.output("systemctl", "is-active", UNIT) == "active"
    assert running.output("systemctl", "is-enabled", UNIT) == "enabled"
    assert running.output("systemctl", "is-system-running") == "running"
    warnings = running.said("-p", "warning")
    assert [text for text in warnings if "failed execs" not in text] == []


def test_exec_is_found_in_the_journal_by_its_fields(running: Service) -> None:
    script = f'echo {LOGIN} > /proc/self/loginuid; exec /bin/echo "$@"'
    word = running.mark("sh", "-c", script, "sh")
    wait_until(lambda: "echo" in [r["comm"] for r in running.marked(word)], "the echo")
    wait_for_journal(running)
    fields = ("EXECAUDIT_EXE=/usr/bin/echo", f"EXECAUDIT_AUID={LOGIN}")
    entries = running.container.journal(*fields)
    (entry,) = [entry for entry in entries if word in entry["EXECAUDIT_ARGV"]]
    assert entry["_SYSTEMD_UNIT"] == UNIT
    assert entry["SYSLOG_IDENTIFIER"] == "execaudit"
    assert entry["EXECAUDIT_COMM"] == "echo"
    assert word in entry["MESSAGE"]


def test_host_that_is_renamed_has_its_new_name_in_all_that_follows(running: Service) -> None:
    before = running.output("hostname")
    try:
        running.run("hostname", "renamed")
        wait_until(lambda: any("is 'renamed' now" in text for text in running.said()), "the name")
        word = running.mark()
        (record,) = running.marked(word)
        assert record["host"] == "renamed"
        wait_for_journal(running)
        entries = running.container.journal("EXECAUDIT_EXE=/usr/bin/echo")
        (entry,) = [entry for entry in entries if word in entry["EXECAUDIT_ARGV"]]
        assert entry["EXECAUDIT_HOST"] == "renamed"
        assert f"This host is 'renamed' now and was '{before}'" in running.said()
    finally:
        running.run("hostname", before)


def test_self_check_works_in_the_sandbox(running: Service) -> None:
    assert running.status()["is_tracing"]
    assert not [text for text in running.said() if "Failed to execute itself" in text]
    assert not [
        r for r in running.of_type("exec") if r.get("unit") == UNIT and "-V" in r.get("argv", [])
    ]


def test_journal_explains_the_start(running: Service) -> None:
    text = running.output("journalctl", "--no-pager", "-x", "EXECAUDIT_TYPE=start")
    assert "Subject: The recording of program starts has begun" in text


def test_record_is_a_json_line_that_only_the_service_and_its_group_read(running: Service) -> None:
    word = running.mark()
    (record,) = running.marked(word)
    assert record["argv"] == ["/bin/echo", word]
    assert record["exe"] == "/usr/bin/echo"
    assert record["type"] == "exec"
    modes = running.output("stat", "--format=%U:%G %a", LOG, "/var/log/execaudit")
    assert modes.splitlines() == ["execaudit:execaudit 640", "execaudit:execaudit 750"]


def test_daemon_has_two_capabilities_and_a_user_of_its_own(running: Service) -> None:
    status = running.container.path(f"/proc/{running.pid}/status").read_text()
    masks = dict(re.findall(r"^(Cap\w+):\s+(\w+)$", status, re.MULTILINE))
    bpf_and_perfmon = f"{1 << 38 | 1 << 39:016x}"
    assert set(masks.values()) == {bpf_and_perfmon}
    assert running.output("ps", "-o", "user=", "-p", str(running.pid)) == "execaudit"


def test_unit_is_as_tight_as_it_is_said_to_be(running: Service) -> None:
    running.run(
        "systemd-analyze",
        "security",
        f"--threshold={round(MOST_EXPOSURE * 10)}",
        "--no-pager",
        UNIT,
    )


def test_unit_has_no_setting_that_this_systemd_does_not_know(running: Service) -> None:
    verified = running.run("systemd-analyze", "verify", "--man=no", UNIT)
    assert verified.stderr == ""


def test_status_and_doctor_agree_on_failed_execs(running: Service) -> None:
    doctor = running.run("execaudit", "doctor", check=False).stdout
    (line,) = [line for line in doctor.splitlines() if "failed execs: service" in line]
    status = running.status()
    assert ("fexit works" in line) == (status["failure_hook"] == "fexit")
    assert bool(status["failure_hook"]) != bool(status["failure_hook_error"])


def test_status_tells_who_may_ask(running: Service) -> None:
    nobody = ["setpriv", "--reuid=nobody", "--clear-groups"]
    refused = running.run(*nobody, "execaudit", "status", check=False)
    assert refused.returncode == 4
    assert "not permitted; run as root, or as a member of its group" in refused.stderr
    group = ["setpriv", "--reuid=nobody", "--regid=execaudit", "--clear-groups"]
    assert "engine" in running.output(*group, "execaudit", "status")


def test_restart_goes_on_where_the_run_before_ended(running: Service) -> None:
    running.run("systemctl", "restart", UNIT)
    running.marked(running.mark())
    start = running.of_type("start")[-1]
    assert start["gap"]["traced"] is True
    assert start["gap"]["ended"] == "stop"
    assert start["gap"]["lost"] == 0


def test_removal_ends_the_service_and_keeps_logs_and_configuration(running: Service) -> None:
    word = running.mark()
    running.marked(word)
    running.run("dpkg", "--remove", "execaudit")
    assert running.pid == 0
    assert running.show("LoadState") in ("not-found", "masked")
    assert running.show("NFileDescriptorStore") in ("", "0")
    assert running.run("pgrep", "--euid", "execaudit", check=False).stdout == ""
    assert running.output("systemctl", "is-system-running") == "running"
    later = running.mark()
    text = "".join(line for r in running.records() for line in r.get("argv", []))
    assert word in text
    assert later not in text
    for path in ("/etc/execaudit/execaudit.toml", "/var/lib/execaudit"):
        assert running.container.path(path).exists()


def test_purge_leaves_nothing_but_the_user(running: Service) -> None:
    running.run("dpkg", "--purge", "execaudit")
    name = ["-name", "*execaudit*", "-print"]
    pruned = ["(", "-path", "/proc", "-o", "-path", "/sys", "-o", "-path", "/var/tmp", ")"]
    # Files of other services may go while it looks.
    found = running.output("find", "/", "-ignore_readdir_race", *pruned, "-prune", "-o", *name)
    assert found == ""
    assert running.show("LoadState") == "not-found"
    assert running.output("journalctl", "--list-catalog").count("execaudit") == 0
    assert running.output("id", "--user", "--name", "execaudit") == "execaudit"
    assert running.output("systemctl", "is-system-running") == "running"
