# SPDX-License-Identifier: Apache-2.0
"""What records say of the program and command of a parent that the daemon saw start."""

import json
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execaudit.formats.encoders import RENDERS, make_encoder
from execaudit.formats.redact_lines import redact_line
from execaudit.formats.restore import restore
from execaudit.records.journal import wire_entry
from execaudit.records.place import PlaceDescriber
from execaudit.records.process_commands import Command, ProcessCommands, image_key
from execaudit.records.record import record_fields
from execaudit.records.redact import Redactor
from execaudit.records.words import (
    is_bare_block,
    join_quoted,
    quote_head,
    quote_word,
    split_words,
)
from execaudit.wire.decoder import Decoder
from tests.events import decode
from tests.flows import made_benches
from tests.records import exec_record, join, leaf_first, make_host

INIT = (1_000, 1, 1, b"systemd")
SHELL = {"pid": 500, "start_ns": 7_000, "exec_count": 2, "exe": leaf_first(b"/usr/bin/dash")}
OF_SHELL = (7_000, 500, 2, b"sh")
NO_PID = 1 << 22  # PID_MAX_LIMIT (include/linux/threads.h): no process has it


def below(*argv: bytes, seq: int = 2, **members: Any) -> bytes:
    return exec_record(*argv, seq=seq, ancestors=(OF_SHELL, INIT), **members)


def shell(*argv: bytes, **members: Any) -> bytes:
    return exec_record(*argv, **{**SHELL, **members})


benches = pytest.fixture(made_benches)


def test_record_has_program_and_command_of_a_parent_that_was_seen(benches: Any) -> None:
    first, second = benches().feed(shell(b"sh", b"-c", b"echo 'a b'; id"), below(b"id"))

    assert not first.keys() & {"pexe", "pcmdline"}
    assert second["pexe"] == "/usr/bin/dash"
    assert second["pcmdline"] == r"sh -c $'echo \'a b\'; id'"
    assert "truncated" not in second


def test_parent_is_what_it_ran_at_that_moment(benches: Any) -> None:
    bench = benches()
    bench.feed(shell(b"sh", exec_count=1), shell(b"bash", seq=2))

    (before,) = bench.feed(exec_record(b"id", seq=3, ancestors=((7_000, 500, 1, b"sh"), INIT)))
    (after,) = bench.feed(below(b"id", seq=4))
    (later,) = bench.feed(exec_record(b"id", seq=5, ancestors=((7_000, 500, 3, b"sh"), INIT)))

    assert (before["pcmdline"], after["pcmdline"]) == ("sh", "bash")
    assert "pcmdline" not in later
    assert "pexe" not in later


def test_parent_is_known_where_a_rule_dropped_its_record(benches: Any) -> None:
    bench = benches(rules=[{"action": "drop", "exe": "/usr/bin/dash"}])

    (record,) = bench.feed(shell(b"sh", b"-c", b"id"), below(b"id"))

    assert record["pcmdline"] == "sh -c id"


def test_rules_see_the_secret_of_a_parent_that_records_do_not_show(benches: Any) -> None:
    rule = {"action": "label", "labels": ["x"], "parent": {"argv": "-phunter22"}}
    bench = benches(rules=[rule])
    bench.flow.setup.redactor = Redactor()
    bench.flow.setup.use_commands(bench.flow.commands)

    first, second = bench.feed(shell(b"mysql", b"-uroot", b"-phunter22"), below(b"less"))

    assert second["labels"] == ["x"]
    assert second["pcmdline"] == f"mysql -uroot '{first['argv'][2]}'"
    assert b"hunter22" not in b"".join(bench.sink.written)


@pytest.mark.parametrize("is_dropped", [False, True])
def test_long_command_is_cut_where_no_secret_is_halved(benches: Any, is_dropped: bool) -> None:
    drop = {"action": "drop", "exe": "/usr/bin/dash"}
    bench = benches(rules=[drop] if is_dropped else [])
    bench.flow.setup.redactor = Redactor()
    bench.flow.setup.use_commands(bench.flow.commands)
    script = b"curl -u ann:hunter22 https://x; " + b"y" * 9000

    *_, record = bench.feed(shell(b"sh", b"-c", script), below(b"curl"))

    assert record["truncated"] == {"pcmdline": True}
    assert len(record["pcmdline"]) <= 512
    assert record["pcmdline"].startswith("sh -c")
    assert ("<redacted:" in record["pcmdline"]) is not is_dropped
    assert b"hunter22" not in b"".join(bench.sink.written)


def test_configuration_bounds_the_command_line_or_leaves_it_out() -> None:
    host = make_host()
    commands = ProcessCommands()
    (event,) = decode(shell(b"sh", "é".encode() * 100), host=host)
    commands.remember(event)
    image = image_key(500, 7_000, 2)

    commands.show(None, 64)
    cut = commands.shown_of(image)
    commands.show(None, 0)
    without = commands.shown_of(image)

    assert cut["pcmdline"] == "sh " + "é" * 30
    assert cut["truncated"] == {"pcmdline": True}
    assert without == {"pexe": "/usr/bin/dash"}


def test_what_no_longer_runs_is_forgotten_first() -> None:
    host = make_host()
    commands = ProcessCommands()
    commands.set_bounds((10, 1 << 20))
    for number in range(30):
        pid = 1 if number == 0 else NO_PID + number  # 1 runs as long as this test
        (event,) = decode(shell(b"sh", pid=pid, time_ns=number * 10**9), host=host)
        commands.remember(event)

    assert len(commands.by_image) == 10
    assert commands.size == sum(Command(*each).size for each in commands.by_image.values())
    assert image_key(1, 7_000, 2) in commands.by_image
    assert image_key(NO_PID + 29, 7_000, 2) in commands.by_image
    assert image_key(NO_PID + 1, 7_000, 2) not in commands.by_image


def test_a_storm_makes_the_table_forget_only_what_nobody_asked_for() -> None:
    host = make_host()
    commands = ProcessCommands()
    commands.set_bounds((10, 1 << 20))

    def start(first: int, last: int) -> None:
        for number in range(first, last):
            (event,) = decode(shell(b"sh", pid=NO_PID + number, time_ns=number), host=host)
            commands.remember(event)

    def is_known(number: int) -> bool:
        return commands.find(image_key(NO_PID + number, 7_000, 2)) is not None

    start(0, 3)
    assert is_known(0)  # which also sorts 1 and 2
    start(3, 30)

    assert [number for number in range(30) if is_known(number)] == [0, 1, 2, *range(23, 30)]
    start(30, 36)
    assert [number for number in range(36) if is_known(number)] == [*range(26, 36)]


def test_what_records_show_outlives_a_storm_while_it_runs() -> None:
    host = make_host()
    commands = ProcessCommands()
    commands.set_bounds((10, 1 << 20))
    commands.show(None, 512)
    (event,) = decode(shell(b"sh", b"-c", b"id", pid=1), host=host)
    commands.remember(event)
    shown = commands.shown_of(image_key(1, 7_000, 2))
    for number in range(500):
        (event,) = decode(shell(b"sh", pid=NO_PID + number, time_ns=number), host=host)
        commands.remember(event)

    assert shown["pcmdline"] == "sh -c id"
    assert commands.find(image_key(NO_PID + 499, 7_000, 2)) is not None
    assert commands.shown_of(image_key(1, 7_000, 2)) == shown


PARENTS = [
    (b"sh", b"-c", b"id"), (b"sh", b""), (b"sh", b"-c", b"a\n'b' \"%s\" \\ \xc3\xa9"),
    (b"sh", b"\xff"), (b"sh", b"x" * 600),
]  # fmt: skip


@pytest.mark.parametrize("name", [*RENDERS, "journal"])
def test_templates_hold_whatever_the_parent_is(name: str) -> None:
    host = make_host()
    commands = ProcessCommands()
    commands.show(None, 512)
    encoder = make_encoder(name, host, "execaudit")
    decoder = Decoder((), PlaceDescriber(host, commands))
    render = RENDERS.get(name) or partial(wire_entry, identifier="execaudit")
    exes = (b"/usr/bin/dash", b"/a\xff", b'/a"b')
    parents = [(argv, exe) for argv in PARENTS for exe in exes]
    for pid, (argv, exe) in enumerate(parents, start=10):
        (event,) = decode(shell(*argv, pid=pid, exe=leaf_first(exe)), host=host)
        commands.remember(event)
    for pid in range(10, 10 + len(parents) + 1):  # nobody saw the last one
        raw = exec_record(b"id", ancestors=((7_000, pid, 2, b"sh"), INIT))
        for event in decoder.decode(*join(raw, raw)):
            fields = record_fields(event, host)
            assert encoder.encode(event) == render(fields)
            assert ("pexe" in fields) is (pid < 10 + len(parents))


@pytest.mark.parametrize("argv", PARENTS)
def test_documents_say_the_parents_command_and_lose_nothing(benches: Any, argv: Any) -> None:
    (_, ours), (_, ecs), (_, ocsf) = (
        benches(name).feed(shell(*argv), below(b"id")) for name in ("execaudit", "ecs", "ocsf")
    )

    words = split_words(ours["pcmdline"])
    texts = [word.decode(errors="replace") for word in words]
    parent = ecs["process"]["parent"]
    assert parent["args"] == texts
    assert parent["command_line"] == " ".join(texts)
    assert parent["executable"] == "/usr/bin/dash"
    assert parent["name"] == "sh"
    assert restore("ecs", ecs) == ours
    parent = ocsf["process"]["parent_process"]
    assert parent["cmd_line"] == " ".join(texts)
    assert parent["file"]["path"] == "/usr/bin/dash"
    assert parent["file"]["name"] == "dash"


@pytest.mark.parametrize("name", RENDERS)
def test_secret_of_the_parent_goes_out_of_lines_written_before(benches: Any, name: str) -> None:
    bench = benches(name)
    bench.flow.setup.redactor = None
    bench.flow.setup.use_commands(bench.flow.commands)
    bench.feed(shell(b"mysql", b"-uroot", b"-phunter22"), below(b"less"))
    line = bench.sink.written[-1]
    assert b"hunter22" in line

    clean = redact_line(line, Redactor())

    assert clean is not None
    assert b"hunter22" not in clean
    assert b"<redacted:" in clean
    assert redact_line(clean, Redactor()) is None
    assert json.loads(clean).keys() == json.loads(line).keys()


@given(words=st.lists(st.binary(max_size=40).map(lambda word: word.replace(b"\0", b""))))
def test_words_come_back_from_their_text(words: list[bytes]) -> None:
    text = join_quoted(words)

    assert split_words(text) == words
    assert quote_head(words, len(text.encode())) == (text, False)


@given(words=st.lists(st.text("a-/=[]{}'~ \t\\é", max_size=6).map(str.encode), max_size=4))
def test_block_is_bare_where_quoting_changes_nothing(words: list[bytes]) -> None:
    block = b"".join(word + b"\0" for word in words)

    if is_bare_block(block):
        assert join_quoted(words) == block[:-1].replace(b"\0", b" ").decode()
    else:
        rare = (b"[", b"]", b"{}")  # bare as whole words alone
        assert (
            not words
            or any(quote_word(word.decode()).encode() != word for word in words)
            or (any(word in rare for word in words))
        )


def test_text_of_others_is_split_whatever_it_says() -> None:
    assert split_words(r"a $'\Uffffffff\ud800' $'\x41'") == [b"a", "\ufffd?".encode(), b"A"]


@given(
    words=st.lists(
        st.text(max_size=200).map(lambda text: text.replace("\0", "").encode()), min_size=1
    ),
    room=st.integers(1, 300),
)
def test_text_that_is_cut_begins_as_the_whole_and_has_room(words: list[bytes], room: int) -> None:
    text, is_cut = quote_head(words, room)

    assert len(text.encode()) <= room
    kept = split_words(text)
    assert is_cut is (kept != words)
    assert kept[:-1] == words[: len(kept) - 1] if kept else True
    assert not kept or words[len(kept) - 1].startswith(kept[-1])
