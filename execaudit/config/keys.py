# SPDX-License-Identifier: Apache-2.0
"""Fields of dataclasses that are keys of a TOML table.

Owns how a key's kind, default and explanation are tied to its field. Which keys there are is in
config.schema.
"""

from dataclasses import field, fields
from typing import Any

from execaudit.config.values import Kind


def key(kind: Kind, default: object, doc: str) -> Any:
    """Make the field of one key.

    Args:
        kind: what values it takes.
        default: as it would be written in TOML.
        doc: what it does and why one would change it, for the sample and the reference.

    """
    return field(default=kind.read(default), metadata={"kind": kind, "doc": doc})


def required_key(kind: Kind, doc: str) -> Any:
    """Make the field of a key that its table must have."""
    return field(metadata={"kind": kind, "doc": doc})


def kinds(table: type) -> dict[str, Kind]:
    """Key to kind, in order, of a section or of a form of tables."""
    return {each.name: each.metadata["kind"] for each in fields(table)}
