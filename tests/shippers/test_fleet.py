# SPDX-License-Identifier: Apache-2.0
"""Three hosts send to one: by rsyslog and by the journal, and are told apart there.

One kernel runs all of it, so that each host's daemon sees the execs of all; a user of its own
stands for what happens on a host, and the daemon's rules keep to that.
"""

import json
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

import pytest

from tests.integration.daemon_process import Daemon, wait_until
from tests.integration.tracing import Record
from tests.journald import parse_export
from tests.shippers.hosts import Host, network
from tests.shippers.shipping import ARRIVED, REMOTE_JOURNAL, JournalUpload, Rsyslog
from tests.shippers.storms import Source, own_uid, rule_for

UIDS = {name: own_uid(number) for number, name in enumerate(("web1", "web2", "db1"), start=1)}
EXECS = 100


@dataclass
class Fleet:
    """The central host; each host's records of execs, and the others, by its name."""

    central: Host
    execs: dict[str, list[Record]]
    others: dict[str, list[Record]]

    def journal(self, *matches: str) -> list[dict[str, str]]:
        """What journalctl finds on the central host."""
        command = ["journalctl", "-D", REMOTE_JOURNAL, "-q", "-o", "export", *matches]
        exported = parse_export(self.central.run(*command))
        return [{k.decode(): v.decode() for k, v in one.items()} for one in exported]


@pytest.fixture(scope="module")
def fleet(programs: Path, workplace: Path) -> Iterator[Fleet]:
    place = Path(mkdtemp(dir=workplace))
    place.chmod(0o755)
    sections: dict[str, dict[str, object]] = {
        "capture": {"ring_bytes": "4M"},
        "journal": {"enabled": True},
    }
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, place)
        kinds = dict.fromkeys(UIDS, "rsyslog")
        central, hosts = stack.enter_context(network(place, kinds))
        sources: dict[str, Source] = {}
        for name, host in hosts.items():
            rules = rule_for(UIDS[name])
            daemon = Daemon(place / name, "auto", sections, rules, command=host.as_guest())
            ways = [way(central, host, daemon) for way in (Rsyslog, JournalUpload)]
            if not sources:
                for way in ways:
                    way.start_receiver()
            for way in ways:
                way.start()
            running = stack.enter_context(daemon)
            sources[name] = Source(running, programs, place, UIDS[name])
        for source in sources.values():
            with source.storm(EXECS):
                pass
        for name, source in sources.items():
            mark = source.mark()
            for way in ways:
                wait_until(
                    lambda way=way, mark=mark: way.has_arrived(mark),  # type: ignore[misc]
                    lambda name=name: hosts[name].said()[-2000:],  # type: ignore[misc]
                )
        records = {name: source.daemon.records() for name, source in sources.items()}
        yield Fleet(
            central,
            {name: [r for r in all_ if r["type"] == "exec"] for name, all_ in records.items()},
            {name: [r for r in all_ if r["type"] != "exec"] for name, all_ in records.items()},
        )
        for source in sources.values():
            source.daemon.stop()


def test_journal_on_the_central_host_is_asked_by_host(fleet: Fleet) -> None:
    for name, execs in fleet.execs.items():
        assert len(execs) > EXECS, fleet.others[name]
        assert {record["host"] for record in execs} == {name}
        found = fleet.journal(f"_HOSTNAME={name}", "EXECAUDIT_TYPE=exec")
        assert {one["EXECAUDIT_HOST"] for one in found} <= {name}
        assert [one["EXECAUDIT_ID"] for one in found] == [record["id"] for record in execs]
        assert {one["EXECAUDIT_UID"] for one in found} == {str(UIDS[name])}


def test_journal_on_the_central_host_is_asked_by_exec(fleet: Fleet) -> None:
    for name, execs in fleet.execs.items():
        wanted = execs[len(execs) // 2]
        (found,) = fleet.journal(f"EXECAUDIT_ID={wanted['id']}")
        assert found["_HOSTNAME"] == name
        assert json.loads(found["EXECAUDIT_ARGV"]) == wanted["argv"]


def test_rsyslog_on_the_central_host_has_a_file_of_each_host(fleet: Fleet) -> None:
    folder = fleet.central.path(ARRIVED)
    assert {file.name for file in folder.iterdir()} == {f"{name}.jsonl" for name in UIDS}
    for name, execs in fleet.execs.items():
        records = [json.loads(line) for line in (folder / f"{name}.jsonl").read_text().splitlines()]
        assert [record for record in records if record["type"] == "exec"] == execs
        wanted = execs[len(execs) // 2]["id"]
        command = ["grep", "-hF", f'"id":"{wanted}"', *(f"{ARRIVED}/{one}.jsonl" for one in UIDS)]
        lines = fleet.central.run(*command).splitlines()
        assert [json.loads(line)["host"] for line in lines] == [name] * len(lines)
        assert wanted in {json.loads(line)["id"] for line in lines}


def test_journal_of_one_host_is_a_file_of_its_own(fleet: Fleet) -> None:
    files = sorted(fleet.central.path(REMOTE_JOURNAL).glob("*.journal"))
    names = set()
    for file in files:
        command = ["journalctl", "--file", f"{REMOTE_JOURNAL}/{file.name}", "-q", "-F", "_HOSTNAME"]
        (name,) = fleet.central.run(*command).decode().split()
        names.add(name)
    assert names == set(UIDS)
