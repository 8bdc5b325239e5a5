# SPDX-License-Identifier: Apache-2.0
"""The installed service across restart, kill and reload: what ran meanwhile is not missed."""

import secrets
import signal

import pytest

from tests.machine.service import RULES, UNIT, Record, Service, wait_until
from tests.machine.shell_storms import EXECS, begin, numbers, wait_for_losses


@pytest.mark.parametrize("how", ["restart", "kill"])
def test_execs_of_a_storm_are_all_there_after(shared: Service, how: str) -> None:
    shared.start()
    shared.marked(shared.mark())
    before, word = shared.pid, secrets.token_hex(8)
    storm = begin(shared, word)
    wait_until(lambda: len(numbers(shared, word)) > EXECS // 10, "the storm")
    if how == "kill":
        shared.run("systemctl", "kill", "--kill-whom=main", "--signal=KILL", UNIT)
    else:
        shared.run("systemctl", "restart", UNIT)
    assert storm.wait(120) == 0
    wait_until(lambda: shared.pid not in (0, before), "another process")
    shared.marked(shared.mark())
    found = numbers(shared, word)
    wait_for_losses(shared, EXECS - len(found))
    if how == "restart":
        assert found.total() == len(found)
    assert len(shared.of_type("start")) >= 2


SERVER = "/usr/local/bin/webserver"
BELOW_SERVER = f"""
[[rule]]
action = "label"
labels = ["below"]
ancestor.exe = "{SERVER}"
"""


def ask_server(service: Service) -> Record:
    """Have the server run something; its record."""
    word = secrets.token_hex(8)
    service.run("sh", "-c", f"echo {word} >/run/ask")
    (record,) = [r for r in service.marked(word) if r.get("exe") == "/usr/bin/echo"]
    return record


def test_programs_of_what_ran_before_are_known_after_restart_and_kill(shared: Service) -> None:
    shared.container.write(RULES, BELOW_SERVER)
    shared.start()
    shared.run("systemctl", "restart", UNIT)
    shared.run("cp", "/bin/bash", SERVER)
    shared.run("mkfifo", "/run/ask")
    # Open for both: there is no end of file between two who ask.
    loop = "exec 3<>/run/ask; while read word <&3; do /bin/echo $word; done"
    shared.run("systemd-run", "--unit=webserver", SERVER, "-c", loop)
    try:
        assert ask_server(shared)["labels"] == ["below"]
        shared.run("systemctl", "restart", UNIT)
        assert ask_server(shared)["labels"] == ["below"]
        before = shared.pid
        shared.run("systemctl", "kill", "--kill-whom=main", "--signal=KILL", UNIT)
        wait_until(lambda: shared.pid not in (0, before), "another process")
        assert ask_server(shared)["labels"] == ["below"]
    finally:
        shared.run("systemctl", "stop", "webserver.service")
        shared.run("rm", RULES)
        shared.run("systemctl", "reload", UNIT)


def test_reload_takes_good_rules_and_refuses_bad_ones(shared: Service) -> None:
    shared.start()
    word = secrets.token_hex(8)
    shared.container.write(RULES, f"[[rule]]\naction = 'drop'\nargv = '{word}'\n")
    shared.run("systemctl", "reload", UNIT)
    shared.container.write(RULES, "[[rule]]\naction = 'melt'\n")
    refused = shared.run("systemctl", "reload", UNIT, check=False)
    assert refused.returncode != 0
    assert any(f"{RULES}:2:1: rule[0].action: " in text for text in shared.said())
    shared.run("/bin/true", word)
    shared.marked(shared.mark())
    assert not [r for r in shared.records(word) if word in r.get("argv", [])]
    assert shared.output("systemctl", "is-active", UNIT) == "active"
    shared.run("rm", RULES)


def test_stopped_process_is_restarted_by_the_watchdog(shared: Service) -> None:
    shared.drop_in("[Service]\nWatchdogSec=2\n")
    try:
        shared.start()
        shared.run("systemctl", "restart", UNIT)
        before = shared.pid
        # It may be gone, where the machine was busy for two seconds.
        shared.run("kill", f"-{signal.SIGSTOP.value}", str(before), check=False)
        wait_until(lambda: shared.pid not in (0, before), "another process")
        shared.marked(shared.mark())
    finally:
        # Others would be killed where the machine is busy for two seconds.
        shared.run("rm", f"/etc/systemd/system/{UNIT}.d/test.conf")
        shared.run("systemctl", "daemon-reload")


def test_rules_know_what_ran_before_the_service(shared: Service) -> None:
    word, go = secrets.token_hex(8), f"/run/{secrets.token_hex(8)}"
    waits = f"until test -e {go}; do sleep 0.1; done; /bin/echo {word}"

    def echoes() -> list[Record]:
        return [r for r in shared.records(word) if r.get("argv", [])[1:] == [word]]

    shared.run("systemd-run", "--quiet", "/bin/sh", "-c", waits)
    rules = "[[rule]]\naction = 'label'\nlabels = ['early']\nparent.exe = '/usr/bin/dash'\n"
    # A program of the container, whose first process is the host's for a daemon in there.
    rules += "[[rule]]\naction = 'drop'\nexe = '/usr/bin/true'\n"
    shared.run("systemctl", "stop", UNIT)
    shared.container.write(RULES, rules)
    shared.start()
    shared.run("touch", go)
    shared.run("/bin/true", word)
    wait_until(echoes, "the echo")
    shared.marked(shared.mark())
    (record,) = echoes()
    assert record["exe"] == "/usr/bin/echo"
    assert record["labels"] == ["early"]
    shared.run("rm", RULES, go)
