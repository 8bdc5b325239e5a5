# SPDX-License-Identifier: Apache-2.0
"""Runs in a guest: loads each program of the objects alone and says what the verifier made of it.

Owns the calls of libbpf that takes, so that a program can be tried before there is an engine that
knows it. Nothing is attached. It must not judge: its reader knows which programs a kernel may
refuse.
"""

import ctypes as c
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

OBJECT = "build/execaudit.bpf.o"
WITH_CASTS = "build/execaudit-casts.bpf.o"
# BPF_LOG_STATS, include/linux/bpf_verifier.h: only the summary, so that the log stays small.
LOG_STATS = 4
LOG_BYTES = 16 << 20
BPF_MAP_TYPE_RINGBUF = 27
RING_BYTES = 1 << 20
SUMMARY = re.compile(
    r"verification time (?P<us>\d+) usec(?:.*\n)*?processed (?P<insns>\d+) insns"
    r".*peak_states (?P<peak_states>\d+)"
)


def _libbpf() -> c.CDLL:
    library = c.CDLL("libbpf.so.1", use_errno=True)
    for name in ("bpf_object__open_file", "bpf_object__next_program", "bpf_object__next_map"):
        function = getattr(library, name)
        function.restype = c.c_void_p
        function.argtypes = [c.c_void_p, c.c_void_p]
    library.bpf_object__open_file.argtypes = [c.c_char_p, c.c_void_p]
    for name in ("bpf_program__name", "bpf_program__section_name"):
        getattr(library, name).restype = c.c_char_p
        getattr(library, name).argtypes = [c.c_void_p]
    library.bpf_program__set_autoload.argtypes = [c.c_void_p, c.c_bool]
    library.bpf_program__set_log_level.argtypes = [c.c_void_p, c.c_uint32]
    library.bpf_program__set_log_buf.argtypes = [c.c_void_p, c.c_char_p, c.c_size_t]
    library.bpf_map__set_max_entries.argtypes = [c.c_void_p, c.c_uint32]
    for name in ("bpf_map__type", "bpf_map__max_entries", "bpf_object__load", "bpf_object__close"):
        getattr(library, name).argtypes = [c.c_void_p]
    library.bpf_object__close.restype = None
    return library


def _each(step: Any, owner: int) -> list[int]:
    found: list[int] = []
    item = step(owner, None)
    while item:
        found.append(item)
        item = step(owner, item)
    return found


def _open(library: c.CDLL, path: str) -> int:
    opened: int | None = library.bpf_object__open_file(path.encode(), None)
    if not opened:
        number = c.get_errno()
        raise OSError(number, f"Failed to open '{path}': {os.strerror(number)}")
    return opened


def _try_alone(library: c.CDLL, path: str, index: int) -> dict[str, object]:
    """Load the object with only its program number `index` switched on."""
    opened = _open(library, path)
    log = c.create_string_buffer(LOG_BYTES)
    programs = _each(lambda o, last: library.bpf_object__next_program(o, last), opened)
    for number, program in enumerate(programs):
        library.bpf_program__set_autoload(program, number == index)
    wanted = programs[index]
    library.bpf_program__set_log_buf(wanted, log, LOG_BYTES)
    library.bpf_program__set_log_level(wanted, LOG_STATS)
    for each_map in _each(lambda o, last: library.bpf_object__next_map(o, last), opened):
        is_ring = library.bpf_map__type(each_map) == BPF_MAP_TYPE_RINGBUF
        if is_ring and not library.bpf_map__max_entries(each_map):
            library.bpf_map__set_max_entries(each_map, RING_BYTES)
    error = library.bpf_object__load(opened)
    said = log.value.decode(errors="replace")
    report: dict[str, object] = {
        "object": Path(path).name,
        "program": library.bpf_program__name(wanted).decode(),
        "section": library.bpf_program__section_name(wanted).decode(),
        "error": os.strerror(-error) if error else None,
    }
    if error:
        report["log"] = said[-2000:]
    elif match := SUMMARY.search(said):
        report |= {name: int(value) for name, value in match.groupdict().items()}
    library.bpf_object__close(opened)
    return report


def main() -> int:
    """Print one JSON line for each program; 0 when the object could be opened."""
    has_casts = b"\0bpf_rdonly_cast\0" in Path("/sys/kernel/btf/vmlinux").read_bytes()
    paths = sys.argv[1:] or ([OBJECT, WITH_CASTS] if has_casts else [OBJECT])
    library = _libbpf()
    # Room for libbpf's own complaints between the lines of the report.
    result = Path(os.environ.get("EXECAUDIT_GUEST_RESULT", "/dev/stdout"))
    with result.open("a") as out:
        for path in paths:
            for index in range(_count(library, path)):
                out.write(json.dumps(_try_alone(library, path, index)) + "\n")
                out.flush()
    return 0


def _count(library: c.CDLL, path: str) -> int:
    counted = _open(library, path)
    count = len(_each(lambda o, last: library.bpf_object__next_program(o, last), counted))
    library.bpf_object__close(counted)
    return count


if __name__ == "__main__":
    sys.exit(main())
