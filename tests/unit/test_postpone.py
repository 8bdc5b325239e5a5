# SPDX-License-Identifier: Apache-2.0
"""What the daemon's process does not load: it would hold it for years."""

import json
import subprocess
import sys

from execaudit.postpone import UNUSED
from tests.integration.requirements import CHECKOUT

# As `execaudit daemon` starts, without rules, as far as the kernel is not asked.
START = """
import json, sys
from execaudit import cli
cli.postpone()
cli.build_parser("daemon").parse_args(["daemon"])
from execaudit.config.configuration import Paths, load
from execaudit.daemon import loop
from execaudit.engine import libbpf_engine
from execaudit.records.host import Host
load(Paths.of_system())
Host.this()
print(json.dumps([name for name, it in sys.modules.items() if type(it).__name__ != "_StandIn"]))
"""
TOO_MUCH = {
    "_hashlib",  # OpenSSL: 4 MiB
    *("ast", "dis", "tokenize", "linecache"),  # by inspect: 0.8 MiB
    *("_bz2", "_lzma"),  # libraries of their own: 0.4 MiB
    *("queue", "random", "tempfile", "subprocess", "logging", "asyncio", "concurrent.futures"),
    *("execaudit.rules.rule_set", "execaudit.rules.conditions", "execaudit.rules.regex_cost"),
    *("execaudit.engine.bcc_engine", "execaudit.formats.ecs", "execaudit.formats.ocsf"),
    *("execaudit.trace.table", "execaudit.doctor.report"),
}


def run(program: str) -> str:
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=True)
    return done.stdout


def test_daemon_without_rules_loads_no_more_than_it_uses() -> None:
    loaded = set(json.loads(run(START)))

    assert {"execaudit.daemon.loop", "execaudit.digest"} <= loaded
    assert not loaded & (TOO_MUCH | set(UNUSED))


def test_postponed_module_is_there_once_something_of_it_is_used() -> None:
    program = (
        "import sys; from execaudit.postpone import UNUSED, postpone; postpone()\n"
        "import bz2, inspect, ipaddress, lzma, selectors\n"
        "from inspect import Parameter\n"
        "assert inspect.signature(len).parameters['obj'].kind is Parameter.POSITIONAL_ONLY\n"
        "assert bz2.decompress(bz2.compress(b'x')) == b'x'\n"
        "assert lzma.decompress(lzma.compress(b'x')) == b'x'\n"
        "selectors.DefaultSelector().close()\n"
        "assert ipaddress.ip_address('::1').is_loopback\n"
        "import bz2, inspect, ipaddress, lzma, selectors\n"
        "print(*[type(sys.modules[name]).__name__ for name in UNUSED])"
    )

    assert set(run(program).split()) == {"module"}


def test_module_that_is_loaded_already_stays() -> None:
    program = (
        "import inspect, sys; from execaudit.postpone import postpone; postpone()\n"
        "print(sys.modules['inspect'] is inspect)"
    )

    assert run(program) == "True\n"
