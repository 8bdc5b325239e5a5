# SPDX-License-Identifier: Apache-2.0
"""Find every message that a user can see in the source, for docs/messages.md.

A message is text that is given to an exception of ours, to the log, to a check of doctor or to a
problem of the configuration. What the program fills in stands in angle brackets.
"""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_PACKAGE = Path(__file__).resolve().parents[2] / "execaudit"

_STATUS = {
    "ExecauditError": "1",
    "InvalidArgument": "2",
    "NotImplementedByKernel": "3",
    "NoPermission": "4",
    "NotConfigured": "6",
    "failed_call": "1, or 4",
}
_PROBLEMS = {
    "problem",
    "_problem",
    "Problem",
    "ConditionError",
    "PatternError",
    "RegexError",
    "CostlyRegexError",
    "WildcardError",
}
_LEVELS = {"ERROR": "error", "WARNING": "warning", "NOTICE": "notice"}
# What the source calls what it fills in, and what a reader calls it.
_WORDS = {
    "<reason>": ("get errno", "strerror", "why", "code"),
    "<file>": ("path", "filename", "given"),
    "<files>": ("paths",),
    "<mistakes>": ("lines", "result"),
    "<what failed>": ("said", "doing", "failure"),
    "<number>": ("torn bytes", "missed", "key bytes", "known boots"),
}
_READABLE = {f"<{word}>": meant for meant, words in _WORDS.items() for word in words}
SECTIONS = {
    "exit": ("Errors that end a command", "exit status"),
    "log": ("Lines in the service's log", "priority"),
    "problem": ("Mistakes in configuration and rules, as `file:line:column: key: message`", ""),
    "check": ("Checks of execaudit doctor", "check"),
}


class Message(NamedTuple):
    """A message: its section, how grave it is, its text and the module it stands in."""

    section: str
    level: str
    text: str
    module: str


def _text(node: ast.expr) -> str | None:
    """Return the text that an expression gives, with what is filled in by name; None: no text."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        return "".join(_part(part) for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = _text(node.left), _text(node.right)
        return None if left is None and right is None else f"{left or '<…>'}{right or '<…>'}"
    if isinstance(node, ast.IfExp):
        either = [text for text in (_text(node.body), _text(node.orelse)) if text]
        return " / ".join(either) or None
    return None


def _part(part: ast.expr) -> str:
    """Return the text of a part of an f-string; what is filled in gives the name of its source."""
    if isinstance(part, ast.Constant):
        return str(part.value)
    assert isinstance(part, ast.FormattedValue)
    value = part.value
    while isinstance(value, ast.Call | ast.Subscript):
        if isinstance(value, ast.Subscript):
            value = value.value
        else:
            value = value.args[0] if value.args else value.func
    name = value.attr if isinstance(value, ast.Attribute) else getattr(value, "id", "…")
    return f"<{name.strip('_').replace('_', ' ')}>"


def _called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def _messages(node: ast.Call, module: str) -> Iterator[Message]:
    """Yield the messages of one call."""
    name = _called(node)
    texts = [text for text in map(_text, node.args) if text]
    if name in _STATUS and texts:
        text = f"Failed to {texts[0]}: <reason>" if name == "failed_call" else texts[0]
        yield Message("exit", _STATUS[name], text, module)
    elif name in {"log", "add", "pieces"} and len(node.args) > 1 and texts:
        level = getattr(node.args[0], "id", "")
        if level in _LEVELS:
            yield Message("log", _LEVELS[level], texts[0], module)
    elif name in _PROBLEMS and texts and " " in texts[-1]:
        yield Message("problem", "", texts[-1], module)
    elif name == "Check" and len(texts) > 2 and texts[1] in {"warn", "fail"}:
        yield Message("check", texts[0], ". ".join(texts[2:]), module)


def _constants(tree: ast.Module) -> dict[str, str]:
    """Return the texts that a module names, by the marks that stand for them in messages."""
    return {
        f"<{target.id.strip('_').replace('_', ' ')}>": text
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name) and (text := _text(node.value)) is not None
    }


def _with_constants(text: str, constants: dict[str, str]) -> str:
    for mark, meant in constants.items():
        text = text.replace(mark, meant)
    return text


def find_messages() -> list[Message]:
    """Return all messages of the package, in the order of the files."""
    found = []
    for path in sorted(_PACKAGE.rglob("*.py")):
        module = path.relative_to(_PACKAGE.parent).with_suffix("").as_posix()
        tree = ast.parse(path.read_text(encoding="utf-8"))
        constants = _constants(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                found += [
                    message._replace(text=_with_constants(message.text, constants))
                    for message in _messages(node, module)
                ]
    return found


def message_tables() -> dict[str, str]:
    """Return the tables of docs/messages.md by the names of their marks."""
    found = find_messages()
    return {
        section: "\n".join(_table(level, [m for m in found if m.section == section]))
        for section, (_, level) in SECTIONS.items()
    }


def _table(level: str, messages: list[Message]) -> Iterator[str]:
    """Yield the lines of one table, each text once, in alphabetical order."""
    yield f"| message | {level} |" if level else "| message |"
    yield "|---|---|" if level else "|---|"
    levels: dict[str, set[str]] = {}
    for message in messages:
        levels.setdefault(_cell(message.text), set()).update(message.level.split(", or "))
    for text in sorted(levels, key=str.casefold):
        how = ", or ".join(sorted(levels[text]))
        yield f"| {text} | {how} |" if level else f"| {text} |"


def _cell(text: str) -> str:
    for mark, meant in _READABLE.items():
        text = text.replace(mark, meant)
    one_line = " ".join(text.split())
    for char in "\\`*_<>|[]":
        one_line = one_line.replace(char, f"\\{char}")
    return one_line
