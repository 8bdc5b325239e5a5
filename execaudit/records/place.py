# SPDX-License-Identifier: Apache-2.0
"""The part of a record that repeats between execs, as fields: what rules look at first.

Owns where this part lies in a raw record. `encode` and `encode_journal` key their caches by the
same bytes.
"""

from execaudit.records.fields import (
    FieldDict,
    add_text,
    ancestor_fields,
    cgroup_fields,
    cred_fields,
    exe_fields,
    name_fields,
    namespace_fields,
    path_bytes,
)
from execaudit.records.host import Host
from execaudit.records.view import LENGTHS_AT, split_place
from execaudit.wire.decode import CGROUP, CRED, EXE, NAMES, NAMESPACES


class PlaceReader:
    """Reads places of records of one host."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def fields(self, key: bytes) -> FieldDict:
        """The fields of a place, exact bytes of what is not UTF-8 under "b64"."""
        base = -LENGTHS_AT
        ancestors, strings = split_place(key)
        filename, interp, exe, cwd, root, cgroup = strings
        fields: FieldDict = {"type": "exec"}
        add_text(fields, "filename", filename[:-1])
        if interp:
            add_text(fields, "script", filename[:-1])
            add_text(fields, "interp", interp[:-1])
        add_text(fields, "cwd", path_bytes(cwd))
        if root:
            add_text(fields, "root", path_bytes(root))
        for part in (
            cred_fields(key[base + CRED.start : base + CRED.stop], self._host),
            name_fields(key[base + NAMES.start : base + NAMES.stop]),
            exe_fields(key[base + EXE.start : base + EXE.stop] + exe),
            cgroup_fields(key[base + CGROUP.start : base + CGROUP.stop] + cgroup),
            namespace_fields(key[base + NAMESPACES.start : base + NAMESPACES.stop]),
            ancestor_fields(ancestors, self._host),
        ):
            exact = fields.get("b64", {}) | part.get("b64", {})
            fields |= part
            if exact:
                fields["b64"] = exact
        return fields
