# SPDX-License-Identifier: Apache-2.0
"""`execaudit rules` lists the rules in force; `execaudit rules test` says which decides, and why.

Owns the two verbs: where the record to test comes from, and what is printed. The rule set that
decides is the daemon's.
"""

import argparse
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

from execaudit.config.configuration import Loaded, load
from execaudit.config.files import choose_paths
from execaudit.config.redactor import make_redactor
from execaudit.config.source import mistakes_error
from execaudit.errors import EXIT_OK, MALFORMED, ExecauditError, InvalidArgument, failed_call
from execaudit.records.host import Host
from execaudit.records.quoting import make_printable
from execaudit.records.readback import event_of_record
from execaudit.records.redact import Redactor
from execaudit.records.text import FieldDict
from execaudit.records.vocabulary import FIELDS as RECORD_FIELDS
from execaudit.rules.field_values import COMM_BYTES, FIELDS, TYPES
from execaudit.rules.kernel_rules import KernelLookups, translate_rules
from execaudit.rules.notes import find_notes
from execaudit.rules.proc_record import read_process, running_programs
from execaudit.rules.rule import Rule
from execaudit.rules.rule_set import Explanation, RuleSet, compile_rules
from execaudit.wire import record

_KIND_OF_NUMBER = ("user", "group", "login", "session", "number")
_OF_FILE = tuple(
    name for name, field in RECORD_FIELDS.items() if field.unreadable == record.FLAG_BAD_EXE
)
"""Fields of the program's file, which a command that is not run does not have."""

_VERDICTS = {True: "matches", False: "does not match", None: "cannot be decided"}
_TRUTHS = {True: "true", False: "false", None: "unknown"}
_MOST_BYTES = 16 << 20  # of a record line


def run(args: argparse.Namespace) -> int:
    """List, test, backtest or switch; return the exit status. Raises ExecauditError."""
    if args.subject == "backtest":
        from execaudit.query import backtest  # noqa: PLC0415 - of use to it only

        return backtest.run(args)
    if args.subject in ("enable", "disable"):
        from execaudit.cli import rule_packs  # noqa: PLC0415 - of use to it only

        return rule_packs.run(args)
    loaded, rules = load_rules(args)
    if args.subject == "test":
        return _test(loaded, rules, args)
    for line in list_rules(rules, translate_rules(rules.rules, KernelLookups()).rules):
        print(line)
    for name in loaded.disabled:
        print(f"      [off]     {make_printable(name)}")
    for note in find_notes(loaded, rules, is_of_host=args.root == Path("/")):
        print(note, file=sys.stderr)
    return EXIT_OK


def load_rules(args: argparse.Namespace) -> tuple[Loaded, RuleSet]:
    """Load the configuration and its rules. Raises NotConfigured with all problems."""
    loaded = load(choose_paths(args.config, args.root))
    problems = list(loaded.problems)
    rules = None
    if not problems:
        rules, problems = compile_rules(loaded.rules, regex_bytes=loaded.config.limits.regex_bytes)
    if rules is None:
        raise mistakes_error(problems, "Failed to load the rules: they have mistakes")
    return loaded, rules


def list_rules(rules: RuleSet, in_kernel: frozenset[int]) -> list[str]:
    """Return a line for each rule: number, who decides, action, name and place."""
    lines = []
    names = [_title(rule) for rule in rules.rules]
    width = min(max(map(len, names), default=0), 48)
    for index, (rule, name) in enumerate(zip(rules.rules, names, strict=True)):
        where = "[kernel]" if index in in_kernel else "[user]"
        lines.append(
            f"{index + 1:>4}  {where:8}  {_action(rule):32}  {name:{width}}  {_place(rule)}"
        )
    return lines or ["There are no rules: every record is kept."]


def _title(rule: Rule) -> str:
    return make_printable(rule.name or "(no name)")


def _action(rule: Rule) -> str:
    text = rule.action
    if rule.labels:
        text += " " + ",".join(rule.labels)
    if rule.technique:
        text += " " + ",".join(rule.technique)
    if rule.severity:
        text += f" ({rule.severity})"
    return text + (" +descendants" if rule.descendants else "")


def _place(rule: Rule) -> str:
    file, line, _ = rule.place
    return f"{make_printable(file)}:{line}"


def _test(loaded: Loaded, rules: RuleSet, args: argparse.Namespace) -> int:
    fields = find_record(args)
    if rules.wants_programs:
        for pid, start_ticks, exe in running_programs():
            rules.programs.remember_running(pid, start_ticks, exe)
    lines = describe(rules, fields, everything=args.all)
    for line in (*lines, *describe_secrets(fields, make_redactor(loaded.config.redact))):
        print(line)
    return EXIT_OK


def find_record(args: argparse.Namespace) -> FieldDict:
    """Return the record that the options of `rules test` name. Raises ExecauditError."""
    given = [args.pid is not None, bool(args.arguments or args.field), bool(args.record_line)]
    if sum(given) > 1:
        raise InvalidArgument(
            "Failed to choose what to test: give one of --pid, --record-line, or a command line"
        )
    if args.pid is not None:
        return read_process(args.pid, Host.this())
    if args.arguments or args.field:
        return _invent(args.arguments, args.field)
    return _read_line(args.record_line or "-")


def _read_line(path: str) -> FieldDict:
    """Return the record in the first line of a file; "-" is standard input.

    Raises InvalidArgument.
    """
    if path == "-":
        line = sys.stdin.buffer.readline(_MOST_BYTES)
    else:
        try:
            with open(path, "rb") as file:
                line = file.readline(_MOST_BYTES)
        except OSError as error:
            raise failed_call(f"open '{path}'", error, InvalidArgument) from None
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict) or not isinstance(fields.get("type"), str):
        raise InvalidArgument(
            f"Failed to read a record from '{path}': the first line is no JSON object with a type"
        )
    return fields


def _invent(arguments: list[str], settings: list[str]) -> FieldDict:
    """Return the record of a command as if the caller ran it here and now."""
    host = Host.this()
    fields = read_process(os.getpid(), host)
    for name in _OF_FILE:
        fields.pop(name, None)
    unknown = {"arch", "interp", *_OF_FILE}
    if arguments:
        path = shutil.which(arguments[0]) or arguments[0]
        comm = Path(path).name.encode()[:COMM_BYTES].decode(errors="ignore")
        fields |= {"argv": arguments, "argc": len(arguments), "filename": path, "comm": comm}
        del fields["exe"]
        if "/" in path:
            fields["exe"] = os.path.realpath(path)
        else:  # not installed here: nobody knows where it would be
            unknown.add("exe")
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals or name not in FIELDS or FIELDS[name].kind == "texts":
            known = ", ".join(name for name, field in FIELDS.items() if field.kind != "texts")
            raise InvalidArgument(
                f"Failed to use field '{setting}': expected NAME=VALUE of {known}"
            )
        _set(fields, name, value, host)
    fields["unreadable"] = sorted(unknown - {setting.partition("=")[0] for setting in settings})
    return fields


def _set(fields: FieldDict, name: str, value: str, host: Host) -> None:
    kind = FIELDS[name].kind
    if value == "":
        fields.pop(name, None)
    elif kind in _KIND_OF_NUMBER or kind == "errno":
        fields[name if kind != "errno" else "errno_code"] = _number(name, value)
    elif kind == "flag":
        fields[name] = value == "true"
    else:
        fields[name] = value
    for user, uid in (("user", "uid"), ("euser", "euid"), ("auser", "auid")):
        if name == uid:
            fields.pop(user, None)
            if host.user(fields.get(uid, -1)) is not None:
                fields[user] = host.user(fields[uid])
    if name == "errno":
        fields["result"] = "failure"


def _number(name: str, value: str) -> int:
    import errno  # noqa: PLC0415 - of use here only

    number = getattr(errno, value, None) if name == "errno" else None
    if number is None and value.isascii() and value.isdigit():
        number = int(value)
    if not isinstance(number, int):
        raise InvalidArgument(f"Failed to use field '{name}={value}': expected a number")
    return number


def describe(rules: RuleSet, fields: FieldDict, *, everything: bool) -> list[str]:
    """Return the lines about a record: the rules that matter, why, and the decision."""
    try:
        event = event_of_record(fields)
        decision = rules.decide(event)
        explained = rules.explain(event) if event.type in TYPES else []
    except MALFORMED as error:
        raise ExecauditError(f"Failed to judge the record: it is malformed ({error})") from None
    lines = [_command(fields)]
    for explanation in explained:
        rule = rules.rules[explanation.rule]
        if explanation.rule in decision.rules or everything:
            lines.append(_headline(rule, explanation))
            lines += [
                f"        {_TRUTHS[truth]:7} {make_printable(text)}"
                for text, truth in explanation.because
            ]
        if explanation.rule == decision.rule and not everything:
            break
    lines.append(_conclude(rules, decision.action, decision.rule))
    if decision.action == "keep" and decision.is_marked:
        added = ", ".join(decision.labels) or "none"
        lines.append(f"labels: {added}; severity: {decision.severity or 'none'}")
        if decision.technique:
            lines.append(f"technique: {', '.join(decision.technique)}")
    if any(rule.descendants for rule in rules.rules):
        lines.append("Rules with descendants = true may decide otherwise below what they matched.")
    return lines


def describe_secrets(fields: FieldDict, redactor: Redactor) -> list[str]:
    """Return a line for each secret in the arguments: argument, pattern and entry."""
    argv = fields.get("argv")
    words = [str(word).encode(errors="surrogateescape") for word in argv or ()]
    return [
        f"redacted: argument {secret.argument}, by pattern {secret.name}: {secret.reason}"
        for secret in redactor.explain(words)
    ]


def _command(fields: FieldDict) -> str:
    argv: Any = fields.get("argv")
    text = " ".join(map(str, argv)) if isinstance(argv, list) and argv else fields.get("comm", "")
    return f"{fields['type']}: {make_printable(str(text))[:200]}"


def _headline(rule: Rule, explanation: Explanation) -> str:
    verdict = _VERDICTS[explanation.matched]
    return f"rule {explanation.rule + 1} {verdict}: {_action(rule)}, {_title(rule)}, {_place(rule)}"


def _conclude(rules: RuleSet, action: str, index: int | None) -> str:
    if index is None:
        return "decision: keep, as no rule says otherwise"
    rule = rules.rules[index]
    return f"decision: {action}, by rule {index + 1}, {_title(rule)}, {_place(rule)}"
