# SPDX-License-Identifier: Apache-2.0
"""The effective configuration as TOML, each value with where it comes from.

Owns this text alone: read as a configuration, it gives the same values again.
"""

from collections.abc import Iterator
from dataclasses import fields

from execaudit.config.configuration import Loaded
from execaudit.config.keys import kinds
from execaudit.config.schema import SECTIONS, RedactPattern
from execaudit.config.toml_places import KeyPath
from execaudit.config.values import TablesOf
from execaudit.records.quoting import make_printable


def render(loaded: Loaded) -> str:
    """Return the text, which ends with a newline."""
    return "".join(f"{line}\n" for line in _lines(loaded))


def _lines(loaded: Loaded) -> Iterator[str]:
    yield f"# SHA-256 {loaded.config_hash}"
    yield from (f"# read: {make_printable(file)}" for file in loaded.files)
    for section, form in SECTIONS.items():
        values = getattr(loaded.config, section)
        yield ""
        yield f"[{section}]"
        for key, kind in kinds(form).items():
            if not isinstance(kind, TablesOf):
                text = kind.show(getattr(values, key))
                yield f"{key} = {text}  # {_origin(loaded, (section, key))}"
    for index, pattern in enumerate(loaded.config.redact.pattern):
        yield ""
        yield f"[[redact.pattern]]  # {_origin(loaded, ('redact', 'pattern', index))}"
        for each in fields(RedactPattern):
            yield f"{each.name} = {each.metadata['kind'].show(getattr(pattern, each.name))}"
    yield ""
    yield f"# rules: {len(loaded.rules)}"
    for rule in loaded.rules:
        name = rule.values.get("name")
        yield f"# {make_printable(str(name))}  # {make_printable(rule.file)}:{rule.line}"


def _origin(loaded: Loaded, path: KeyPath) -> str:
    origin = loaded.origins.get(path)
    if origin is None:
        return "default"
    line = origin.source.place(origin.path).line
    return f"{make_printable(origin.source.file)}:{line}"
