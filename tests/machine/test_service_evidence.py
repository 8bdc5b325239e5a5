# SPDX-License-Identifier: Apache-2.0
"""Seals of the installed service, and the drill of docs/evidence.md, line by line."""

import json
import re
from pathlib import Path

from tests.machine.service import LOG, UNIT, Service, wait_until

GUIDE = Path(__file__).resolve().parents[2] / "docs/evidence.md"
KEY = "/root/auditor.key"


def drill() -> list[str]:
    """Return the commands of the guide's drill."""
    text = GUIDE.read_text().partition("## Drill")[2]
    commands = re.findall(r"^# (.+)$", text, re.MULTILINE)
    return [re.sub(r"  +# .*", "", command).removesuffix("; echo $?") for command in commands]


def test_drill_of_the_guide_ends_with_the_verdict_that_it_shows(shared: Service) -> None:
    shared.start()
    *before, edit, verify, single = drill()
    for command in before:
        done = shared.run("sh", "-c", command.replace("tee /dev/tty", "cat"), check=False)
        assert done.returncode == 0, (command, done.stdout, done.stderr)
    assert "sealed and unaltered from" in shared.output("execaudit", "verify", "--key", KEY)
    shared.run("sh", "-c", edit)
    altered = shared.run("sh", "-c", verify, check=False)
    alone = shared.run("sh", "-c", single, check=False)

    assert altered.returncode == alone.returncode == 1
    assert "ALTERED: lines were edited" in altered.stdout
    assert f"({LOG}, line" in altered.stdout
    assert "ALTERED: lines were edited" in alone.stdout


def test_seals_of_the_service_are_in_the_journal_and_the_state_is_private(
    shared: Service,
) -> None:
    shared.run("sh", "-c", f"rm -f {LOG}* /var/lib/execaudit/*; systemctl stop {UNIT}")
    shared.run("sh", "-c", f"execaudit seal setup | grep -o 'secret:.*' > {KEY}")
    shared.run("systemctl", "restart", UNIT)
    shared.marked(shared.mark())
    shared.run("execaudit", "rotate")
    wait_until(
        lambda: "begin" in shared.output("journalctl", "-o", "cat", "EXECAUDIT_TYPE=seal"),
        "seals in the journal",
    )
    shared.run("systemctl", "stop", UNIT)
    shared.run("journalctl", "--sync")
    against = ["execaudit", "verify", "--key", KEY, "--against", "journal"]
    whole = json.loads(shared.output(*against, "--json"))
    listing = shared.output("stat", "--format=%U %a", "/var/lib/execaudit/seal.state")

    assert whole["verdict"] == "whole"
    assert listing == "execaudit 600"
    shared.run("sh", "-c", f"head -n -3 {LOG} > /tmp/cut; cat /tmp/cut > {LOG}")
    cut = shared.run(*against, check=False)
    assert cut.returncode == 1
    assert "known from the journal and not in the log" in cut.stdout
