# SPDX-License-Identifier: Apache-2.0
"""Mirror of bpf/wire.h: what the kernel side writes, as layouts and flag numbers.

Owns names and form of the members, and reads none: wire.h says what each means. A member has its
name there and a format code of `struct`. A test compares every layout with the BTF of the compiled
object. Byte order and alignment are native.
"""

import struct
from typing import NamedTuple

WIRE_VERSION = 3

KIND_EXEC = 1
KIND_FAILURE = 2
KIND_CHUNK = 3
KIND_EXIT = 4

HOOKS = ("exec", "exit", "execve", "execveat", "compat_execve", "compat_execveat")
"""Names of enum hook, in its order."""

AREA_ARGV = 0
AREA_ENV = 1

FLAG_PRIVILEGED = 1 << 0
FLAG_SCRIPT = 1 << 1
FLAG_CWD_DELETED = 1 << 2
FLAG_CHECKED = 1 << 3
FLAG_OTHER_ROOT = 1 << 4
FLAG_CWD_UNREACHABLE = 1 << 5
FLAG_ROOT_UNREACHABLE = 1 << 6
FLAG_BAD_SCRIPT = 1 << 7
FLAG_CUT_FILENAME = 1 << 8
FLAG_CUT_EXE = 1 << 9
FLAG_CUT_CWD = 1 << 10
FLAG_CUT_ROOT = 1 << 11
FLAG_CUT_CGROUP = 1 << 12
FLAG_CUT_ANCESTORS = 1 << 13
FLAG_CUT_ARGV = 1 << 14
FLAG_CUT_SCRIPT = 1 << 15
FLAG_BAD_IDS = 1 << 16
FLAG_BAD_CAPS = 1 << 17
FLAG_BAD_NS = 1 << 18
FLAG_BAD_TTY = 1 << 19
FLAG_BAD_EXE = 1 << 20
FLAG_BAD_EXE_PATH = 1 << 21
FLAG_BAD_CWD = 1 << 22
FLAG_BAD_ROOT = 1 << 23
FLAG_BAD_CGROUP = 1 << 24
FLAG_BAD_FILENAME = 1 << 25
FLAG_BAD_ARGV = 1 << 26
FLAG_BAD_ENV = 1 << 27
FLAG_BAD_ANCESTORS = 1 << 28
FLAG_BAD_OLD_COMM = 1 << 29
FLAG_BAD_START = 1 << 30

EXE_DELETED = 1 << 0
EXE_PSEUDO = 1 << 1
EXE_UNREACHABLE = 1 << 2
EXE_IN_LAYER = 1 << 3
EXE_BAD_DEV = 1 << 4
EXE_UPPER = 1 << 5
EXE_BAD_UPPER = 1 << 6

OVERLAY_UNKNOWN = 0
OVERLAY_REAL = 1
OVERLAY_STRUCT = 2

UNSET_ID = 0xFFFFFFFF
"""Value of loginuid and sessionid where nobody logged in."""

ANCESTORS = 8
CHUNK_BYTES = 16384
CHUNK_SMALL = 4096
BEFORE_ENTRIES = 4096
ENDED_ENTRIES = 2048
ORIGIN_ENTRIES = 16384
SCRATCH_BYTES = 32768


FLAGS_OF_ONE_EXEC = (
    FLAG_PRIVILEGED
    | FLAG_CWD_DELETED
    | FLAG_CHECKED
    | FLAG_CUT_ARGV
    | FLAG_BAD_ARGV
    | FLAG_BAD_ENV
    | FLAG_BAD_START
)
"""Flags about one exec; all others say something about its place."""


class Layout(NamedTuple):
    """One struct of wire.h: its name there, and (member, struct format code) in order."""

    name: str
    members: tuple[tuple[str, str], ...]

    @property
    def format(self) -> str:
        """Return the `struct` format of the whole, native byte order and alignment."""
        return "@" + "".join(code for _, code in self.members)

    @property
    def size(self) -> int:
        """Return the bytes of the whole; wire.h has no padding that is not a member."""
        return struct.calcsize(self.format)

    def part(self, first: str, stop: str) -> "Layout":
        """Return the layout of the members from `first` to the one before `stop`."""
        names = [name for name, _ in self.members]
        return Layout(self.name, self.members[names.index(first) : names.index(stop)])

    def offset(self, member: str) -> int:
        """Return the byte offset of a member."""
        return self.part(self.members[0][0], member).size


def _layout(name: str, text: str) -> Layout:
    """Return the layout of members in a text: name and format code of each, in order."""
    words = text.split()
    return Layout(name, tuple(zip(words[::2], words[1::2], strict=True)))


HEAD = _layout(
    "event_head",
    "size I  kind B  version B  hook B  pad B  seq Q  time_ns Q  cpu I  lost I  lost_first_ns Q",
)
ANCESTOR = _layout("ancestor", "start_ns Q  pid I  exec_count I  comm 16s")
EXEC = _layout(
    "exec_record",
    f"""head {HEAD.size}s  flags Q  error i  argc I
    pid I  tid I  start_ns Q  exec_count I  nspid I
    argv_bytes I  argv_inline I  argv_head I  argv_tail I
    env_bytes I  env_inline I  env_head I  env_tail I
    filename_bytes H  interp_bytes H  exe_bytes H  cwd_bytes H  root_bytes H  cgroup_bytes H
    chunks H  ancestor_count H
    uid I  gid I  suid I  sgid I  euid I  egid I  fsuid I  fsgid I  auid I  ses I
    cap_inheritable Q  cap_permitted Q  cap_effective Q  cap_bounding Q  cap_ambient Q
    securebits I  pad_cred I
    ns_mnt I  ns_pid I  ns_net I  ns_uts I  ns_ipc I  ns_cgroup I  ns_user I
    execveat_flags I
    exe_ino Q  exe_dev I  exe_nlink I  exe_uid I  exe_gid I  exe_mode H  machine H  exe_flags I
    exe_size Q  exe_ctime_ns Q
    cgroup_id Q  script_ino Q  script_dev I  script_bytes H  script_flags H
    comm 16s  old_comm 16s  tty 16s  origin_start_ns Q  origin_pid I  origin_exec_count I
    ancestors {ANCESTORS * ANCESTOR.size}s""",
)
CHUNK = _layout(
    "chunk_record", f"head {HEAD.size}s  area I  offset I  wanted I  got I  data {CHUNK_BYTES}s"
)
EXIT = _layout(
    "exit_record",
    f"""head {HEAD.size}s  flags Q  start_ns Q  parent_start_ns Q  pid I  exec_count I
    ppid I  parent_exec_count I  status I  uid I  comm 16s""",
)
SLOT = _layout(
    "slot",
    """seq Q  lost Q  lost_pending Q  lost_first_ns Q  lost_last_ns Q
    chunks_lost Q  dropped Q  end Q  flags Q
    area_start Q  area_bytes I  area_head I  area_tail I  area_at I""",
)
WALK = _layout("walk", "dentry Q  mnt Q  root_dentry Q  root_mnt Q  limit Q")
CONFIG = _layout(
    "config",
    """rules Q  wake_bytes Q  argv_bytes I  argv_tail I  env_bytes I  env_tail I
    pid_ns I  overlay_file I  overlay_upper I  btrfs_root_back I  btrfs_anon_dev I
    named_hierarchy I""",
)
ENDED = _layout("ended", "start_ns Q  pid I  exec_count I")
RULE_KEY = _layout("rule_key", "generation I  kind I  a Q  b Q")
ORIGIN = _layout(
    "origin", "start_ns Q  pid I  origin_pid I  origin_start_ns Q  origin_exec_count I  pad I"
)
RUNNING = _layout(
    "running_record", "flags Q  start_ns Q  pid I  exec_count I  exe_flags I  exe_bytes I"
)
BEFORE = _layout("before", "task Q  cap_permitted Q  euid I  egid I  comm 16s")

HEAD_BYTES = HEAD.size
EXEC_BYTES = EXEC.size
CHUNK_SIZES = (CHUNK.size, CHUNK.size - CHUNK_BYTES + CHUNK_SMALL)
EXIT_BYTES = EXIT.size
SLOT_COUNTERS_BYTES = SLOT.offset("chunks_lost")
"""Sizes as constants, for the hot path."""

LAYOUTS = (
    HEAD, ANCESTOR, EXEC, CHUNK, EXIT, SLOT, WALK, CONFIG, RULE_KEY, BEFORE, ENDED, ORIGIN, RUNNING,
)  # fmt: skip
