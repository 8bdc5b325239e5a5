# SPDX-License-Identifier: Apache-2.0
"""Times are read as systemd.time(7) has them; systemd itself is asked where it is there."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator

import pytest

from execaudit.errors import InvalidArgument
from execaudit.query.time_options import read_moment
from execaudit.store.times import read_time, show_time

NOW_NS = read_time(b"2026-11-28T12:34:56.700000000Z")

ABSOLUTE = (
    "2026-11-28 10:00", "2026-11-28 10:00:07", "2026-11-28 10:00:07.25", "2026-11-28", "26-11-28",
    "Fri 2026-11-27 10:00", "2026-11-28 10:00:00 UTC", "@1795000000", "@1795000000.5",
)  # fmt: skip
RFC_3339 = {
    "2026-11-28T10:00:00Z": b"2026-11-28T10:00:00Z",
    "2026-11-28T10:00:00.5Z": b"2026-11-28T10:00:00.5Z",
    "2026-11-28T10:00:00+02:00": b"2026-11-28T08:00:00Z",
    "2026-06-28 10:00 Europe/Berlin": b"2026-06-28T08:00:00Z",
    "2026-11-28 10:00:00 -0330": b"2026-11-28T13:30:00Z",
}


@pytest.fixture(autouse=True, params=["UTC", "Europe/Berlin", "America/St_Johns"])
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield str(request.param)
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize("text", ABSOLUTE)
def test_absolute_time_is_what_systemd_takes_it_for(text: str, zone: str) -> None:
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not installed")
    done = subprocess.run(
        ["systemd-analyze", "timestamp", text],
        capture_output=True, text=True, check=True, env={**os.environ, "TZ": f":{zone}"},
    )  # fmt: skip
    line = next(line for line in done.stdout.splitlines() if "UNIX seconds" in line)
    whole, _, fraction = line.partition("@")[2].partition(".")
    assert read_moment(text, NOW_NS) == int(whole) * 10**9 + int(fraction.ljust(9, "0"))


@pytest.mark.parametrize(("text", "same"), RFC_3339.items())
def test_time_with_offset_is_the_same_everywhere(text: str, same: bytes) -> None:
    assert read_moment(text, NOW_NS) == read_time(same)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("-2h", -7200), ("2h ago", -7200), ("+90s", 90), ("90 min left", 5400), ("-1d 2h", -93600),
        ("-1.5h", -5400), ("-90", -90), ("-2weeks", -1209600), ("now", 0),
    ],
)  # fmt: skip
def test_relative_time_counts_from_now(text: str, seconds: int) -> None:
    assert read_moment(text, NOW_NS) == NOW_NS + seconds * 10**9


def test_words_mean_midnight_here() -> None:
    today = read_moment("today", NOW_NS)
    assert time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(today // 10**9)) in (
        "2026-11-28 00:00:00"
    )
    assert today - read_moment("yesterday", NOW_NS) == 86400 * 10**9
    assert read_moment("tomorrow", NOW_NS) - today == 86400 * 10**9
    assert read_moment("00:00", NOW_NS) == today


@pytest.mark.parametrize(
    "text", ["", "soon", "2026-13-01", "25:00", "-2parsecs", "2026-11-28T", "10:00 Mars/Base", "@x"]
)
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(InvalidArgument, match="Failed to use time"):
        read_moment(text, NOW_NS)


def test_time_of_record_is_exact_and_shown_again() -> None:
    for text in ("2026-11-23T02:04:06.123456789Z", "1970-01-01T00:00:00.000000001Z"):
        assert show_time(read_time(text.encode())) == text
        assert show_time(read_time(text.encode())) == text  # from the cache
    assert read_time(b"2026-11-23T02:04:06+02:00") == read_time(b"2026-11-23T00:04:06Z")
    for bad in (b"", b"x", b"2026-11-23T02:04:06", b"2026-11-23T02:04:06.12345678\xffZ"):
        with pytest.raises(ValueError):  # noqa: PT011 - whatever it says
            read_time(bad)


@pytest.mark.parametrize("text", ["@99999999999", "-400y", "+9999999y", "9999-12-31 10:00"])
def test_time_that_no_record_can_have_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument, match=r"systemd\.time"):
        read_moment(text, NOW_NS)


@pytest.mark.parametrize("text", ["9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"])
def test_record_has_no_such_time(text: str) -> None:
    with pytest.raises(ValueError, match="out of range"):
        read_time(text.encode())
