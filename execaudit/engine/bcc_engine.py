# SPDX-License-Identifier: Apache-2.0
"""The BCC engine: compiles the same source when it starts, in a child that ends at once.

BCC and LLVM would leave over 100 MiB and a compiler in the process. So a short-lived child compiles
and sends back plain instructions; they refer to the maps by descriptors that the parent made before
the fork, and the parent loads them as it would load any program. Owns the search for kernel headers
to compile with; `offsets` says which offsets the programs use.
"""

import contextlib
import errno
import json
import os
import re
import struct
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from execaudit.engine import locations, offsets
from execaudit.errors import NoPermission, NotConfigured, NotImplementedByKernel, failed_call
from execaudit.kernel import hooks, libbpf
from execaudit.kernel.btf import KERNEL_BTF, Btf
from execaudit.kernel.hooks import AttachPoint
from execaudit.wire import record

_KERNEL_HEADERS = Path("/sys/kernel/kheaders.tar.xz")  # CONFIG_IKHEADERS; BCC unpacks it
_MODULES = Path("/lib/modules")
_ARCH = {"x86_64": "x86", "aarch64": "arm64"}
_HOW_DEFINES = {
    "fexit_execve": "-DFAILURE_FEXIT",
    "kretprobe_execve": "-DFAILURE_KRETPROBE",
    "tracepoint_execve": "-DFAILURE_TRACEPOINT",
    "sys_exit_any": "-DFAILURE_SYS_EXIT",
    "on_task": "-DRUNNING",
}
# BCC optimizes by itself what clang gives it, and nobody reads debug information: these two take a
# quarter of the time.
_ONCE = ["-g0", "-Xclang", "-disable-llvm-passes"]


def load(
    points: dict[str, AttachPoint], sizes: dict[str, int]
) -> tuple[dict[str, int], dict[str, int]]:
    """Compile and load the programs named in `points`, with `sizes` as the entries of maps.

    Returns the descriptors of programs and maps by name; they are the caller's. Raises
    NotConfigured where BCC or headers are missing, NoPermission, NotImplementedByKernel, or
    ExecauditError where there is no room for a map.
    """
    maps: dict[str, int] = {}
    programs: dict[str, int] = {}
    try:
        _create_maps(sizes, maps)
        with contextlib.ExitStack() as stack:
            btf = stack.enter_context(Btf()) if Path(KERNEL_BTF).exists() else None
            defines = [f"-DFD_{name}={fd}" for name, fd in maps.items()]
            defines += [_HOW_DEFINES[name] for name in points if name in _HOW_DEFINES]
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="execaudit-"))
            code = in_child(lambda: _compile(list(points), defines, btf, folder))
            _load_all(points, code, btf, programs)
    except BaseException:
        for fd in (*programs.values(), *maps.values()):
            os.close(fd)
        raise
    return {name: programs[name] for name in points}, maps


def _create_maps(sizes: dict[str, int], maps: dict[str, int]) -> None:
    """Put the descriptors of all maps of the source into `maps`."""
    per_cpu, hook_count = libbpf.MAP_PERCPU_ARRAY, len(record.HOOKS)
    for name, kind, key_bytes, value_bytes, entries in (
        ("events", libbpf.MAP_RINGBUF, 0, 0, sizes["events"]),
        ("scratch", per_cpu, 4, record.SCRATCH_BYTES, sizes["scratch"]),
        ("slots", per_cpu, 4, record.SLOT.size, hook_count),
        ("walks", per_cpu, 4, record.WALK.size, hook_count),
        ("rules", libbpf.MAP_HASH, record.RULE_KEY.size, 4, sizes["rules"]),
        ("rule_hits", per_cpu, 4, 8, sizes["rule_hits"]),
        ("config", libbpf.MAP_ARRAY, 4, record.CONFIG.size, 1),
        ("before", libbpf.MAP_ARRAY, 4, record.BEFORE.size, record.BEFORE_ENTRIES),
        ("origins", libbpf.MAP_ARRAY, 4, record.ORIGIN.size, record.ORIGIN_ENTRIES),
        ("ended", libbpf.MAP_LRU_HASH, record.ENDED.size, 4, record.ENDED_ENTRIES),
    ):
        try:
            maps[name] = libbpf.create_map(kind, name, key_bytes, value_bytes, entries)
        except OSError as error:
            raise failed_call(f"create the map '{name}'", error) from error


def _load_all(
    points: dict[str, AttachPoint], code: dict[str, str], btf: Btf | None, programs: dict[str, int]
) -> None:
    """Put all programs' descriptors into `programs`, in threads: the verifier takes most time."""
    errors: list[Exception] = []

    def load_one(name: str) -> None:
        try:
            programs[name] = _load_one(name, bytes.fromhex(code[name]), points[name], btf)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=load_one, args=(name,), name="load") for name in points]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def _load_one(name: str, instructions: bytes, point: AttachPoint, btf: Btf | None) -> int:
    try:
        return hooks.load(name, instructions, point, btf)
    except OSError as error:
        kind = NoPermission if error.errno == errno.EPERM else NotImplementedByKernel
        raise kind(f"Failed to load '{name}': {error.strerror}") from error


def _compile(names: list[str], defines: list[str], btf: Btf | None, folder: str) -> dict[str, str]:
    """Return each program's instructions, hexadecimal. Only in a child; `folder` is scratch."""
    source = locations.source_directory()
    _check_given_headers()
    if btf is not None:
        _point_to_headers(folder)
        flags = offsets.flags_from_btf(source, btf)
    else:
        if not (running_headers() or _KERNEL_HEADERS.exists() or "BCC_KERNEL_SOURCE" in os.environ):
            release = os.uname().release
            raise NotConfigured(
                f"Failed to find the headers of kernel {release}: without BTF, exactly they"
                f" are needed (Debian: linux-headers-{release})"
            )
        flags = offsets.flags_from_headers(source, compile_constants)
    machine = os.uname().machine
    target = f"-D__TARGET_ARCH_{_ARCH.get(machine, machine)}"
    cflags = ["-DEXECAUDIT_BCC", target, f"-I{source}", *_ONCE, *defines, *flags]
    module = _bpf_class()(text=_flatten(source, locations.SOURCE, set()).encode(), cflags=cflags)
    return {name: module.dump_func(name.encode()).hex() for name in names}


def _flatten(source: Path, name: str, seen: set[str]) -> str:
    """Return a file with its headers inlined: BCC takes programs from the main file only."""
    if name in seen:
        return ""
    seen.add(name)
    return re.sub(
        r'^#include "(.+)"$',
        lambda match: _flatten(source, match[1], seen),
        (source / name).read_text(),
        flags=re.MULTILINE,
    )


def compile_constants(prologue: str, expressions: list[str]) -> list[int]:
    """Return values of C integer constants, by compiling a function for each. Only in a child."""
    functions = "\n".join(
        f"int constant_{index}(void *ctx) {{ return {expression}; }}"
        for index, expression in enumerate(expressions)
    )
    module = _bpf_class()(text=(prologue + functions).encode())
    values: list[int] = []
    for index in range(len(expressions)):
        # r0 = value; exit
        (value,) = struct.unpack_from("@i", module.dump_func(f"constant_{index}".encode()), 4)
        values.append(value & 0xFFFFFFFF)
    return values


def _bpf_class() -> Any:
    try:
        from bcc import BPF  # noqa: PLC0415 - loads LLVM; only ever in the child
    except ImportError as error:
        raise NotConfigured(
            f"Failed to load BCC ({error}): install it from your distribution (Debian:"
            " python3-bpfcc, Fedora: python3-bcc, Arch: python-bcc); 'bcc' on PyPI is another"
            " project"
        ) from error
    return BPF


def _check_given_headers() -> None:
    """Raise NotConfigured where BCC_KERNEL_SOURCE is not a folder: BCC would not say so."""
    given = os.environ.get("BCC_KERNEL_SOURCE")
    if given is not None and not (given and Path(given).is_dir()):
        raise NotConfigured(
            f"Failed to find kernel headers in '{given}': BCC_KERNEL_SOURCE is not a folder"
        )


def _point_to_headers(folder: str) -> None:
    if "BCC_KERNEL_SOURCE" in os.environ or running_headers():
        return
    if _KERNEL_HEADERS.exists():
        return
    headers = _newest_headers()
    if headers is None:
        raise NotConfigured(
            "Failed to find kernel headers for BCC: install them (Debian: linux-headers-amd64,"
            " any version), set BCC_KERNEL_SOURCE, or use --engine libbpf"
        )
    os.environ["BCC_KERNEL_SOURCE"] = str(_join_trees(headers, Path(folder)))


def running_headers() -> Path | None:
    """Return the build tree of the running kernel, where BCC finds it by itself."""
    build = _MODULES / os.uname().release / "build"
    return build if build.exists() else None


def _newest_headers() -> Path | None:
    """Return the build tree of the newest kernel that has one."""
    trees = [path for path in _MODULES.glob("*/build") if (path / "include/generated").exists()]
    return max(trees, key=_version, default=None)


def _version(tree: Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", tree.parent.name)]


def _join_trees(build: Path, into: Path) -> Path:
    """Join `build` and its "source" sibling, which Debian splits, by links in `into`.

    For a kernel that is not the running one, BCC takes a single directory (BCC_KERNEL_SOURCE).
    """
    source = build.parent / "source"
    if not source.exists() or source.resolve() == build.resolve():
        return build
    machine = os.uname().machine
    arch = f"arch/{_ARCH.get(machine, machine)}"
    for folder in ("include", "include/linux", f"{arch}/include", f"{arch}/include/asm"):
        (into / folder).mkdir(parents=True, exist_ok=True)
        for tree in (build, source):
            if (tree / folder).is_dir():
                _link_entries(tree / folder, into / folder)
    return into


def _link_entries(origin: Path, target: Path) -> None:
    for entry in origin.iterdir():
        link = target / entry.name
        if not link.exists():
            link.symlink_to(entry.resolve())


def in_child(work: Callable[[], Any]) -> Any:
    """Return the result of `work` in a forked child (a JSON value), or raise its error."""
    read_fd, write_fd = os.pipe2(os.O_CLOEXEC)
    with tempfile.TemporaryFile() as messages:
        pid = os.fork()
        if pid == 0:
            _run_child(work, write_fd, messages.fileno())
        os.close(write_fd)
        with os.fdopen(read_fd, "rb") as pipe:
            answer = pipe.read()
        os.waitpid(pid, 0)
        messages.seek(0)
        said = messages.read().decode(errors="replace").strip()
    try:
        kind, value = json.loads(answer)
    except ValueError:
        kind, value = "died", "it ended without an answer"
    if kind == "result":
        return value
    if kind == "NotConfigured":
        raise NotConfigured(value)
    errors = [line for line in said.splitlines() if "error:" in line][:3]
    # A second try compiles the same: systemd must not start the service again and again.
    raise NotConfigured(f"Failed to compile with BCC: {' | '.join(errors) or value}")


def _run_child(work: Callable[[], Any], write_fd: int, messages_fd: int) -> None:
    """Send the result of `work` to `write_fd` and end the process.

    What compiler and BCC print goes to `messages_fd`, not to the terminal.
    """
    status = 1
    try:
        os.dup2(messages_fd, sys.stdout.fileno())
        os.dup2(messages_fd, sys.stderr.fileno())
        try:
            answer = ["result", work()]
        except Exception as error:
            answer = [type(error).__name__, str(error)]
        with os.fdopen(write_fd, "wb") as pipe:
            pipe.write(json.dumps(answer).encode())
        status = 0
    finally:
        os._exit(status)
