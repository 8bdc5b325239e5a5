# SPDX-License-Identifier: Apache-2.0
"""Rules of the shapes that Sigma's rules for Linux have once converted, any number of them.

Owns the mixture: per 122 rules as many of a shape as there are in Sigma's own set, about. They
match next to nothing that benchmarks run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from execaudit.rules.conditions import Lookups
from execaudit.rules.rule_set import compile_rules
from tests.rule_tables import Table

if TYPE_CHECKING:
    from execaudit.rules.rule_set import RuleSet

SIZES = (122, 1000)


def _any(kind: str, *texts: str) -> list[dict[str, Any]]:
    """Return patterns that ignore case, as all texts of Sigma do."""
    return [{kind: text, "ignore_case": True} for text in texts]


def _of_programs(n: int) -> list[dict[str, Any]]:
    """Make rules that the program gates."""
    names = _any("exact", f"tool{n}", f"tool{n}-cli", f"too{n}l")
    return [
        {"program": names},
        {"program": names, "cmdline": _any("contains", f" --run{n}", f" -x{n} ", "--daemon")},
        {"program": names, "cmdline": _any("contains", f"/etc/tool{n}.conf"),
         "all": [{"cmdline": _any("contains", "write", "append", ">>")}]},
        {"program": names, "cmdline": {"regex": rf"\s-[a-z]*{n}[a-z]*\s"}},
        {"program": names, "not": {"cmdline": _any("contains", f"--help{n}", "--version")}},
        {"program": names, "cmdline": _any("endswith", f" stop {n}", f" disable {n}")},
        {"program": names, "parent": {"exe": _any("endswith", f"/server{n}", f"/worker{n}")}},
        {"program": names, "any": [{"cmdline": _any("contains", f"-e{n} ")},
                                   {"filename": _any("startswith", f"/tmp/t{n}/")}]},
    ]  # fmt: skip


def _of_commands(n: int) -> list[dict[str, Any]]:
    """Make rules that look at command lines, parents and places of all programs."""
    return [
        {"cmdline": _any("contains", f" --pool{n}=", f"stratum{n}+tcp://", f"c3RyYX{n}bSt0")},
        {"cmdline": _any("contains", f"/proc/{n}/", "docker-init"),
         "all": [{"cmdline": _any("contains", "cgroup", "mountinfo")}]},
        {"cmdline": _any("startswith", "sh -c ", "bash -c "),
         "all": [{"cmdline": _any("contains", f"| interp{n} ", f"|interp{n} ")}]},
        {"any": [{field: _any("contains", f"/implant{n}", f"/beacon{n}")}
                 for field in ("exe", "filename", "script")]},
        {"parent": {"exe": _any("endswith", f"/httpd{n}", f"/java{n}"),
                    "cmdline": _any("contains", f"catalina{n}.jar")},
         "program": _any("exact", "sh", "bash", "dash")},
    ]  # fmt: skip


def compile_sigma_like(count: int) -> RuleSet:
    """Compile so many: of six in a row, five are about programs."""
    rules: list[dict[str, Any]] = []
    for n in range(count):
        shapes = _of_commands(n) if n % 6 == 5 else _of_programs(n)
        shape = shapes[(n // 6 if n % 6 == 5 else n) % len(shapes)]
        rules.append({"action": "label", "labels": [f"s{n}"], "result": "success"} | shape)
    lookups = Lookups(user=lambda _: None, group=lambda _: None)
    made, problems = compile_rules([Table(rule, n) for n, rule in enumerate(rules)], lookups)
    if made is None:
        raise SystemExit("\n".join(map(str, problems)))
    return made
