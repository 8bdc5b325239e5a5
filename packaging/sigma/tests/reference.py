# SPDX-License-Identifier: Apache-2.0
"""Sigma's own meaning: a parsed rule evaluated over the fields of a process, plainly.

Owns the oracle that converted rules are compared with. None stands for what is not known.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from sigma.conditions import (
    ConditionAND,
    ConditionFieldEqualsValueExpression,
    ConditionNOT,
    ConditionOR,
)
from sigma.types import (
    SigmaCasedString,
    SigmaExpansion,
    SigmaNumber,
    SigmaRegularExpression,
    SigmaRegularExpressionFlag,
    SigmaString,
    SpecialChars,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

Values = dict[str, "tuple[str, ...] | None"]
"""By Sigma's names: what a field may be, any of it; None where that is unknown."""


def evaluate(node: Any, values: Mapping[str, tuple[str, ...] | None]) -> bool | None:
    """Return whether a condition holds."""
    if isinstance(node, ConditionNOT):
        found = evaluate(node.args[0], values)
        return None if found is None else not found
    if isinstance(node, ConditionOR | ConditionAND):
        decisive = isinstance(node, ConditionOR)
        truths = [evaluate(each, values) for each in node.args]
        if decisive in truths:
            return decisive
        return None if None in truths else not decisive
    assert isinstance(node, ConditionFieldEqualsValueExpression)
    texts = values[node.field]
    return None if texts is None else any(_matches(node.value, text) for text in texts)


def _matches(value: Any, text: str) -> bool:
    if isinstance(value, SigmaExpansion):
        return any(_matches(each, text) for each in value.values)
    if isinstance(value, SigmaNumber):
        return str(value.number) == text
    if isinstance(value, SigmaRegularExpression):
        flags = re.DOTALL
        if SigmaRegularExpressionFlag.IGNORECASE in value.flags:
            flags |= re.IGNORECASE
        return re.search(str(value.regexp), text, flags) is not None
    assert isinstance(value, SigmaString)
    regex = "".join(map(_as_regex, value.s))
    flags = re.DOTALL if isinstance(value, SigmaCasedString) else re.DOTALL | re.IGNORECASE
    return re.fullmatch(regex, text, flags | re.ASCII) is not None


def _as_regex(part: Any) -> str:
    if part == SpecialChars.WILDCARD_MULTI:
        return ".*"
    return "." if part == SpecialChars.WILDCARD_SINGLE else re.escape(part)


def texts_of(node: Any) -> dict[str, list[str]]:
    """Return texts by field that make conditions of a rule true, or nearly."""
    found: dict[str, list[str]] = {}
    if isinstance(node, ConditionFieldEqualsValueExpression):
        value = node.value
        values = value.values if isinstance(value, SigmaExpansion) else [value]
        return {node.field: [_text_of(each) for each in values]}
    for each in node.args:
        for name, texts in texts_of(each).items():
            found.setdefault(name, []).extend(texts)
    return found


def _text_of(value: Any) -> str:
    parts = value.s if isinstance(value, SigmaString) else ()
    text = "".join(part if isinstance(part, str) else "\0" for part in parts)
    return text or str(getattr(value, "number", ""))
