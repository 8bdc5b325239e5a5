# SPDX-License-Identifier: Apache-2.0
"""Parents that were forked and never called exec run the program of whoever forked them."""

from typing import Any

import pytest

from tests.flows import made_benches
from tests.records import exec_record, leaf_first

INIT = (1_000, 1, 1, b"systemd")
NGINX = leaf_first(b"/usr/sbin/nginx")
OF_MASTER = (7_000, 500, 2, b"nginx")
WORKER = (9_000, 501, 2, b"nginx")
RULES = [
    {"action": "label", "labels": ["exe"], "parent": {"exe": "/usr/sbin/nginx"}},
    {"action": "label", "labels": ["cmdline"], "parent": {"cmdline": "nginx -g *"}},
    {"action": "label", "labels": ["above"], "ancestor": {"exe": "/usr/sbin/nginx"}},
    {"action": "label", "labels": ["not"], "not": {"parent": {"exe": "/usr/sbin/nginx"}}},
]

benches = pytest.fixture(made_benches)


def master(time_ns: int = 8_000) -> bytes:
    words = (b"nginx", b"-g", b"daemon off;")
    begun: dict[str, Any] = {"pid": 500, "start_ns": 7_000, "exec_count": 2, "time_ns": time_ns}
    return exec_record(*words, exe=NGINX, **begun)


def below(*ancestors: Any) -> bytes:
    return exec_record(b"sh", seq=2, ancestors=(*ancestors, INIT))


@pytest.mark.parametrize(
    "between",
    [(), (WORKER,), ((9_500, 502, 2, b"nginx"), WORKER)],
    ids=["no fork", "a worker", "a worker's fork"],
)
def test_fork_runs_what_forked_it(benches: Any, between: tuple[Any, ...]) -> None:
    _, record = benches(rules=RULES).feed(master(), below(*between, OF_MASTER))

    assert record["pexe"] == "/usr/sbin/nginx"
    assert record["pcmdline"] == "nginx -g 'daemon off;'"
    assert record["labels"] == ["exe", "cmdline", "above"]


@pytest.mark.parametrize(
    "between",
    [(9_000, 501, 3, b"nginx"), (9_000, 501, 2, b"sh")],
    ids=["called exec", "has another name"],
)
def test_what_may_have_called_exec_is_unknown(benches: Any, between: Any) -> None:
    _, record = benches(rules=RULES).feed(master(), below(between, OF_MASTER))

    assert not record.keys() & {"pexe", "pcmdline"}
    assert record["labels"] == ["above"]


def test_fork_older_than_the_program_above_runs_another(benches: Any) -> None:
    _, record = benches().feed(master(time_ns=9_001), below(WORKER, OF_MASTER))

    assert not record.keys() & {"pexe", "pcmdline"}


def test_fork_of_a_process_that_nobody_saw_is_unknown(benches: Any) -> None:
    *_, record = benches(rules=RULES).feed(below(WORKER, OF_MASTER))

    assert not record.keys() & {"pexe", "pcmdline", "labels"}
