# SPDX-License-Identifier: Apache-2.0
"""Facts about the host: times, identities, names, and following the clock."""

import re
import socket
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execaudit.formats.derived import to_ms
from execaudit.records.host import Host
from tests.records import BOOT, make_host

RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z")


class Clocks:
    """The two clocks, in place of the kernel's; a read of one takes `read_ns`."""

    def __init__(self) -> None:
        self.boot_ns = 1_000_000_000_000
        self.offset_ns = 1_700_000_000 * 10**9
        self.read_ns = 100
        self.pauses: list[int] = []  # before the next reads: the process was not running

    def read(self, clock: int) -> int:
        self.boot_ns += self.read_ns + (self.pauses.pop(0) if self.pauses else 0)
        return self.boot_ns + (self.offset_ns if clock == time.CLOCK_REALTIME else 0)


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Clocks:
    fake = Clocks()
    monkeypatch.setattr(time, "clock_gettime_ns", fake.read)
    return fake


@given(st.integers(0, 2**64 - 1), st.integers(-(2**63), 2**63))
def test_any_time_has_the_form_of_rfc_3339(boot_ns: int, offset_ns: int) -> None:
    host = make_host(wall_offset_ns=offset_ns)
    stamp = host.time(boot_ns)

    assert RFC_3339.fullmatch(stamp)
    assert host.time_ms(boot_ns) == to_ms(stamp)


@given(st.integers(0, 2**62))
def test_time_is_the_boot_clock_moved_by_the_offset(boot_ns: int) -> None:
    stamp = make_host().time(boot_ns)

    wall_ns = boot_ns + 1_700_000_000 * 10**9
    moment = datetime.fromtimestamp(wall_ns // 10**9, UTC)
    assert stamp == f"{moment:%Y-%m-%dT%H:%M:%S}.{wall_ns % 10**9:09d}Z"


@pytest.mark.parametrize(
    ("offset_ns", "stamp"),
    [
        (-1, "1970-01-01T00:00:00.999999999Z"),
        (10**30, "9999-12-31T23:59:59.000000000Z"),
        (-(10**30), "1970-01-01T00:00:00.000000000Z"),
        (253402300799 * 10**9, "9999-12-31T23:59:59.000000000Z"),
        (253402300800 * 10**9, "9999-12-31T23:59:59.000000000Z"),
    ],
)
def test_time_outside_four_digit_years_stays_at_the_end_of_them(offset_ns: int, stamp: str) -> None:
    assert make_host(wall_offset_ns=offset_ns).time(0) == stamp


def test_times_of_alternating_seconds_are_not_mixed_up() -> None:
    host = make_host()

    assert [host.time(at * 10**9)[18] for at in (1, 2, 1, 1, 2)] == ["1", "2", "1", "1", "2"]


def test_step_of_the_wall_clock_is_followed(clocks: Clocks) -> None:
    host = Host.this()
    before = host.time(clocks.boot_ns)

    clocks.offset_ns += 3600 * 10**9

    assert host.follow_clock()
    assert host.time(clocks.boot_ns) != before
    assert host.wall_offset_ns == pytest.approx(clocks.offset_ns, abs=1000)
    assert not host.follow_clock()


@pytest.mark.parametrize("step_ns", [0, 900_000, -900_000])
def test_jitter_of_the_clocks_leaves_times_steady(clocks: Clocks, step_ns: int) -> None:
    host = Host.this()
    offset_ns = host.wall_offset_ns

    clocks.offset_ns += step_ns

    assert not host.follow_clock()
    assert host.wall_offset_ns == offset_ns


@pytest.mark.parametrize("reads_before", range(6))
def test_pause_between_two_reads_is_no_step(clocks: Clocks, reads_before: int) -> None:
    host = Host.this()
    clocks.pauses = [*[0] * reads_before, 40_000_000]

    for _ in range(6):
        assert not host.follow_clock()


def test_pause_while_the_host_is_first_asked_does_not_move_its_times(clocks: Clocks) -> None:
    for reads_before in range(4):
        clocks.pauses = [*[0] * reads_before, 40_000_000]

        assert Host.this().wall_offset_ns == pytest.approx(clocks.offset_ns, abs=1000)


def test_pauses_at_every_read_are_no_step_and_hide_none(clocks: Clocks) -> None:
    host = Host.this()
    clocks.read_ns = 5_000_000
    assert not host.follow_clock()

    clocks.offset_ns -= 3600 * 10**9

    assert host.follow_clock()
    assert host.wall_offset_ns == pytest.approx(clocks.offset_ns, abs=10_000_000)


def test_host_of_a_recording_follows_no_clock(clocks: Clocks) -> None:
    host = make_host()
    clocks.offset_ns += 10**15

    assert not host.follow_clock()


def test_this_host_is_the_one_it_runs_on() -> None:
    host = Host.this()

    assert host.name == socket.gethostname()
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert host.boot == boot.replace("-", "")
    assert re.fullmatch("[0-9a-f]{32}", host.boot)
    now = datetime.fromisoformat(host.time(time.clock_gettime_ns(time.CLOCK_BOOTTIME))[:26] + "Z")
    assert abs((now - datetime.now(UTC)).total_seconds()) < 5


def test_identity_tells_boots_processes_and_execs_apart() -> None:
    host = make_host()
    other_boot = make_host(boot="f" * 32)
    ids = {
        host.identity(1, 2, 3),
        host.identity(2, 2, 3),
        host.identity(1, 3, 3),
        host.identity(1, 2, 4),
        other_boot.identity(1, 2, 3),
    }

    assert len(ids) == 5
    assert host.identity(0xABC, 0x123, 0xF) == f"{BOOT[:12]}-abc-123-f"


def test_other_name_of_the_host_is_followed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    host, recorded = Host.this(), make_host()
    assert not host.follow_name()

    monkeypatch.setattr(socket, "gethostname", lambda: "ren\udcffmed")

    assert host.follow_name()
    assert host.name == "ren\ufffdmed"
    assert not host.follow_name()
    assert not recorded.follow_name()
    assert recorded.name != host.name


def test_host_name_that_is_not_utf8_is_shown_with_replacements(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "h\udcffst")

    assert Host.this().name == "h\ufffdst"


def test_users_are_those_of_this_host() -> None:
    host = Host.this()

    assert host.user(0) == "root"
    assert host.users == {0: "root"}


def test_uid_that_no_user_can_have_is_no_error() -> None:
    # In a user namespace without a mapping the kernel still gives host ids; -1 is none.
    assert Host.this().user(0xFFFFFFFF) is None


def test_names_of_a_recording_are_other_names_only_where_they_differ() -> None:
    host = make_host(users={})

    host.learn({3: "ann"})
    before = host.names_version
    host.learn({3: "bob", 4: "eve"})

    assert host.names_version != before
    assert [host.user(uid) for uid in (3, 4)] == ["bob", "eve"]


def test_user_unknown_to_a_recording_is_not_looked_up_here() -> None:
    assert make_host(users={}).user(0) is None
