# SPDX-License-Identifier: Apache-2.0
"""Redaction of a record's fields.

Owns the way from fields to their exact bytes and back. What is a secret, `redact` knows.
"""

import base64

from execaudit.records.redact import Redactor
from execaudit.records.text import FieldDict, decode_all
from execaudit.records.words import join_quoted, split_words


def redact_record(fields: FieldDict, redactor: Redactor) -> FieldDict:
    """Return the record with secrets replaced; `redacted` says where in `argv` and `env`."""
    redacted: dict[str, list[int]] = {}
    out = dict(fields)
    for name in ("argv", "env"):
        if not fields.get(name):
            continue
        exact = fields.get(f"{name}_b64", {})
        words = [
            base64.b64decode(exact[str(index)]) if str(index) in exact else text.encode()
            for index, text in enumerate(fields[name])
        ]
        gaps = [gap["index"] for gap in fields.get("truncated", {}).get(name, ()) if "index" in gap]
        result = redactor.redact(words, gaps)
        if not result.touched:
            continue
        redacted[name] = result.touched
        out[name], exact = decode_all(result.values)
        out.pop(f"{name}_b64", None)
        if exact:
            out[f"{name}_b64"] = exact
    if redacted:
        out["redacted"] = redacted
    if isinstance(fields.get("pcmdline"), str):
        result = redactor.redact(split_words(fields["pcmdline"]))
        if result.touched:
            out["pcmdline"] = join_quoted(result.values)
    return out
