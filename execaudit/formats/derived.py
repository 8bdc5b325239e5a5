# SPDX-License-Identifier: Apache-2.0
"""Values that adapters derive from fields. Of a placeholder, they derive another placeholder.

An adapter turns a record's fields into a document. Given placeholders, it returns the template that
an encoder fills in.
"""

import datetime
from collections.abc import Sequence
from typing import Any

from execaudit.records.template import Placeholder
from execaudit.records.text import decode
from execaudit.records.words import quote_word, split_words

_UTC = datetime.UTC


def to_ms(time: str) -> int | str:
    """Return milliseconds since 1970 of an RFC 3339 UTC time with nanoseconds, rounded down."""
    if isinstance(time, Placeholder):
        return time.derive("ms")
    second = datetime.datetime.fromisoformat(time[:19]).replace(tzinfo=_UTC)
    return int(second.timestamp()) * 1000 + int(time[20:23])


def duration_ms(duration_ns: Any) -> Any:
    """Return the field `duration_ns` in milliseconds, rounded down."""
    if isinstance(duration_ns, Placeholder):
        return duration_ns.derive("ms")
    return duration_ns // 1_000_000


def join_words(argv: Sequence[str]) -> str:
    """Return the command line as SIEM rules expect it: blanks between arguments, no quotes."""
    if isinstance(argv, Placeholder):
        return argv.derive("words")
    return " ".join(argv)


def parent_words(pcmdline: str) -> Any:
    """Return the words of the field `pcmdline`."""
    if isinstance(pcmdline, Placeholder):
        return pcmdline.derive("args")
    return [decode(word)[0] for word in split_words(pcmdline)]


def parent_line(pcmdline: str) -> str:
    """Return the command line of the field `pcmdline`, as `join_words` writes it."""
    if isinstance(pcmdline, Placeholder):
        return pcmdline.derive("words")
    return join_words(parent_words(pcmdline))


def command_text(words: Sequence[str]) -> str:
    """Return the field `pcmdline` of these words."""
    return " ".join(map(quote_word, words))


def parent_start(ancestors: Any) -> str:
    """Return when the parent was created, from the field `ancestors`."""
    if isinstance(ancestors, Placeholder):
        return ancestors.derive("start")
    return str(ancestors[0]["start"])


def to_entities(ancestors: Any) -> Any:
    """Return the field `ancestors` as OCSF's process entities, without exact bytes of names."""
    if isinstance(ancestors, Placeholder):
        return ancestors.derive("entities")
    entities: list[dict[str, Any]] = []
    for one in ancestors:
        entity = {"uid": one["id"], "pid": one["pid"], "created_time": to_ms(one["start"])}
        if "comm" in one:
            entity["name"] = one["comm"]
        entities.append(entity)
    return entities


def to_variables(env: Any) -> Any:
    """Return the field `env` as OCSF's environment variables."""
    if isinstance(env, Placeholder):
        return env.derive("variables")
    pairs = [entry.partition("=") for entry in env]
    return [{"name": name, "value": value} for name, _, value in pairs]


def move(source: dict[str, Any], target: dict[str, Any], **names: str) -> None:
    """Move members from `source` to `target`, if present. Arguments: new name = old name."""
    for new, old in names.items():
        if old in source:
            target[new] = source.pop(old)


def base_name(path: str) -> str:
    """Return the last component of a path; the path itself if that is empty."""
    if isinstance(path, Placeholder):
        return path.derive("name")
    return path.rpartition("/")[2] or path


def asked_path(fields: dict[str, Any]) -> str:
    """Return the path of the program that a failed exec asked for; "" if not known.

    Relative names are joined to `cwd`. Symbolic links and `..` stay as they are.
    """
    filename = str(fields.get("filename", ""))
    if not filename or filename.startswith("/"):
        return filename
    cwd = fields.get("cwd")
    if cwd is None:
        return ""
    return f"{str(cwd).rstrip('/')}/{filename.removeprefix('./')}"


def event_id(fields: dict[str, Any]) -> str | None:
    """Return the identity of an event (boot, hook, processor, number), or None."""
    if "seq" not in fields or "cpu" not in fields:
        return None
    hook = fields.get("hook", "exec")
    return f"{fields['boot'][:12]}-{hook}-{fields['cpu']}-{fields['seq']}"
