# SPDX-License-Identifier: Apache-2.0
"""Names of rotated files, and which of them go."""

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execaudit.config.schema import File
from execaudit.sinks.rotation import Generation, Series, choose_expired
from tests.clocks import START_S

BASE = "execaudit.jsonl"
STAMP = "20261123T020406Z"
DAY_S = 86400


def make(directory: Path, *names: str, size: int = 10) -> None:
    for name in names:
        (directory / name).write_bytes(b"x" * size)


def names(generations: Iterable[Generation]) -> list[str]:
    return [one.name.removeprefix(f"{BASE}.") for one in generations]


def series(directory: Path) -> Series:
    return Series(str(directory / BASE))


def test_name_is_utc_time_of_rotation(tmp_path: Path) -> None:
    assert series(tmp_path).free_name(START_S + 0.9) == f"{BASE}.{STAMP}"


@pytest.mark.parametrize(
    "taken",
    [
        [f"{BASE}.{STAMP}"],
        [f"{BASE}.{STAMP}.gz"],
        [f"{BASE}.{STAMP}.zst"],
        [f"{BASE}.{STAMP}", f"{BASE}.{STAMP}.gz"],
    ],
)
def test_name_taken_plain_or_compressed_gets_a_number(tmp_path: Path, taken: list[str]) -> None:
    make(tmp_path, *taken)

    assert series(tmp_path).free_name(START_S) == f"{BASE}.{STAMP}-1"


def test_numbers_go_on_where_names_in_one_second_collide(tmp_path: Path) -> None:
    given_out = []
    for _ in range(12):
        given_out.append(series(tmp_path).free_name(START_S))
        make(tmp_path, given_out[-1])

    assert given_out == [f"{BASE}.{STAMP}"] + [f"{BASE}.{STAMP}-{n}" for n in range(1, 12)]
    assert [one.name for one in series(tmp_path).members()] == given_out


def test_dangling_link_counts_as_taken(tmp_path: Path) -> None:
    (tmp_path / f"{BASE}.{STAMP}").symlink_to("/nowhere")

    assert series(tmp_path).free_name(START_S) == f"{BASE}.{STAMP}-1"


@pytest.mark.parametrize(
    "foreign",
    [
        BASE,
        f"{BASE}.1",
        f"{BASE}.{STAMP}.bak",
        f"{BASE}.{STAMP}.gz.part",
        f".{BASE}.{STAMP}.gz.part",
        f"{BASE}.{STAMP}-0",
        f"{BASE}.{STAMP}-01",
        f"{BASE}.{STAMP}-",
        f"{BASE}.{STAMP}\n",
        f"{BASE}.2026-11-23",
        f"{BASE}.20261123T020406",
        f"{BASE}.2026112\N{ARABIC-INDIC DIGIT THREE}T020406Z",
        f"x{BASE}.{STAMP}",
        f"executioner.jsonl.{STAMP}",
        f"execauditXjsonl.{STAMP}",
        f"{BASE}.torn",
    ],
)
def test_file_of_another_name_is_never_listed(tmp_path: Path, foreign: str) -> None:
    make(tmp_path, foreign)

    assert series(tmp_path).members() == []


def test_directories_and_links_of_our_name_are_never_listed(tmp_path: Path) -> None:
    (tmp_path / f"{BASE}.{STAMP}").mkdir()
    (tmp_path / f"{BASE}.{STAMP}-1").symlink_to("/etc/passwd")

    assert series(tmp_path).members() == []


def test_files_that_vanish_while_they_are_listed_do_not_hide_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, gone = tmp_path / f"{BASE}.1", tmp_path / f"{BASE}.2"
    kept.touch()
    gone.touch()
    with os.scandir(tmp_path) as listing:
        entries = list(listing)
    gone.unlink()
    monkeypatch.setattr(os, "scandir", lambda _: contextlib.nullcontext(entries))

    assert series(tmp_path).newest_other() == str(kept)


def test_compressed_copy_that_is_being_made_is_not_the_newest(tmp_path: Path) -> None:
    make(tmp_path, f"{BASE}.1", f"{BASE}.1.gz")
    os.utime(tmp_path / f"{BASE}.1", (START_S, START_S))

    assert series(tmp_path).newest_other() == str(tmp_path / f"{BASE}.1")


def test_newest_of_our_names_is_the_one_rotated_last_whatever_the_clock_was(
    tmp_path: Path,
) -> None:
    make(tmp_path, f"{BASE}.20361123T000000Z", f"{BASE}.20361123T000000Z-1.gz", f"{BASE}.1")
    for name, written_s in (
        ("20361123T000000Z", START_S + 1e9),
        ("20361123T000000Z-1.gz", START_S),
        ("1", START_S - 1),
    ):
        os.utime(tmp_path / f"{BASE}.{name}", (written_s, written_s))

    assert series(tmp_path).newest_other() == str(tmp_path / f"{BASE}.20361123T000000Z-1.gz")


def test_members_are_sorted_by_time_then_number_not_by_text(tmp_path: Path) -> None:
    make(
        tmp_path,
        f"{BASE}.{STAMP}-10.gz",
        f"{BASE}.{STAMP}-9",
        f"{BASE}.{STAMP}",
        f"{BASE}.20251231T235959Z.zst",
    )

    assert names(series(tmp_path).members()) == [
        "20251231T235959Z.zst", STAMP, f"{STAMP}-9", f"{STAMP}-10.gz",
    ]  # fmt: skip


def generation(name: str, size: int = 10, written_s: float = float("inf")) -> Generation:
    found = Series(BASE)._match(f"{BASE}.{name}")
    assert found
    torn, stamp, number, suffix = found.groups()
    return Generation(
        f"{BASE}.{name}", torn is not None, stamp, int(number or 0), suffix or "", size, written_s
    )


FIVE = [generation(f"202611{day}T000000Z") for day in (18, 19, 20, 21, 22)]


def limits(num_logs: int = 0, keep_age: float = 0, keep_bytes: int = 0) -> File:
    return File(num_logs=num_logs, keep_age=keep_age, keep_bytes=keep_bytes)


def test_nothing_expires_without_limits() -> None:
    assert choose_expired(FIVE, limits(), START_S, 0) == []


def test_oldest_expire_beyond_the_number_of_files() -> None:
    assert choose_expired(FIVE, limits(num_logs=3), START_S, 0) == FIVE[:2]


def test_plain_and_compressed_of_one_file_count_once() -> None:
    both = [FIVE[0], generation("20261118T000000Z.gz"), *FIVE[1:]]

    assert choose_expired(both, limits(num_logs=5), START_S, 0) == []
    assert choose_expired(both, limits(num_logs=4), START_S, 0) == both[:2]
    assert choose_expired(both, limits(keep_bytes=50), START_S, 0) == both[:2]


def test_files_expire_by_age_since_rotation() -> None:
    # The start is the 23rd, two hours past midnight.
    settings = limits(keep_age=3 * DAY_S)

    assert choose_expired(FIVE, settings, START_S, 0) == FIVE[:3]


def test_files_from_the_future_do_not_expire_by_age() -> None:
    settings = limits(keep_age=1)

    assert choose_expired([generation("20991231T000000Z")], settings, START_S, 0) == []


def test_file_rotated_by_a_wrong_clock_goes_before_those_after_it() -> None:
    wrong = generation("20361123T000000Z", written_s=START_S + 10**9)
    old = generation("20361123T000000Z-1", written_s=START_S - 3 * DAY_S)
    young = generation("20361123T000000Z-2", written_s=START_S - DAY_S)
    settings = limits(keep_age=2 * DAY_S)

    assert choose_expired([wrong, old, young], settings, START_S, 0) == [wrong, old]
    assert choose_expired([wrong, young], settings, START_S, 0) == []


def test_torn_piece_that_is_old_makes_no_rotated_file_old() -> None:
    torn = generation("torn-20361123T000000Z", written_s=START_S - 9 * DAY_S)
    rotated = generation("20361122T000000Z", written_s=START_S)

    assert choose_expired([rotated, torn], limits(keep_age=DAY_S), START_S, 0) == [torn]


def test_stamp_that_is_no_time_does_not_expire_by_age() -> None:
    settings = limits(keep_age=1)

    assert choose_expired([generation("20261399T990000Z")], settings, START_S, 0) == []


def test_oldest_expire_beyond_the_size_of_all_files_with_the_live_one() -> None:
    settings = limits(keep_bytes=35)

    assert choose_expired(FIVE, settings, START_S, 0) == FIVE[:2]
    assert choose_expired(FIVE, settings, START_S, 6) == FIVE[:3]
    assert choose_expired(FIVE, settings, START_S, 36) == FIVE


def test_size_counts_only_what_the_other_limits_leave() -> None:
    settings = limits(num_logs=3, keep_bytes=30)

    assert choose_expired(FIVE, settings, START_S, 0) == FIVE[:2]


def test_torn_pieces_do_not_push_out_rotated_files() -> None:
    torn = [generation(f"torn-202611{day}T000000Z") for day in (10, 11, 12)]

    assert choose_expired([*torn, *FIVE], limits(num_logs=5), START_S, 0) == []
    assert choose_expired([*torn, *FIVE], limits(num_logs=2), START_S, 0) == [torn[0], *FIVE[:3]]


@given(
    days=st.lists(st.tuples(st.integers(1, 28), st.integers(1, 28)), max_size=20),
    settings=st.builds(
        limits,
        num_logs=st.integers(0, 5),
        keep_age=st.sampled_from([0, DAY_S, 10 * DAY_S]),
        keep_bytes=st.integers(0, 100),
    ),
    active=st.integers(0, 200),
)
def test_newer_file_is_never_removed_before_an_older_one(
    days: list[tuple[int, int]], settings: File, active: int
) -> None:
    """Try days in names, some of them in the future, with days of the last write."""
    all_of_them = [
        generation(
            f"202611{day:02}T000000Z" + (f"-{n}" if n else ""),
            written_s=START_S + (written - 28) * DAY_S,
        )
        for n, (day, written) in enumerate(sorted(days))
    ]
    all_of_them.sort(key=lambda one: (one.stamp, one.number))

    expired = choose_expired(all_of_them, settings, START_S, active)

    assert expired == all_of_them[: len(expired)]


def test_clean_up_removes_what_compressing_left_unfinished(tmp_path: Path) -> None:
    make(tmp_path, f"{BASE}.{STAMP}", f".{BASE}.{STAMP}.gz.part", f".{BASE}.swp", "other.gz.part")

    assert series(tmp_path).clean_up() == [f".{BASE}.{STAMP}.gz.part"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f".{BASE}.swp", f"{BASE}.{STAMP}", "other.gz.part",
    ]  # fmt: skip


def test_clean_up_keeps_the_compressed_one_of_two(tmp_path: Path) -> None:
    make(tmp_path, f"{BASE}.{STAMP}", f"{BASE}.{STAMP}.gz", f"{BASE}.{STAMP}-1")
    os.utime(tmp_path / f"{BASE}.{STAMP}", ns=(10**18, 10**18 + 123456789))
    os.utime(tmp_path / f"{BASE}.{STAMP}.gz", ns=(10**18, 10**18 + 123456789))

    assert series(tmp_path).clean_up() == [f"{BASE}.{STAMP}"]
    assert names(series(tmp_path).members()) == [f"{STAMP}.gz", f"{STAMP}-1"]


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_clean_up_keeps_the_plain_file_that_somebody_else_compresses(
    tmp_path: Path, suffix: str
) -> None:
    make(tmp_path, f"{BASE}.{STAMP}", f"{BASE}.{STAMP}{suffix}")
    os.utime(tmp_path / f"{BASE}.{STAMP}", (START_S, START_S))

    assert series(tmp_path).clean_up() == []
    assert names(series(tmp_path).members()) == [STAMP, f"{STAMP}{suffix}"]


def test_remove_is_no_error_where_the_file_is_gone_already(tmp_path: Path) -> None:
    series(tmp_path).remove(FIVE[0].name)
