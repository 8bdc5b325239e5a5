# SPDX-License-Identifier: Apache-2.0
"""Rules of many kinds, any number of them, for measurements of what rules cost.

Owns the mixture. They match next to nothing that benchmarks run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from execaudit.rules.conditions import Lookups
from execaudit.rules.rule_set import compile_rules
from tests.rule_tables import Table

if TYPE_CHECKING:
    from execaudit.rules.rule_set import RuleSet


def mixed_rules(count: int) -> list[dict[str, Any]]:
    """Make rules of fourteen kinds in turn; they match nothing of `place` except by chance."""
    rules = []
    for index in range(count):
        kinds: list[dict[str, Any]] = [
            {"action": "drop", "exe": f"/usr/lib/app{index}/bin/tool{index}"},
            {"labels": ["a"], "argv": f"--option-{index}"},
            {"action": "drop", "exe": f"/opt/vendor{index}/**"},
            {"labels": ["b"], "argv": f"*secret{index}=*"},
            {"action": "drop", "comm": f"daemon{index}", "uid": "100-999"},
            {"labels": ["c"], "cmdline": {"regex": rf"curl .*host{index}\.example.*\|\s*sh"}},
            {"labels": ["d"], "unit": f"svc{index}.service", "severity": "err"},
            {"labels": ["e"], "cwd": f"/srv/site{index}/**"},
            {"labels": ["f"], "uid": "1000-60000", "argv": [f"-x{index}", f"--long{index}"]},
            {"action": "keep", "ancestor": {"comm": f"sshd{index}"}, "auid": "1000-"},
            {"labels": ["g"], "not": {"exe": "/usr/**"}, "filename": f"/tmp/x{index}*"},
            {
                "labels": ["h"],
                "any": [
                    {"script": f"/home/u{index}/*"},
                    {"container": f"a{index}*", "privileged": True},
                ],
            },
            {"labels": ["i"], "errno": "ENOENT", "filename": f"/usr/local/bin/n{index}"},
            {"action": "drop", "user": f"svc{index}", "argc": "1-3"},
        ]
        rule = kinds[index % len(kinds)]
        rules.append({"action": "label"} | rule)
    return rules


def compile_mixed(count: int) -> RuleSet:
    """Compile so many of them."""
    lookups = Lookups(user=lambda _: None, group=lambda _: None)
    tables = [Table(rule, index) for index, rule in enumerate(mixed_rules(count))]
    rules, problems = compile_rules(tables, lookups)
    if rules is None:
        raise SystemExit("\n".join(map(str, problems)))
    return rules
