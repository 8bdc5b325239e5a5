# SPDX-License-Identifier: Apache-2.0
"""What is written for a rule, and what refuses one."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

import pytest
from sigma.backends.execaudit import ExecauditBackend
from sigma.collection import SigmaCollection
from sigma.exceptions import SigmaError
from sigma.plugins import InstalledSigmaPlugins

if TYPE_CHECKING:
    from pathlib import Path

RULE = """\
title: A "title"
id: 11111111-0000-4000-8000-000000000009
logsource: {{category: {category}, product: linux}}
detection:
  selection:
    {detection}
  condition: selection
level: low
falsepositives: [Backups]
tags: [attack.t1105, attack.execution]
"""


def convert(backend: ExecauditBackend, detection: str, category: str = "process_creation") -> str:
    text = RULE.format(detection=detection, category=category)
    return str(backend.convert(SigmaCollection.from_yaml(text)))


def rule_of(backend: ExecauditBackend, detection: str) -> dict[str, Any]:
    (rule,) = tomllib.loads(convert(backend, detection))["rule"]
    return dict(rule)


def test_rule_has_title_labels_severity_and_comments(backend: ExecauditBackend) -> None:
    text = convert(backend, "Image: /bin/nc")
    (rule,) = tomllib.loads(text)["rule"]

    assert "# Sigma rule 11111111-0000-4000-8000-000000000009\n# False positives: Backups\n" in text
    assert rule["name"] == 'A "title"'
    assert rule["labels"] == ["sigma", "sigma:11111111-0000-4000-8000-000000000009"]
    assert rule["technique"] == ["T1105"]
    assert (rule["action"], rule["severity"], rule["result"]) == ("label", "notice", "success")


def test_control_characters_of_a_rule_do_not_spoil_the_file(backend: ExecauditBackend) -> None:
    text = RULE.format(category="process_creation", detection="Image: /bin/nc")
    text = text.replace("Backups", r'"a\e[2J\tb\nc\0d"').replace('A "title"', r'"a\e[2Jb"')
    converted = str(backend.convert(SigmaCollection.from_yaml(text)))

    assert "# False positives: a [2J b\n# c d\n" in converted
    assert tomllib.loads(converted)["rule"][0]["name"] == "a [2Jb"


@pytest.mark.parametrize(
    ("detection", "key", "value"),
    [
        ("Image|endswith: /nc", "program", {"exact": "nc", "ignore_case": True}),
        ("CommandLine|contains: ['a', '-1']", "cmdline",
         [{"contains": "a", "ignore_case": True}, {"contains": "-1"}]),
        ("CommandLine|startswith: 'a*'", "cmdline", {"startswith": "a", "ignore_case": True}),
        (r"CommandLine: 'a\*[b]?*c'", "cmdline", {"glob": "a[*][[]b]?*c", "ignore_case": True}),
        ("CurrentDirectory: '/a/*/b'", "cwd", {"regex": r"^/a/.*/b\Z", "ignore_case": True}),
        ("CommandLine|re|i: 'a+b'", "cmdline", {"regex": "a+b", "ignore_case": True}),
        ("CommandLine|contains|cased: 'Ab'", "cmdline", {"contains": "Ab"}),
        ("ParentCommandLine: 'sh'", "parent", {"cmdline": {"exact": "sh", "ignore_case": True}}),
        ("CommandLine|contains: '—x'", "cmdline", {"contains": "—x", "ignore_case": True}),
        ("LogonId: 0", "uid", 0),
    ],
)  # fmt: skip
def test_value_becomes_a_pattern(
    backend: ExecauditBackend, detection: str, key: str, value: Any
) -> None:
    assert rule_of(backend, detection)[key] == value


@pytest.mark.parametrize(
    ("detection", "reason"),
    [
        ("Hashes: x", "a field that records of execaudit do not have"),
        ("CommandLine: null", "null for cmdline"),
        ("CommandLine: '*'", "matches every text"),
        ("CommandLine: ''", "is empty"),
        ("CommandLine|contains: 'é'", "letters beyond ASCII"),
        ("CommandLine|cidr: 10.0.0.0/8", "a network"),
        ("LogonId|gt: 5", "a comparison of numbers"),
        ("CommandLine|exists: true", "|exists"),
        ("CommandLine|fieldref: Image", "a comparison with another field"),
        ("LogonId: abc", "a text where LogonId is a number"),
        ("- keyword", "a field that records of execaudit do not have"),
    ],
)
def test_what_cannot_be_asked_refuses_the_rule(
    backend: ExecauditBackend, detection: str, reason: str
) -> None:
    with pytest.raises(SigmaError, match=reason.replace("|", r"\|")):
        convert(backend, detection)


def test_other_events_are_refused(backend: ExecauditBackend) -> None:
    with pytest.raises(SigmaError, match="expected logsource process_creation, linux"):
        convert(backend, "Image: /bin/nc", "network_connection")


@pytest.mark.parametrize("detection", ["CommandLine|contains: x", "Image: /bin/nc", "comm: nc"])
def test_field_that_no_pipeline_mapped_is_refused(detection: str) -> None:
    name = detection.partition("|")[0].partition(":")[0]

    with pytest.raises(SigmaError, match=f"the field {name}, which no pipeline mapped"):
        convert(ExecauditBackend(), detection)


def test_folder_with_the_name_of_the_pipeline_does_not_write_unmapped_rules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "execaudit").mkdir()
    monkeypatch.chdir(tmp_path)
    resolver = InstalledSigmaPlugins.autodiscover().get_pipeline_resolver()
    pipeline = resolver.resolve(["execaudit"], "execaudit")

    with pytest.raises(SigmaError, match="the field CommandLine, which no pipeline mapped"):
        convert(ExecauditBackend(pipeline), "CommandLine|contains: x")


def test_plugin_is_found() -> None:
    plugins = InstalledSigmaPlugins.autodiscover()

    assert "execaudit" in plugins.backends
    assert "execaudit" in plugins.pipelines
