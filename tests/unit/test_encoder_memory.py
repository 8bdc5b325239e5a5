# SPDX-License-Identifier: Apache-2.0
"""What encoders remember changes no byte: an event's text is always that of its fields.

Every event goes to one encoder of each format, which by then has seen the events before it, of the
same place and shape or of others, with what rules, redaction and the path search add to them.
"""

from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execaudit.formats.encoders import JOURNAL, RENDERS, make_encoder
from execaudit.records import encoder as encoder_module
from execaudit.records.encoder import Encoder, Render
from execaudit.records.journal import wire_entry
from execaudit.records.place import PlaceDescriber
from execaudit.records.record import record_fields
from execaudit.records.redact import Redactor
from execaudit.records.redact_event import redact_event
from execaudit.wire import record
from execaudit.wire.decoder import Decoder
from execaudit.wire.event import Event
from tests.records import Ancestor, block, exec_record, exit_record, join, leaf_first, make_host

ENV_NAMES = (b"LD_PRELOAD=", b"API_URL=")
RENDER: dict[str, Render] = {**RENDERS, JOURNAL: partial(wire_entry, identifier="execaudit")}
REDACTOR = Redactor()


class Memory:
    """One decoder, and one encoder of each format, of the same host."""

    def __init__(self) -> None:
        self.host = make_host()
        self._describe = PlaceDescriber(self.host)
        self._decoder = Decoder(ENV_NAMES, self._describe)
        made = [make_encoder(name, self.host, "execaudit") for name in RENDER]
        self.encoders = [encoder for encoder in made if isinstance(encoder, Encoder)]
        assert len(self.encoders) == len(RENDER) == 4

    def decode(self, *records: bytes) -> list[Event]:
        return [each for each in self._decoder.decode(*join(*records)) if each.type != "damaged"]

    def assert_true(self, *events: Event) -> None:
        """Encode events; the text must be what the format makes of their fields."""
        for event in events:
            for encoder in self.encoders:
                fields = record_fields(event, self.host)
                assert encoder.encode(event) == RENDER[encoder.format](fields), encoder.format

    def follow_host(self) -> None:
        """Forget what was made with another name or clock of the host, as the daemon does."""
        self._describe.follow_host()
        self._decoder.forget_places()
        for encoder in self.encoders:
            encoder.follow_host()


WORDS = st.sampled_from(
    [b"ls", b"-l", b"", b" ", b"\n", b'"', b'",', b'","', b"\\", b"x\\", b"'", b"$", b"%s", b"%",
     b"%b:argv;", b"\x1b[0m", b"\x7f", "é\u202e".encode(), b"\xff", b"./run", b"x" * 950,
     b"--password=geheim", b"--token", b"mysql", b"-psecret", b"curl -u a:b http://x"],
)  # fmt: skip
WORD = WORDS | st.binary(max_size=5).map(lambda raw: raw.replace(b"\0", b""))
VARIABLE = st.sampled_from(
    [b"LD_PRELOAD=/x.so", b"LD_PRELOAD=\xff", b"API_URL=http://u:secret@h/", b"API_URL=%s", b"A=1"]
)
ANCESTORS: list[tuple[Ancestor, ...]] = [
    ((9, 900, 3, b"bash"), (1, 1, 1, b"systemd")),
    ((9, 901, 4, b"bash"), (1, 1, 1, b"systemd")),
    ((9, 900, 3, b"zsh"), (1, 1, 1, b"\xff")),
    ((8, 900, 3, b'%s"\\\n'), (1, 1, 1, b"systemd")),
    ((9, 900, 3, b"\xff"),),
    ((9, 900, 3, b""),),
    (),
]
# Of each a usual value first: what differs should differ alone, and places should come again.
PLACE: dict[str, list[Any]] = {
    "uid": [0, 1000, 4242],
    "euid": [0, 1000],
    "auid": [record.UNSET_ID, 1000],
    "ses": [record.UNSET_ID, 0],
    "cap_effective": [0, 0x3FFFFFF],
    "comm": [b"ls", b"%s", b"\xff", b""],
    "old_comm": [b"bash", b'"', b""],
    "tty": [b"", b"pts0", b"ttyS1"],
    "filename": [b"/usr/bin/ls\0", b"./run\0", b"\0", b"\xff\0", b'%d"\0', "é\0".encode()],
    "interp": [b"/bin/sh\0", b"", b"\xff\0"],
    "exe": [leaf_first(b"/usr/bin/ls"), b"memfd:x\0", b"\xff\0", b""],
    "exe_flags": [0, record.EXE_DELETED, record.EXE_PSEUDO],
    "machine": [62, 0, 4242],
    "cwd": [leaf_first(b"/home/ann"), b"", leaf_first(b"/%s"), b"\xff\0"],
    "root": [b"", leaf_first(b"/srv/jail")],
    "cgroup": [leaf_first(b"/user.slice/session-3.scope"), b"\xff\0",
               leaf_first(b"/system.slice/docker-" + b"4f" * 32 + b".scope")],
    "ancestors": ANCESTORS,
}  # fmt: skip
FLAGS = [value for name, value in vars(record).items() if name.startswith("FLAG_")]
EVENT: dict[str, list[Any]] = {
    "error": [0, -2, -13, -511],
    "hook": [0, 2, 5],
    "pid": [1000, 7],
    "tid": [1000, 7],
    "nspid": [1000, 1],
    "cpu": [0, 77],
    "seq": [1, 2**31, 2**63],
    "time_ns": [5_000_000_000_123, 5_999_999_999_999, 0, 2**63],
    "start_ns": [4_000_000_000_456, 0],
    "exec_count": [1, 255],
    "argv_inside": [None, 3, 0],
    "env_inside": [None, 9],
    "argc": [1, 2**32 - 1],
}


def drawn(draw: st.DrawFn, choices: dict[str, list[Any]]) -> dict[str, Any]:
    """Return of each member the first choice, but for a few."""
    others = draw(st.sets(st.sampled_from(sorted(choices)), max_size=3))
    return {
        name: draw(st.sampled_from(values)) if name in others else values[0]
        for name, values in choices.items()
    }


@st.composite
def places(draw: st.DrawFn) -> dict[str, Any]:
    few = draw(st.sampled_from([0, 0, 0, 1, 2]))
    flags = sum({draw(st.sampled_from(FLAGS)) for _ in range(few)})
    return {**drawn(draw, PLACE), "flags": flags}


@st.composite
def records(draw: st.DrawFn) -> list[bytes]:
    """Execs and exits of few places, most of which come several times."""
    few = draw(st.lists(places(), min_size=1, max_size=3))
    parents = draw(st.lists(st.sampled_from(ANCESTORS), min_size=1, max_size=3))
    out: list[bytes] = []
    for _ in range(draw(st.integers(1, 8))):
        members = {**draw(st.sampled_from(few)), **drawn(draw, EVENT)}
        if draw(st.booleans()):
            members["ancestors"] = draw(st.sampled_from(parents))
        if draw(st.integers(0, 3)):
            env = draw(st.lists(VARIABLE, max_size=2))
            members |= {"env": env, "argv_block": block(draw(st.lists(WORD, max_size=4)))}
            out.append(exec_record(**members))
            continue
        names = ("uid", "comm", "pid", "cpu", "seq", "time_ns", "start_ns", "exec_count", "flags")
        out.append(
            exit_record(
                **{name: members[name] for name in names},
                ppid=draw(st.sampled_from([900, 901])),
                status=draw(st.sampled_from([0, 0x100, 9, 0x8B])),
            )
        )
    return out


@st.composite
def additions(draw: st.DrawFn) -> dict[str, Any]:
    """What the daemon adds to an event, most often nothing."""
    if draw(st.booleans()):
        return {}
    return {
        "path_search": draw(st.sampled_from([(), (b"/a/ls", b"/b/ls"), (b"/\xff",), (b'"',)])),
        "labels": draw(st.sampled_from([(), ("web",), ("web", "odd%s")])),
        "severity": draw(st.sampled_from(["", "crit", "notice"])),
    }


@given(batch=records(), data=st.data())
def test_text_of_any_event_is_that_of_its_fields(batch: list[bytes], data: st.DataObject) -> None:
    memory = Memory()

    for _ in range(2):  # with cold templates and with warm ones
        for event in memory.decode(*batch):
            added = data.draw(additions())
            if event.type == "exit":
                added.pop("path_search", None)
            for name, value in added.items():
                setattr(event, name, value)
            event.is_plain &= not added
            if data.draw(st.booleans()):
                redact_event(event, REDACTOR)
            if event.type == "exit" and data.draw(st.booleans()):
                event.duration_ns = data.draw(st.sampled_from([0, 2**63]))
            memory.assert_true(event)


@pytest.mark.parametrize(
    "words",
    [(), (b"",), (b'",', b"b"), (b"x\\", b"y"), (b"%s", b"%"), (b"x" * 5000,),
     ("\u202e".encode(), b"\x7f")],
    ids=lambda words: ascii(words)[:30],
)  # fmt: skip
@pytest.mark.parametrize("error", [0, -2])
def test_arguments_that_once_broke_a_line_are_as_the_fields_have_them(
    words: tuple[bytes, ...], error: int
) -> None:
    memory = Memory()
    raw = exec_record(*words, error=error)

    memory.assert_true(*memory.decode(raw, exec_record(b"ls", error=error), raw))


def test_equal_commands_of_other_parents_share_a_template_and_name_their_own() -> None:
    memory = Memory()
    batch = [
        exec_record(b"x", ancestors=((number, number, 1, b"sh%d" % number), *ANCESTORS[0]))
        for number in range(20)
    ]

    memory.assert_true(*memory.decode(*batch))

    assert [len(encoder._cores) for encoder in memory.encoders] == [1] * 4


def test_formats_are_bounded_whatever_rules_add(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = Memory()
    monkeypatch.setattr(encoder_module, "_FORMATS_BYTES", 40_000)
    for number in range(50):
        (event,) = memory.decode(exec_record(b"x"))
        event.labels, event.is_plain = (f"l{number}",), False
        memory.assert_true(event)

    (made, *_) = event.place.made.values()
    assert len(made.formats) < 50


def test_encoders_that_come_and_go_leave_a_place_bounded() -> None:
    memory = Memory()
    (event,) = memory.decode(exec_record(b"x"))
    for _ in range(20):
        for encoder in memory.encoders:
            encoder.follow_host()
        memory.assert_true(event)

    assert len(event.place.made) <= encoder_module._MADE_LIMIT


@pytest.mark.parametrize("offset_ns", [-(10**30), -1, 10**30])
def test_clock_outside_of_years_with_four_digits_is_followed(offset_ns: int) -> None:
    memory = Memory()
    raw = (exec_record(b"x"), exit_record())
    memory.assert_true(*memory.decode(*raw))

    memory.host.wall_offset_ns = offset_ns
    memory.follow_host()

    memory.assert_true(*memory.decode(*raw))
