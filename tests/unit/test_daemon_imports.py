# SPDX-License-Identifier: Apache-2.0
"""What the daemon's process does not load: it would hold it for years."""

import json
import subprocess

from tests.integration.requirements import CHECKOUT, PYTHON

# As `execaudit daemon` starts, without rules, as far as the kernel is not asked.
START = """
import json, sys
from execaudit import cli
cli.build_parser("daemon").parse_args(["daemon"])
from execaudit.config.configuration import Paths, load
from execaudit.daemon import loop
from execaudit.engine import libbpf_engine
from execaudit.records.host import Host
load(Paths.of_system())
Host.this()
print(json.dumps(list(sys.modules)))
"""
TOO_MUCH = {
    "_hashlib",  # OpenSSL: 4 MiB
    *("queue", "random", "tempfile", "subprocess", "logging", "asyncio", "concurrent.futures"),
    *("execaudit.rules.rule_set", "execaudit.rules.conditions", "execaudit.rules.regex_cost"),
    *("execaudit.engine.bcc_engine", "execaudit.formats.ecs", "execaudit.formats.ocsf"),
    *("execaudit.table.lines", "execaudit.doctor.report"),
}


def run(program: str) -> str:
    command = [PYTHON, "-c", program]  # the test tools' own may load more by itself
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=True)
    return done.stdout


def test_daemon_without_rules_loads_no_more_than_it_uses() -> None:
    loaded = set(json.loads(run(START)))

    assert {"execaudit.daemon.loop", "execaudit.config.configuration"} <= loaded
    assert not loaded & TOO_MUCH
