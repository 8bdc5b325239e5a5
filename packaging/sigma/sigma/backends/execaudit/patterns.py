# SPDX-License-Identifier: Apache-2.0
"""Converts values of Sigma to patterns of execaudit.

Owns which pattern a text with wildcards becomes, and which values are refused.
"""

import re
from typing import Any

from sigma.exceptions import SigmaFeatureNotSupportedByBackendError
from sigma.types import (
    SigmaRegularExpression,
    SigmaRegularExpressionFlag,
    SigmaString,
    SpecialChars,
)

_PATHS = ("exe", "filename", "script", "cwd", "parent.exe", "parent.filename")
_FLAGS = {
    SigmaRegularExpressionFlag.IGNORECASE: "i",
    SigmaRegularExpressionFlag.MULTILINE: "m",
    SigmaRegularExpressionFlag.DOTALL: "s",
}


def refuse(reason: str) -> SigmaFeatureNotSupportedByBackendError:
    """Return the error that refuses a rule."""
    return SigmaFeatureNotSupportedByBackendError(f"execaudit: {reason}")


def text_pattern(value: SigmaString, field: str, *, is_cased: bool) -> dict[str, Any]:
    """Return the pattern of a text. Raises the error of `refuse` where there is none."""
    parts = list(value.s)
    if value.contains_placeholder():
        raise refuse("a placeholder that nothing has replaced")
    texts = [part for part in parts if isinstance(part, str)]
    if not texts and SpecialChars.WILDCARD_SINGLE not in parts:
        raise refuse(f"a value of {field} that is empty or matches every text")
    if not is_cased and any(_has_case_beyond_ascii(text) for text in texts):
        raise refuse("letters beyond ASCII without |cased")
    pattern = _choose(parts, field)
    if not is_cased and any(text.lower() != text.upper() for text in texts):
        pattern["ignore_case"] = True
    return pattern


def _has_case_beyond_ascii(text: str) -> bool:
    """Return True if the text has a letter whose case execaudit does not ignore."""
    return any(not char.isascii() and char.lower() != char.upper() for char in text)


def _choose(parts: list[Any], field: str) -> dict[str, Any]:
    many = SpecialChars.WILDCARD_MULTI
    inner = parts[parts[:1] == [many] : len(parts) - (parts[-1:] == [many])]
    if len(inner) == 1 and isinstance(inner[0], str):
        begins, ends = parts[0] != many, parts[-1] != many
        kinds = {
            (True, True): "exact",
            (True, False): "startswith",
            (False, True): "endswith",
            (False, False): "contains",
        }
        return {kinds[begins, ends]: inner[0]}
    if field in _PATHS:  # in paths execaudit's star stops at "/", Sigma's does not
        return {"regex": "^" + "".join(map(_as_regex, parts)) + r"\Z"}
    return {"glob": "".join(map(_as_wildcard, parts))}


def _as_regex(part: Any) -> str:
    if isinstance(part, str):
        return re.escape(part)
    return ".*" if part == SpecialChars.WILDCARD_MULTI else "."


def _as_wildcard(part: Any) -> str:
    if isinstance(part, str):
        return re.sub(r"[*?\[]", lambda found: f"[{found[0]}]", part)
    return "*" if part == SpecialChars.WILDCARD_MULTI else "?"


def regex_pattern(value: SigmaRegularExpression) -> dict[str, Any]:
    """Return the pattern of a regular expression."""
    text = str(value.regexp)
    flags = {_FLAGS[flag] for flag in value.flags}
    if "m" in flags:
        text = f"(?m){text}"
    return {"regex": text, "ignore_case": True} if "i" in flags else {"regex": text}


def program_name(value: SigmaString) -> str | None:
    """Return NAME of the text `*/NAME`; None for any other."""
    parts = list(value.s)
    if len(parts) != 2 or parts[0] != SpecialChars.WILDCARD_MULTI or not isinstance(parts[1], str):
        return None
    slash, name = parts[1][:1], parts[1][1:]
    return name if slash == "/" and name and "/" not in name else None
