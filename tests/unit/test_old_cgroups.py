# SPDX-License-Identifier: Apache-2.0
"""What records say of control groups where these are in hierarchies of version 1."""

from typing import Any

from execaudit.records.record import record_fields
from execaudit.records.text import FieldDict
from execaudit.wire import record
from tests.events import decode
from tests.records import exec_record, leaf_first, make_host

OF_CGROUP = {"cgroup", "cgroup_id", "unit", "user_unit", "slice", "session", "container", "pod"}


def fields_with_old_cgroups(cgroup: bytes, **members: Any) -> FieldDict:
    host = make_host(has_old_cgroups=True)
    (event,) = decode(exec_record(b"x", cgroup=leaf_first(cgroup), **members), host=host)
    return record_fields(event, host)


def test_root_of_version_2_is_no_group_where_groups_are_in_version_1() -> None:
    fields = fields_with_old_cgroups(b"/", flags=record.FLAG_BAD_TTY)

    assert set(fields["unreadable"]) == OF_CGROUP | {"tty"}
    assert not OF_CGROUP & fields.keys()


def test_group_of_version_2_tells_a_unit_and_not_the_lack_of_a_container() -> None:
    fields = fields_with_old_cgroups(b"/system.slice/containerd.service")

    assert fields["unit"] == "containerd.service"
    assert fields["unreadable"] == ["container", "pod"]
    assert "unreadable" not in fields_with_old_cgroups(b"/docker/" + b"ab" * 32)
