# SPDX-License-Identifier: Apache-2.0
"""The two sides of the wire agree: bpf/wire.h, the compiled object, execaudit.record."""

import re
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from execaudit.engine import offsets
from execaudit.engine.locations import object_path, source_directory
from execaudit.kernel.btf import Btf
from execaudit.wire import places, record
from execaudit.wire.record import Layout

WIRE = (source_directory() / "wire.h").read_text()
KERNEL = (source_directory() / "kernel.h").read_text()


@pytest.fixture(scope="module")
def object_types() -> Iterator[Btf]:
    with Btf(str(object_path())) as btf:
        yield btf


@pytest.fixture(scope="module")
def wire_constants(tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    """Every number that wire.h names, as a C compiler understands it."""
    folder = tmp_path_factory.mktemp("wire")
    names = re.findall(r"^#define (\w+)[ \t]+\w", WIRE, re.MULTILINE)
    for body in re.findall(r"^enum \w+ \{(.*?)^\};", WIRE, re.MULTILINE | re.DOTALL):
        names += re.findall(r"^\s*(\w+) = ", body, re.MULTILINE)
    prints = "".join(f'printf("{name} %lld\\n", (long long)({name}));' for name in names)
    source = folder / "constants.c"
    source.write_text(
        f'#include <stdio.h>\n#include "{source_directory()}/wire.h"\nint main(void){{{prints}}}\n'
    )
    subprocess.run(["gcc", "-o", folder / "constants", source], check=True)
    output = subprocess.run([folder / "constants"], check=True, capture_output=True, text=True)
    return {name: int(value) for name, value in (x.split() for x in output.stdout.splitlines())}


@pytest.mark.parametrize("layout", record.LAYOUTS, ids=lambda layout: layout.name)
def test_layout_is_that_of_the_compiled_object(layout: Layout, object_types: Btf) -> None:
    expected = object_types.members(layout.name)

    assert [(name, layout.offset(name)) for name, _ in layout.members] == expected
    assert layout.size == object_types.struct_size(layout.name)
    ends = [*(offset for _, offset in expected[1:]), layout.size]
    sizes = [end - offset for (_, offset), end in zip(expected, ends, strict=True)]
    # No member is followed by padding, so that its size is the distance to the next.
    assert [struct.calcsize("@" + code) for _, code in layout.members] == sizes


def test_layouts_are_all_structs_of_the_wire() -> None:
    assert {layout.name for layout in record.LAYOUTS} == set(
        re.findall(r"^struct (\w+) \{", WIRE, re.MULTILINE)
    )


@pytest.mark.parametrize(
    ("layout", "size"),
    [
        (record.HEAD, record.HEAD_BYTES),
        (record.EXEC, record.EXEC_BYTES),
        (record.CHUNK, max(record.CHUNK_SIZES)),
        (record.EXIT, record.EXIT_BYTES),
    ],
    ids=lambda value: value.name if isinstance(value, Layout) else "",
)
def test_size_kept_as_a_constant_is_that_of_the_layout(layout: Layout, size: int) -> None:
    assert size == layout.size


def test_place_of_an_exec_is_cut_into_blocks_without_gaps_between() -> None:
    blocks = [
        places._CRED,
        places._NAMESPACES,
        places._EXE,
        places._CGROUP,
        places._SCRIPT,
        places._NAMES,
        places._ORIGIN,
    ]

    assert blocks[0].start == 16  # behind the lengths
    assert [block.stop for block in blocks] == [*(each.start for each in blocks[1:]), places._FIXED]
    ancestors = record.ANCESTORS * record.ANCESTOR.size
    assert places._AT + places._FIXED + ancestors == record.EXEC_BYTES


@pytest.mark.parametrize("prefix", ["KIND_", "AREA_", "FLAG_", "EXE_", "OVERLAY_"])
def test_enum_values_are_those_of_the_header(prefix: str, wire_constants: dict[str, int]) -> None:
    here = {k: v for k, v in vars(record).items() if k.startswith(prefix)}
    there = {k: v for k, v in wire_constants.items() if k.startswith(prefix)}

    assert here == there


def test_hooks_are_named_in_the_order_of_the_header(wire_constants: dict[str, int]) -> None:
    count = wire_constants.pop("HOOK_COUNT")
    numbers = {k: v for k, v in wire_constants.items() if k.startswith("HOOK_")}

    assert numbers == {f"HOOK_{name.upper()}": at for at, name in enumerate(record.HOOKS)}
    assert count == len(record.HOOKS)


def test_constants_of_the_same_name_have_the_same_value(wire_constants: dict[str, int]) -> None:
    # CHUNK_BYTES and others; what only one side needs has no counterpart.
    shared = {k: v for k, v in vars(record).items() if k in wire_constants}

    assert shared == {name: wire_constants[name] for name in shared}
    assert {"WIRE_VERSION", "ANCESTORS", "CHUNK_BYTES", "CHUNK_SMALL"} <= shared.keys()
    assert {"BEFORE_ENTRIES", "SCRATCH_BYTES"} <= shared.keys()


def test_flags_fit_the_word_that_c_gives_an_enum(wire_constants: dict[str, int]) -> None:
    flags = [value for name, value in wire_constants.items() if name.startswith("FLAG_")]

    assert len(set(flags)) == len(flags)
    assert all(0 < flag <= 1 << 30 and flag & (flag - 1) == 0 for flag in flags)


def kernel_members() -> set[tuple[str, str]]:
    """(struct, member) pairs declared in kernel.h, without other versions' flavours."""
    pairs = set()
    for struct_name, body in re.findall(
        r"^struct (\w+) \{(.*?)^\};", KERNEL, re.MULTILINE | re.DOTALL
    ):
        code = re.sub(r"/\*.*?\*/|^#[^\n]*", "", body, flags=re.MULTILINE | re.DOTALL)
        for declaration in filter(None, map(str.strip, code.split(";"))):
            for name in declaration.split(","):
                declared = re.search(r"(\w+)\s*(\[\d+\]|: \d+)?\s*$", name.strip())
                assert declared, name
                pairs.add((struct_name, declared[1]))
    return {pair for pair in pairs if "___" not in pair[0]}


def used_members() -> set[tuple[str, str]]:
    """(struct, member) pairs that the programs read, from the calls of the dialect's macros."""
    text = "\n".join(path.read_text() for path in sorted(source_directory().glob("*.[ch]")))
    text = re.sub(r"\\\n", "", text)
    text = re.sub(r"^#define (OFF|HAS|READ|POINTER)\(.*$", "", text, flags=re.MULTILINE)
    pairs = {("kernfs_node", "__parent"), ("linux_binprm", "secureexec")}
    for match in re.finditer(r"\b(OFF|HAS|READ|POINTER)\(", text):
        arguments = call_arguments(text, match.end())
        pairs.add((arguments[-2], arguments[-1]))
    return pairs


def call_arguments(text: str, begin: int) -> list[str]:
    arguments, depth = [""], 0
    for letter in text[begin:]:
        if letter == ")" and not depth:
            return [argument.strip() for argument in arguments]
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if letter == "," and not depth:
            arguments.append("")
        else:
            arguments[-1] += letter
    raise AssertionError(f"no end: {text[begin : begin + 80]}")


def test_kernel_types_declare_exactly_the_fields_the_programs_use() -> None:
    # identity.h reads a struct upid whole, into a struct of its own.
    assert used_members() | {("upid", "nr"), ("upid", "ns")} == kernel_members()


# What the two architectures keep differently.
OF_MACHINES = ("pt_regs", "thread_info")


def test_bcc_gets_an_offset_for_every_field_the_programs_use() -> None:
    found, optional = offsets.used_fields(source_directory())

    # Members of the other architecture are left out, and bit fields have flags of their own.
    registers = {pair for pair in found if pair[0] == "pt_regs"}
    wanted = {pair for pair in used_members() if pair[0] not in OF_MACHINES}
    assert wanted - {("linux_binprm", "secureexec")} <= found | optional
    assert registers


def test_registers_are_those_of_the_machine() -> None:
    x86 = {m for s, m in offsets.declared_fields(KERNEL, "x86_64") if s == "pt_regs"}
    arm64 = {m for s, m in offsets.declared_fields(KERNEL, "aarch64") if s == "pt_regs"}
    assert {"bx", "cx", "dx", "si", "di", "orig_ax", "ax"} <= x86
    assert {"regs", "orig_x0", "syscallno"} <= arm64
    assert not x86 & arm64
    marks = [offsets.declared_fields(KERNEL, name) for name in ("x86_64", "aarch64")]
    assert ("thread_info", "status") in marks[0] - marks[1]
    assert ("thread_info", "flags") in marks[1] - marks[0]


def test_fields_that_programs_use_exist_in_the_running_kernel() -> None:
    if not Path("/sys/kernel/btf/vmlinux").exists():
        pytest.skip("this kernel has no BTF")
    wanted = {pair for pair in used_members() if pair[0] not in OF_MACHINES}
    with Btf() as btf:
        missing = {pair for pair in wanted if btf.find_bit(*pair) is None}
        registers = btf.struct_size("pt_regs")

    # The old name is looked up by flags_from_btf(), and by CO-RE through a flavour.
    assert missing <= {("kernfs_node", "__parent"), *offsets.used_fields(source_directory())[1]}
    assert registers > 0


def test_scratch_buffer_has_the_size_that_bcc_creates(object_types: Btf) -> None:
    assert object_types.struct_size("scratch") == record.SCRATCH_BYTES
