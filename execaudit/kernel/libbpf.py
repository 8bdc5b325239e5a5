# SPDX-License-Identifier: Apache-2.0
"""Prototypes of the libbpf functions in use, through ctypes, and of perf_event_open(2).

Owns the signatures and the conversion of C results into OSError. It holds no state and decides
nothing. Source: libbpf 1.0 and later, bpf/libbpf.h, bpf/bpf.h and bpf/btf.h.
"""

import ctypes as c
import errno
import os
from typing import Any

from execaudit.errors import NotConfigured

MAP_HASH = 1
MAP_ARRAY = 2
MAP_PERCPU_ARRAY = 6
MAP_LRU_HASH = 9
MAP_RINGBUF = 27

PROG_KPROBE = 2
PROG_TRACEPOINT = 5
PROG_RAW_TRACEPOINT = 17
PROG_TRACING = 26
ATTACH_TRACE_FEXIT = 25
ATTACH_TRACE_ITERATOR = 28

BTF_KIND_STRUCT = 4
BTF_KIND_FUNC = 12
BTF_KIND_ENUM = 6

_LOG_BYTES = 1 << 20
_PERF_EVENT_OPEN = {"x86_64": 298, "aarch64": 241}  # the C library has no function for it
_PERF_FLAG_FD_CLOEXEC = 8

try:
    _lib = c.CDLL("libbpf.so.1", use_errno=True)
except OSError as error:
    raise NotConfigured(
        f"Failed to load 'libbpf.so.1': {error}; install your distribution's libbpf package"
        " (Debian: libbpf1)"
    ) from error
_libc = c.CDLL(None, use_errno=True)


class ProgLoadOpts(c.Structure):
    """struct bpf_prog_load_opts up to log_buf; libbpf goes by the size given in `sz`."""

    _fields_ = (
        ("sz", c.c_size_t),
        ("attempts", c.c_int),
        ("expected_attach_type", c.c_int),
        ("prog_btf_fd", c.c_uint32),
        ("prog_flags", c.c_uint32),
        ("prog_ifindex", c.c_uint32),
        ("kern_version", c.c_uint32),
        ("attach_btf_id", c.c_uint32),
        ("attach_prog_fd", c.c_uint32),
        ("attach_btf_obj_fd", c.c_uint32),
        ("fd_array", c.c_void_p),
        ("func_info", c.c_void_p),
        ("func_info_cnt", c.c_uint32),
        ("func_info_rec_size", c.c_uint32),
        ("line_info", c.c_void_p),
        ("line_info_cnt", c.c_uint32),
        ("line_info_rec_size", c.c_uint32),
        ("log_level", c.c_uint32),
        ("log_size", c.c_uint32),
        ("log_buf", c.c_char_p),
    )


class PerfEventAttr(c.Structure):
    """struct perf_event_attr, PERF_ATTR_SIZE_VER5, the flag bits as one word."""

    _fields_ = (
        ("type", c.c_uint32),
        ("size", c.c_uint32),
        ("config", c.c_uint64),
        ("sample_period", c.c_uint64),
        ("sample_type", c.c_uint64),
        ("read_format", c.c_uint64),
        ("flags", c.c_uint64),
        ("wakeup_events", c.c_uint32),
        ("bp_type", c.c_uint32),
        ("config1", c.c_uint64),  # kprobe_func
        ("config2", c.c_uint64),  # probe_offset
        ("rest", c.c_uint64 * 5),
    )


def _prototype(name: str, result: Any, *arguments: Any) -> Any:
    function = getattr(_lib, name)
    function.restype = result
    function.argtypes = arguments
    return function


_P, _S, _I, _U, _SIZE = c.c_void_p, c.c_char_p, c.c_int, c.c_uint32, c.c_size_t

object_open_file = _prototype("bpf_object__open_file", _P, _S, _P)
object_load = _prototype("bpf_object__load", _I, _P)
object_close = _prototype("bpf_object__close", None, _P)
object_next_program = _prototype("bpf_object__next_program", _P, _P, _P)
object_next_map = _prototype("bpf_object__next_map", _P, _P, _P)
program_name = _prototype("bpf_program__name", _S, _P)
program_fd = _prototype("bpf_program__fd", _I, _P)
program_set_autoload = _prototype("bpf_program__set_autoload", _I, _P, c.c_bool)
map_name = _prototype("bpf_map__name", _S, _P)
map_fd = _prototype("bpf_map__fd", _I, _P)
map_set_max_entries = _prototype("bpf_map__set_max_entries", _I, _P, _U)
set_print = _prototype("libbpf_set_print", _P, _P)
version_string = _prototype("libbpf_version_string", _S)
num_possible_cpus = _prototype("libbpf_num_possible_cpus", _I)
btf_load_vmlinux = _prototype("btf__load_vmlinux_btf", _P)
btf_load_module = _prototype("btf__load_module_btf", _P, _S, _P)
btf_parse = _prototype("btf__parse", _P, _S, c.POINTER(_P))
btf_free = _prototype("btf__free", None, _P)
btf_find = _prototype("btf__find_by_name_kind", _I, _P, _S, _U)
btf_type_by_id = _prototype("btf__type_by_id", _P, _P, _U)
btf_name_by_offset = _prototype("btf__name_by_offset", _S, _P, _U)

_prog_load = _prototype("bpf_prog_load", _I, _I, _S, _S, _P, _SIZE, c.POINTER(ProgLoadOpts))
_map_create = _prototype("bpf_map_create", _I, _I, _S, _U, _U, _U, _P)
_map_update = _prototype("bpf_map_update_elem", _I, _I, _P, _P, c.c_uint64)
_map_lookup = _prototype("bpf_map_lookup_elem", _I, _I, _P, _P)
_map_delete = _prototype("bpf_map_delete_elem", _I, _I, _P)
_map_next_key = _prototype("bpf_map_get_next_key", _I, _I, _P, _P)
_raw_tracepoint_open = _prototype("bpf_raw_tracepoint_open", _I, _S, _I)
_link_create = _prototype("bpf_link_create", _I, _I, _I, _I, _P)
_iterator_create = _prototype("bpf_iter_create", _I, _I)
_obj_get = _prototype("bpf_obj_get", _I, _S)
_info_by_fd = _prototype("bpf_obj_get_info_by_fd", _I, _I, _P, c.POINTER(_U))

PRINT_FUNCTION = c.CFUNCTYPE(c.c_int, c.c_int, c.c_char_p, c.c_void_p)
"""libbpf_print_fn_t: the level, the format and a va_list."""
PRINT_WARNING = 0  # LIBBPF_WARN

set_print(None)  # libbpf's own messages go to stderr otherwise; errors come back as results


def check(result: int) -> int:
    """Return a descriptor or count. Raises OSError for a negative errno, as libbpf returns it."""
    if result < 0:
        raise OSError(-result, os.strerror(-result))
    return result


def load_program(
    kind: int, name: str, instructions: bytes, attach_type: int = 0, btf_id: int = 0
) -> int:
    """Load one program from raw instructions (struct bpf_insn, 8 bytes each).

    Returns its descriptor. Raises OSError; where the verifier refused, with the end of its log.
    """
    opts = ProgLoadOpts(
        sz=c.sizeof(ProgLoadOpts), expected_attach_type=attach_type, attach_btf_id=btf_id
    )
    count = len(instructions) // 8
    arguments = (kind, name.encode()[:15], b"GPL", instructions, count, c.byref(opts))
    result = _prog_load(*arguments)
    if result >= 0:
        return int(result)
    log = c.create_string_buffer(_LOG_BYTES)
    opts.log_level, opts.log_size, opts.log_buf = 1, _LOG_BYTES, c.cast(log, c.c_char_p)
    result = _prog_load(*arguments)  # once more, for the reason
    if result >= 0:
        return int(result)
    code = -result
    lines = log.value.decode(errors="replace").strip().splitlines()[-3:]
    raise OSError(code, " | ".join([os.strerror(code), *lines]))


def create_map(kind: int, name: str, key_bytes: int, value_bytes: int, entries: int) -> int:
    """Create a map; return its descriptor. Raises OSError."""
    return check(_map_create(kind, name.encode(), key_bytes, value_bytes, entries, None))


def update_map(fd: int, key: bytes, value: bytes) -> None:
    """Set one element of a map. Raises OSError."""
    check(_map_update(fd, key, value, 0))


def delete_from_map(fd: int, key: bytes) -> None:
    """Remove one element of a map; it need not be there."""
    _map_delete(fd, key)


def lookup_map(fd: int, key: bytes, value_bytes: int) -> bytes | None:
    """Return one element, None if there is none. Of a per-CPU map: one for each CPU, in order."""
    value = c.create_string_buffer(value_bytes)
    if _map_lookup(fd, key, value) < 0:
        return None
    return value.raw


def map_keys(fd: int, key_bytes: int) -> list[bytes]:
    """Return all keys of a map that nobody else changes meanwhile."""
    keys: list[bytes] = []
    following = c.create_string_buffer(key_bytes)
    while _map_next_key(fd, keys[-1] if keys else None, following) >= 0:
        keys.append(following.raw)
    return keys


def open_raw_tracepoint(name: str | None, program: int) -> int:
    """Attach a raw tracepoint program by name, or with None a tracing program; return its link.

    Raises OSError.
    """
    return check(_raw_tracepoint_open(name.encode() if name else None, program))


def open_iterator(program: int) -> int:
    """Return a descriptor of a loaded iterator program; reading it runs it over all objects.

    Raises OSError.
    """
    link = check(_link_create(program, 0, ATTACH_TRACE_ITERATOR, None))
    try:
        return check(_iterator_create(link))
    finally:
        os.close(link)


def open_pinned(path: str) -> int:
    """Return the descriptor of an object that is pinned in a bpf file system. Raises OSError."""
    return check(_obj_get(path.encode()))


def object_info(fd: int, info_bytes: int) -> bytes:
    """Return struct bpf_prog_info, bpf_map_info or bpf_link_info of a descriptor (linux/bpf.h).

    Raises OSError.
    """
    info = c.create_string_buffer(info_bytes)
    size = c.c_uint32(info_bytes)
    check(_info_by_fd(fd, info, c.byref(size)))
    return info.raw


def perf_event_open(attr: PerfEventAttr) -> int:
    """Open a system-wide event on CPU 0, as libbpf does for probes that carry a program.

    Returns its descriptor. Raises OSError.
    """
    number = _PERF_EVENT_OPEN.get(os.uname().machine)
    if number is None:
        raise OSError(errno.ENOSYS, "perf_event_open(2) has no number here for this architecture")
    attr.size = c.sizeof(PerfEventAttr)
    fd = _libc.syscall(number, c.byref(attr), -1, 0, -1, _PERF_FLAG_FD_CLOEXEC)
    if fd < 0:
        code = c.get_errno()
        raise OSError(code, os.strerror(code))
    return int(fd)
