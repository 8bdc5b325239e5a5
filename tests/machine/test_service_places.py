# SPDX-License-Identifier: Apache-2.0
"""The installed service in containers that are not given all that it could use."""

from collections.abc import Iterator

import pytest

from tests.machine.conftest import installed
from tests.machine.service import UNIT, Service, wait_until

NO_PRIORITY = ("--drop-capability=CAP_SYS_NICE",)
UNPRIVILEGED = {
    "ConditionCapability=CAP_BPF": ("--drop-capability=CAP_BPF",),
    "ConditionVirtualization=!private-users": ("--private-users=identity",),
}


@pytest.fixture
def place(request: pytest.FixtureRequest) -> Iterator[Service]:
    yield from installed(request, "bookworm", options=request.param)


@pytest.mark.parametrize("place", [NO_PRIORITY], indirect=True)
def test_ordinary_priority_is_warned_of_and_execs_are_recorded(place: Service) -> None:
    place.run("systemctl", "enable", UNIT)
    place.container.reboot()
    assert place.show("ActiveState") == "active"
    assert place.show("NRestarts") == "0"
    assert place.marked(place.mark())
    assert place.status()["process"]["is_realtime"] is False
    wait_until(lambda: any("ordinary priority" in text for text in place.said()), "the warning")


@pytest.mark.parametrize(
    ("place", "why"), [(options, why) for why, options in UNPRIVILEGED.items()], indirect=["place"]
)
def test_service_that_could_not_trace_is_skipped_with_its_reason(place: Service, why: str) -> None:
    place.run("systemctl", "enable", UNIT)
    place.container.reboot()
    assert place.show("ActiveState") == "inactive"
    place.run("systemctl", "is-system-running", "--wait", check=False)
    assert "execaudit" not in place.output("systemctl", "--failed", "--plain", "--no-legend")
    (said,) = place.said()
    assert f"skipped because of an unmet condition check ({why})" in said
