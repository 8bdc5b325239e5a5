# SPDX-License-Identifier: Apache-2.0
"""Fields of execs: what was run, and where.

Owns their declarations, in the order of docs/record.md.
"""

from execaudit.records.vocabulary import kinds
from execaudit.records.vocabulary.field import (
    ABSOLUTE_PATH,
    FLAG,
    GROUP,
    NUMBER,
    OWN,
    PATH,
    SHORT_NAME,
    SOME_TEXT,
    TEXT,
    USER,
    Condition,
    Field,
)
from execaudit.wire import record

_WITH_FILE = ("exec", "program")
_WITH_TYPE = SOME_TEXT._replace(note='with their type: `"cron.service"`, `"user-*.slice"`')

WHAT = (
    Field("comm", kinds.NAME, "the process's short name after the exec (of a failed exec: the"
        " caller's)", ("exec", "exit"), is_bytes=True, condition=SHORT_NAME,
        ecs=("process.thread.name",), cim="process_exec"),
    Field("old_comm", kinds.NAME, "the short name before this exec (success)",
        unreadable=record.FLAG_BAD_OLD_COMM, is_bytes=True, condition=SHORT_NAME),
    Field("pcomm", kinds.NAME, "the parent's short name", unreadable=record.FLAG_BAD_ANCESTORS,
        is_bytes=True, condition=SHORT_NAME, ecs=("process.parent.name",),
        ocsf=("process.parent_process.name", OWN), cim="parent_process_name"),
    Field("pexe", kinds.NAME, "path of the program that the parent runs, as `exe` of its own exec"
        " has it. If it never called exec, like a worker of a web server: the program of whoever"
        " forked it. Left out where it is not known (daemon)", is_bytes=True,
        ecs=("process.parent.executable",), ocsf=("process.parent_process.file.path",),
        cim="parent_process_path"),
    Field("pcmdline", kinds.TEXT, "the parent's arguments, as a shell reads them: words with other"
        " characters are in `'…'` or `$'…'`. At most `[capture] pcmdline_bytes` of it; `truncated`"
        " says where it was cut. Secrets are replaced as in `argv`. Left out where the daemon did"
        " not see that exec (daemon)", ecs=("process.parent.args", "process.parent.command_line"),
        ocsf=("process.parent_process.cmd_line",), cim="parent_process"),
    Field("filename", kinds.TEXT, "the file name as passed to the system call. For execveat"
        " relative to a descriptor `/dev/fd/N` or `/dev/fd/N/NAME`; where that failed, the name"
        " alone", unreadable=record.FLAG_BAD_FILENAME, cut=record.FLAG_CUT_FILENAME, is_bytes=True,
        condition=PATH, cim="original_file_name"),
    Field("exe", kinds.NAME, "resolved path of the program running, as seen from the process's"
        " root; `(unreachable)` stands before one that does not begin there (outside of a chroot,"
        " on a detached mount), as in getcwd(2). For a script: the interpreter. Of a failed exec:"
        " the caller's program, which goes on running",
        unreadable=record.FLAG_BAD_EXE_PATH, cut=record.FLAG_CUT_EXE, is_bytes=True,
        condition=ABSOLUTE_PATH._replace(note="the program. It is resolved: on most systems"
        " `/bin/ls` is `/usr/bin/ls`, and `execaudit check` notes where a rule names a link"),
        ecs=("process.executable", "process.name", "file.path", OWN),
        ocsf=("process.file.path", "process.name", OWN),
        cim="process_path",
        types=_WITH_FILE),
    Field("root", kinds.TEXT, "the process's root directory in its mount namespace, where it is not"
        " `/` (chroot). `(unreachable)` stands before one on a detached mount or in another mount"
        " namespace", unreadable=record.FLAG_BAD_ROOT, cut=record.FLAG_CUT_ROOT, is_bytes=True,
        condition=ABSOLUTE_PATH._replace(can_be_absent=True, note="as in the record. `true`: in any"
        " other root directory")),
    Field("other_root", kinds.FLAG, "its root directory is not the root of the first process of the"
        " pid namespace that execaudit runs in: it is in a mount namespace of its own (a container,"
        " a service with private mounts), or in a chroot. Paths are then its own, and names of"
        " users may be others there", condition=FLAG._replace(note="its root is not the host's."
        " A rule that drops by a path asks for `false`, unless it says something of this"),
        types=_WITH_FILE),
    Field("script", kinds.TEXT, "file name of the script, where a `#!` line or binfmt_misc chose"
        " the interpreter. Of one that was run through a descriptor, the path of that file",
        unreadable=record.FLAG_BAD_SCRIPT, cut=record.FLAG_CUT_SCRIPT, is_bytes=True,
        condition=PATH._replace(can_be_absent=True, note="as in the record. `true`: any script")),
    Field("interp", kinds.NAME, "the interpreter as named there (the last one, if nested)",
        is_bytes=True, condition=PATH._replace(can_be_absent=True)),
    Field("script_ino", kinds.DECIMAL, "of a script that was run through a descriptor: as"
        " `exe_ino`", unreadable=record.FLAG_BAD_SCRIPT),
    Field("script_dev", kinds.DEVICE, "of such a script: as `exe_dev`",
        unreadable=record.FLAG_BAD_SCRIPT),
    Field("argv", kinds.TEXTS, "all arguments in order, empty ones kept. For a script as the"
        " interpreter gets them. Of a failed exec as the caller passed them",
        condition=Condition("texts", "an argument", "any single argument, the program's own name"
        ' included. `""` is an empty one', is_of_event=True),
        ecs=("process.args", "process.command_line"), ocsf=("process.cmd_line",)),
    Field("argc", kinds.SMALL_COUNT, "the number of arguments the kernel counted. Of a failed exec:"
        " of those read", condition=NUMBER._replace(is_of_event=True), ecs=("process.args_count",)),
    Field("env", kinds.TEXTS, "selected environment variables as `NAME=value` (see `--env`), each"
        " occurrence (success)", condition=Condition("texts", "NAME=value", "any of the recorded"
        " variables, as `NAME=value` ([capture] `env`)", is_of_event=True),
        ecs=("process.env_vars",), ocsf=("process.environment_variables",)),
    Field("cwd", kinds.TEXT, "working directory, as seen from the process's root, like `exe`",
        unreadable=record.FLAG_BAD_CWD, cut=record.FLAG_CUT_CWD, is_bytes=True,
        condition=ABSOLUTE_PATH, ecs=("process.working_directory",),
        ocsf=("process.working_directory",), cim="process_current_directory"),
    Field("deleted", kinds.FLAG, "the program's file had been unlinked",
        unreadable=record.FLAG_BAD_EXE_PATH, condition=FLAG, ocsf=("process.file.is_deleted",)),
    Field("memfd", kinds.FLAG, "the program runs from memory (memfd_create), `exe` is"
        " `/memfd:NAME`", unreadable=record.FLAG_BAD_EXE_PATH, condition=FLAG),
    Field("cwd_deleted", kinds.FLAG, "the working directory had been removed",
        flag=record.FLAG_CWD_DELETED, unreadable=record.FLAG_BAD_CWD,
        condition=FLAG._replace(is_of_event=True)),
    Field("arch", kinds.NAME, "machine of the program from its ELF header: `x86_64`, `i386`,"
        " `aarch64`, …, or `em_N` with the number that stands there (success)",
        condition=SOME_TEXT._replace(note='such as `"i386"`')),
    Field("exe_ino", kinds.DECIMAL, "inode number, decimal, of the file that `exe` names. On"
        " overlayfs, of the file in its layer", unreadable=record.FLAG_BAD_EXE,
        condition=TEXT._replace(note='such as `"131"`'), ocsf=("process.file.uid", OWN),
        types=_WITH_FILE),
    Field("exe_dev", kinds.DEVICE, "device of that file, as `major:minor`, as stat(2) gives it: on"
        " btrfs the subvolume's. On overlayfs the device of the file in its layer",
        unreadable=record.FLAG_BAD_EXE, condition=TEXT._replace(note='such as `"8:1"`'),
        types=_WITH_FILE),
    Field("exe_dev_inexact", kinds.FLAG, "`exe_dev` is the device of the file system, and another"
        " file on it may have the same `exe_ino`: it is on btrfs or overlayfs, and the kernel has"
        " no type information for it",
        types=_WITH_FILE),
    Field("exe_upper", kinds.FLAG, "that file lies in the upper layer of its overlayfs: in a"
        " container it is not of the image, but was added or changed since. `unreadable` where the"
        " kernel has no type information for overlayfs", unreadable=record.FLAG_BAD_EXE,
        condition=FLAG,
        types=_WITH_FILE),
    Field("exe_mode", kinds.MODE, "type and permission bits of that file, octal, as audit"
        " prints them: `0100755`", unreadable=record.FLAG_BAD_EXE,
        condition=SOME_TEXT._replace(note='such as `"0104*"` for set-user-id files'),
        types=_WITH_FILE),
    Field("exe_uid", kinds.UNIX_ID, "owner of that file", is_member=True,
        unreadable=record.FLAG_BAD_EXE, condition=USER._replace(note="owner of the program's file"),
        ocsf=("process.file.owner.uid", OWN),
        types=_WITH_FILE),
    Field("exe_gid", kinds.UNIX_ID, "group of that file", is_member=True,
        unreadable=record.FLAG_BAD_EXE,
        condition=GROUP._replace(note="group of the program's file"),
        types=_WITH_FILE),
    Field("exe_nlink", kinds.U32, "link count of that file", is_member=True,
        unreadable=record.FLAG_BAD_EXE, condition=NUMBER),
)  # fmt: skip

WHERE = (
    Field("cgroup", kinds.TEXT, "path of the control group in version 2. Where systemd has a"
        " hierarchy of version 1 to itself (legacy or hybrid), the one in that hierarchy, unless"
        " the one in version 2 is deeper",
        unreadable=record.FLAG_BAD_CGROUP, cut=record.FLAG_CUT_CGROUP, is_bytes=True,
        condition=ABSOLUTE_PATH._replace(note="this control group **or any below it**")),
    Field("cgroup_id", kinds.DECIMAL, "id of the cgroup, decimal: the inode number of its"
        " directory", unreadable=record.FLAG_BAD_CGROUP),
    Field("unit", kinds.NAME, "systemd unit, taken from the cgroup path as journald does, like"
        " those that follow", ("exec", "summary"), (), {"summary": "or the unit"},
        unreadable=record.FLAG_BAD_CGROUP, condition=_WITH_TYPE),
    Field("user_unit", kinds.NAME, "unit of the user's own service manager",
        unreadable=record.FLAG_BAD_CGROUP, condition=_WITH_TYPE),
    Field("slice", kinds.NAME, "systemd slice", unreadable=record.FLAG_BAD_CGROUP,
        condition=_WITH_TYPE),
    Field("session", kinds.NAME, "login session", unreadable=record.FLAG_BAD_CGROUP,
        condition=SOME_TEXT._replace(note="id of the login session"),
        ocsf=("process.session.uid_alt",)),
    Field("container", kinds.TEXT, "full container id", unreadable=record.FLAG_BAD_CGROUP,
        condition=SOME_TEXT._replace(note='the full id. `true`: in any container; `"4c01db0b*"`: by'
        " the beginning"), ecs=("container.id",), ocsf=("process.container.uid",)),
    Field("pod", kinds.TEXT, "id of the Kubernetes pod: `metadata.uid` of the pod or, of a static"
        " pod, its `kubernetes.io/config.hash`", unreadable=record.FLAG_BAD_CGROUP,
        condition=SOME_TEXT._replace(note="id of the Kubernetes pod. `true`: in any"),
        ecs=("orchestrator.resource.id",), ocsf=("process.container.pod_uuid", OWN)),
)  # fmt: skip

FILE = (
    Field("size", kinds.COUNT, "bytes of the file, as the kernel had it when it ran", ("program",),
        ("program",), ecs=("file.size",)),
    Field("changed", kinds.TIME, "when content, owner, permissions or name of the file were last"
        " changed (its change time, which no program can set), as the kernel had it", ("program",),
        ("program",), ecs=("file.ctime",), column="Nullable(DateTime64(9, 'UTC'))"),
    Field("modified", kinds.TIME, "its modification time, which its owner can set", ("program",),
        ecs=("file.mtime",), column="Nullable(DateTime64(9, 'UTC'))"),
    Field("sha256", kinds.HASH, "SHA-256 of the file, read soon after it ran, while size and change"
        " time were still these", ("program",), ecs=("file.hash.sha256",)),
    Field("package", kinds.NAME, "the package that it belongs to, by the databases of dpkg, rpm or"
        " pacman. Left out where it belongs to none", ("program",), ecs=("package.name",)),
)  # fmt: skip

CONDITIONS = {
    "parent.comm": Condition("text", "a short name", "of the parent", is_short=True),
    "program": Condition("texts", "a name", "the name of the program without its directory: of"
        " `filename`, `script` or `exe`, any of them. Finds `nc` where it is a link to `ncat`, and"
        " scripts. Of a failed exec not of `exe`, which is the caller's", is_name=True),
    "parent.exe": ABSOLUTE_PATH._replace(note="the program of the parent. Known of processes"
        " that execaudit saw start, or that ran when it started. One that never called exec, like a"
        " worker of a web server, runs the program of whoever forked it"),
    "parent.filename": PATH._replace(note="the file name that the parent was started by. Known of"
        " processes that execaudit saw start, like the next two"),
    "parent.argv": Condition("texts", "an argument", "any single argument of the parent"),
    "parent.cmdline": Condition("texts", "a command line", "the parent's arguments joined by single"
        " spaces, 4 KiB of them"),
    "ancestor.comm": Condition("texts", "a short name", "of any of the up to 8 ancestors in the"
        " record", is_short=True),
    "ancestor.exe": Condition("texts", "a path", "the program of any of them and of `origin`, as of"
        " `parent.exe`", is_path=True, is_absolute=True),
    "origin.exe": ABSOLUTE_PATH._replace(note="the program of `origin`, as of `parent.exe`"),
    "parent.other_root": FLAG._replace(note="the parent's program was begun in another root than"
        " the host's"),
    "ancestor.other_root": FLAG._replace(note="of any of them"),
    "origin.other_root": FLAG._replace(note="of `origin`"),
    **{f"ns.{kind}": NUMBER._replace(note="number of this namespace, as in the record")
        for kind, _ in kinds.NAMESPACES.members},
    "ancestor.cmdline": Condition("texts", "a command line", "the command line of any of them, as"
        " of `parent.cmdline`"),
    "cmdline": Condition("texts", "a command line", "all arguments joined by single spaces",
        is_of_event=True),
}  # fmt: skip
"""What rules can ask for beside fields: names that look at several texts of a record."""
