# SPDX-License-Identifier: Apache-2.0
"""Arguments and environment reach the record byte for byte, or the record says what is missing."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.integration.comparing import argument_bytes, assert_gaps_fit, assert_same, split_block
from tests.integration.launching import Child, Environment, Variables, own_comm
from tests.integration.surroundings import lift_stack_limit
from tests.integration.tracing import ROOMY_RING, Record, Tracer, execs_of

KIB = 1024
WAKE_UPS = 3
DEFAULT_BUDGET = 64 * KIB
# MAX_ARG_STRLEN, the NUL included, include/uapi/linux/binfmts.h
LONGEST = 131072
EMPTY: dict[str, str] = {}
TEN_KIB_OF_ENVIRONMENT = {f"V{i:03}": "v" * 95 for i in range(102)}


@pytest.fixture(scope="module")
def wide_tracer(engine: str, programs: Path) -> Iterator[Tracer]:
    with Tracer(engine, programs / "tiny", "--argv-bytes", "1M", *ROOMY_RING) as running:
        yield running
        running.stop()


def run_with(
    tracer: Tracer,
    programs: Path,
    argv: list[bytes],
    env: Environment | None = None,
) -> tuple[Child, Record]:
    child, records = tracer.during(
        lambda: tracer.run(
            argv, file=programs / "selfdump", env=env or EMPTY, setup=lift_stack_limit
        )
    )
    assert not [r for r in records if r["type"] == "lost"]
    (record,) = execs_of(records, child.pid)
    return child, record


@pytest.mark.parametrize(
    "argv",
    [
        [b"plain", b"words"],
        [b"x", b""],
        [b"x", b"", b"", b"last"],
        [b"blanks and\ttabs", b" "],
        [b"new\nlines\r\n", b"\n"],
        [b"quotes\"'`", b"back\\slash", b"$(id)", b"*"],
        [b"\x1b[31mred\x1b[0m", b"\x07\x08\x7f", b"\xc2\x9b31m"],
        ["ünï漢字🙂".encode(), b"\xe2\x80\xa8\xe2\x80\xae"],
        [b"\xff\xfe", b"fine", b"half \xc3", b"\xed\xa0\x80", b"\xf5\x80\x80\x80"],
        [b"\xef\xbb\xbfmark", "\ufffd".encode()],
        [bytes(range(1, 256))],
        [b'{"json":1}', b"a=b", b"--"],
    ],
    ids=lambda argv: repr(argv[0][:12]),
)
def test_arguments_are_kept_byte_for_byte(
    tracer: Tracer, programs: Path, argv: list[bytes]
) -> None:
    child, record = run_with(tracer, programs, argv)
    assert argument_bytes(record) == argv
    assert_same(record, child.truth, old_comm=own_comm())


@pytest.mark.parametrize("argv", [[], [""], ["", ""]])
def test_empty_arguments_are_kept(tracer: Tracer, programs: Path, argv: list[str]) -> None:
    # Python refuses them, and since 5.18 the kernel puts an empty string into an empty array.
    command = [str(programs / "execute"), "execve", str(programs / "selfdump"), *argv]
    child, records = tracer.during(lambda: tracer.run(command))
    record = execs_of(records, child.pid)[-1]
    assert_same(record, child.truth, old_comm="execute", **counted(child))


def counted(child: Child) -> Record:
    """No arguments at all (before 5.18): no members that would be empty."""
    return {} if child.truth.argc else {"argc": None, "argv": None}


@pytest.mark.parametrize("size", [8191, 8192, 8193, 16384, 24577, 32768, 65535])
def test_sizes_around_the_pieces_are_whole(tracer: Tracer, programs: Path, size: int) -> None:
    argv = make_block(size)
    child, record = run_with(tracer, programs, argv)
    assert argument_bytes(record) == argv
    assert_same(record, child.truth, old_comm=own_comm())


def test_large_exec_wakes_a_sleeping_reader(tracer: Tracer, programs: Path) -> None:
    """Nothing else happens that could wake it."""
    argv = make_block(20_000)
    tracer.settle()
    for _ in range(WAKE_UPS):
        tracer.records.clear()
        pid = tracer.run(argv, file=programs / "selfdump").pid
        tracer.wait_until(partial(has_exec, tracer, pid))


def has_exec(tracer: Tracer, pid: int) -> bool:
    return bool(execs_of(tracer.records, pid))


@pytest.mark.parametrize("size", [65536, 65537, 65636, 81920, 131072, 262144, 1 << 20, 2 << 20])
def test_arguments_beyond_the_budget_keep_head_and_tail(
    tracer: Tracer, programs: Path, size: int
) -> None:
    argv = make_block(size)
    child, record = run_with(tracer, programs, argv)
    assert_kept(record, child, DEFAULT_BUDGET)


@pytest.mark.parametrize("size", [65536, 500_000, 1_000_000, 2 << 20])
def test_wider_budget_keeps_more(wide_tracer: Tracer, programs: Path, size: int) -> None:
    argv = make_block(size)
    child, record = run_with(wide_tracer, programs, argv)
    assert_kept(record, child, 1 << 20)


def test_hundred_thousand_arguments_are_counted(wide_tracer: Tracer, programs: Path) -> None:
    argv = [b"%d" % i for i in range(100_000)]
    child, record = run_with(wide_tracer, programs, argv)
    assert record["argc"] == 100_000
    assert argument_bytes(record) == argv
    assert_same(record, child.truth, old_comm=own_comm())


def test_hundred_thousand_arguments_in_the_default_budget(tracer: Tracer, programs: Path) -> None:
    argv = [b"%d" % i for i in range(100_000)]
    child, record = run_with(tracer, programs, argv)
    assert record["argc"] == 100_000
    assert_kept(record, child, DEFAULT_BUDGET)


def test_hundred_thousand_empty_arguments(tracer: Tracer, programs: Path) -> None:
    child, record = run_with(tracer, programs, [b"x"] + [b""] * 99_998 + [b"end"])
    assert record["argc"] == 100_000
    assert_kept(record, child, DEFAULT_BUDGET)


def test_longest_argument_keeps_head_and_tail(tracer: Tracer, programs: Path) -> None:
    long = b"B" + b"m" * (LONGEST - 3) + b"E"
    child, record = run_with(tracer, programs, [b"first", long, b"last"])
    assert_kept(record, child, DEFAULT_BUDGET)
    assert record["argv"][0] == "first"
    assert record["argv"][1][0] == "B"
    assert record["argv"][-2][-1] == "E"
    assert record["argv"][-1] == "last"


def test_longest_argument_is_whole_in_a_wider_budget(wide_tracer: Tracer, programs: Path) -> None:
    argv = [b"first", b"B" + b"m" * (LONGEST - 3) + b"E", b"last"]
    child, record = run_with(wide_tracer, programs, argv)
    assert argument_bytes(record) == argv
    assert_same(record, child.truth, old_comm=own_comm())


def test_gap_in_characters_of_many_bytes_is_exact(tracer: Tracer, programs: Path) -> None:
    argv = [b"x", *["漢字".encode() * 5000] * 4]
    child, record = run_with(tracer, programs, argv)
    assert_kept(record, child, DEFAULT_BUDGET)


def test_padding_in_front_does_not_hide_the_end(tracer: Tracer, programs: Path) -> None:
    argv = [b"sh", *[b" " * 100_000] * 10, b"-c", b"rm -rf /"]
    child, record = run_with(tracer, programs, argv)
    assert_kept(record, child, DEFAULT_BUDGET)
    assert record["argv"][-2:] == ["-c", "rm -rf /"]


def test_selected_variables_are_kept_each_time(tracer: Tracer, programs: Path) -> None:
    env = Variables(
        (b"A", b"1"),
        (b"LD_PRELOAD", b"/tmp/\xff.so"),
        (b"LD_PRELOADER", b"no"),
        (b"XLD_PRELOAD", b"no"),
        (b"LD_AUDIT", b""),
        (b"LD_PRELOAD", b"/tmp/again.so"),
        (b"SUDO_USER", b"new\nline"),
        (b"SSH_CONNECTION", b"1.2.3.4 5 6.7.8.9 22"),
        (b"LD_PRELOAD", b"/tmp/\xff.so"),
    )
    child, record = run_with(tracer, programs, [b"x"], env)
    preloads = [item for item in record["env"] if item.startswith("LD_PRELOAD=")]
    assert preloads == ["LD_PRELOAD=/tmp/�.so", "LD_PRELOAD=/tmp/again.so", "LD_PRELOAD=/tmp/�.so"]
    assert_same(record, child.truth, old_comm=own_comm())


def test_variable_at_the_very_end_of_a_full_environment_is_found(
    tracer: Tracer, programs: Path
) -> None:
    env = {f"V{i:05}": "v" * 1000 for i in range(120)} | {"LD_PRELOAD": "/evil.so"}
    child, record = run_with(tracer, programs, [b"x"], env)
    assert record["env"] == ["LD_PRELOAD=/evil.so"]
    assert_same(record, child.truth, old_comm=own_comm(), truncated=record.get("truncated"))


def test_environment_of_ten_kib_is_searched_whole(tracer: Tracer, programs: Path) -> None:
    middle = dict(list(TEN_KIB_OF_ENVIRONMENT.items())[:50])
    env = middle | {"LD_PRELOAD": "/evil.so"} | TEN_KIB_OF_ENVIRONMENT
    child, record = run_with(tracer, programs, [b"x"], env)
    assert "env" not in record.get("truncated", {})
    assert_same(record, child.truth, old_comm=own_comm())


def test_variable_in_the_middle_of_a_huge_environment_is_found_or_said_to_be_missable(
    tracer: Tracer, programs: Path
) -> None:
    filling = {f"V{i:05}": "v" * 1000 for i in range(600)}
    more = {f"W{i:05}": "w" * 1000 for i in range(600)}
    _, record = run_with(tracer, programs, [b"x"], filling | {"LD_PRELOAD": "/evil.so"} | more)
    if "env" in record:
        assert record["env"] == ["LD_PRELOAD=/evil.so"]
    else:
        (gap,) = record["truncated"]["env"]
        assert gap["reason"] == "budget"
        assert gap["missing_bytes"] > 1_000_000


def test_empty_environment_is_left_out(tracer: Tracer, programs: Path) -> None:
    child, record = run_with(tracer, programs, [b"x"], {})
    assert "env" not in record
    assert_same(record, child.truth, old_comm=own_comm())


def make_block(size: int) -> list[bytes]:
    """Arguments of different lengths whose block, NULs included, has exactly `size` bytes."""
    argv: list[bytes] = []
    left = size
    while left > 0:
        number = len(argv)
        word = (b"%d:" % number).ljust(2 + number * 37 % 397, b"abcdefghij"[number % 10 :][:1])
        if len(word) + 1 > left or left - len(word) - 1 < 2:
            word = word.ljust(left - 1, b"z")[: left - 1]
        argv.append(word)
        left -= len(word) + 1
    assert sum(len(a) + 1 for a in argv) == size
    return argv


def assert_kept(record: Record, child: Child, budget: int) -> None:
    """Assert that argv and its gaps are the block of the process, and that the budget was used."""
    truth = child.truth
    block, gaps = truth.cmdline, record.get("truncated", {}).get("argv", [])
    assert record["argc"] == truth.argc
    if len(block) <= budget:
        assert not gaps
        assert argument_bytes(record) == split_block(block)
    assert all(gap["reason"] == "budget" for gap in gaps)
    assert_gaps_fit(record, block)
    kept = len(block) - sum(gap["missing_bytes"] for gap in gaps)
    assert kept <= budget
    assert kept >= min(len(block), budget) - 64
    if gaps:
        # One gap, and enough of the end that padding cannot push it out of view.
        assert len(gaps) == 1
        tail = sum(len(part) + 1 for part in argument_bytes(record)[gaps[0]["index"] + 1 :])
        assert tail >= budget // 16
