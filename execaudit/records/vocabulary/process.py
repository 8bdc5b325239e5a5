# SPDX-License-Identifier: Apache-2.0
"""Fields of every record, and of execs: who ran it.

Owns their declarations, in the order of docs/record.md.
"""

from execaudit.records.vocabulary import kinds
from execaudit.records.vocabulary.field import (
    GROUP,
    NUMBER,
    OWN,
    OWN_OR_TEXT,
    SOME_TEXT,
    TYPES,
    USER,
    Condition,
    Field,
)
from execaudit.wire import record

_EVENTS = ("exec", "exit")

EVERY = (
    Field("time", kinds.TIME, "when it happened, RFC 3339 UTC with nanoseconds: boot-time clock"
        " plus the offset of the wall clock, which is measured when tracing begins and again when"
        " the clock steps by a millisecond or more", TYPES, TYPES,
        ecs=("@timestamp",), ocsf=("metadata.original_time", "time"),
        column="DateTime64(9, 'UTC') CODEC(Delta, ZSTD)"),
    Field("type", kinds.NAME, "type of the record: `exec`, `exit`, `lost`; of the daemon also"
        " `start`, `stop`, `config`, `repair`, `summary`, `seal`, `program`", TYPES, TYPES,
        condition=Condition("type", '"exec" or "exit"'),
        ecs=("event.dataset",), ocsf=("metadata.event_code",)),
    Field("host", kinds.NAME, "host name, as it is at that time", TYPES, TYPES,
        ecs=("host.name", "host.hostname"), ocsf=("device.hostname",), cim="dest"),
    Field("boot", kinds.BOOT, "boot id, 32 hex digits, as journald's `_BOOT_ID`", TYPES, TYPES,
        ecs=("host.boot.id",), ocsf=("device.boot_uid",)),
    Field("cpu", kinds.CPU, "processor it ran on (`exec`, `exit`). `lost`: left out where not"
        " known", (*_EVENTS, "lost"), _EVENTS),
    Field("seq", kinds.COUNT, "counts up by one, per `cpu` and `hook`, for every event the kernel"
        " side saw, lost or not (`exec`, `exit`)", _EVENTS, _EVENTS,
        ecs=("event.sequence",), ocsf=("metadata.sequence", OWN_OR_TEXT)),
    Field("hook", kinds.HOOK, "which kernel program saw it: `exec` (success), `execve`, `execveat`,"
        " `compat_execve`, `compat_execveat` (failures), `exit`. Left out of records of type `exec`"
        " where it is `exec`", (*_EVENTS, "lost"), ("exit",),
        {"lost": "which kernel program's events. Left out where that is not known (`undecodable`)"},
        column="LowCardinality(String) DEFAULT if(type = 'exec', 'exec', '')"),
)  # fmt: skip


def _id(name: str, meaning: str, condition: Condition, **others: object) -> Field:
    """Return the field of a user or group id of struct cred."""
    field = Field(name, kinds.UNIX_ID, meaning, is_member=True, condition=condition)
    return field._replace(unreadable=record.FLAG_BAD_IDS, **others)  # type: ignore[arg-type]


_DAEMONS_PID = {"start": "the daemon's", "stop": "the daemon's"}
_FREE_ID = "Left out when unset (no login)"

WHO = (
    Field("id", kinds.ID, "identity of this program image: the first 12 digits of `boot`, then in"
        " hexadecimal pid, start time since boot in nanoseconds, and the kernel's exec counter."
        " Survives pid reuse; a second exec in the same process has another id. Of a failed exec:"
        " the id of the caller's image, which goes on", _EVENTS, unreadable=record.FLAG_BAD_START,
        ecs=("process.entity_id",), ocsf=("process.uid", "actor.process.uid", OWN),
        cim="process_guid"),
    Field("parent_id", kinds.ID, "the same for the parent, at this moment", _EVENTS,
        unreadable=record.FLAG_BAD_ANCESTORS, ecs=("process.parent.entity_id",),
        ocsf=("process.parent_process.uid", OWN), cim="parent_process_guid"),
    Field("pid", kinds.PID, "process (thread group) id in the initial pid namespace",
        (*_EVENTS, "start", "stop"), ("exec", "start", "stop"), _DAEMONS_PID, is_member=True,
        ecs=("process.pid", OWN), ocsf=("process.pid", OWN), cim="process_id"),
    Field("tid", kinds.PID, "the calling thread, where it was not the leader",
        ecs=("process.thread.id",), ocsf=("process.ptid",), column="UInt32 DEFAULT pid"),
    Field("nspid", kinds.PID, "pid in the process's own pid namespace, where it differs from `pid`",
        unreadable=record.FLAG_BAD_NS, ecs=("process.vpid",), ocsf=("process.namespace_pid",),
        column="UInt32 DEFAULT pid"),
    Field("ppid", kinds.PID, "parent's pid", _EVENTS, unreadable=record.FLAG_BAD_ANCESTORS,
        condition=NUMBER, ecs=("process.parent.pid",),
        ocsf=("process.parent_process.pid", OWN), cim="parent_process_id"),
    _id("uid", "real user after the exec, host id as all of these (not mapped through a user"
        " namespace)", USER, types=(*_EVENTS, "summary"), meanings={"summary": "user whose limit it"
        " was"}, ecs=("user.id", "process.real_user.id"), cim="user_id"),
    _id("gid", "real group", GROUP, ecs=("process.real_group.id",)),
    _id("euid", "effective user", USER, ecs=("process.user.id",),
        ocsf=("process.euid", "process.user.uid", OWN_OR_TEXT)),
    _id("egid", "effective group", GROUP, ecs=("process.group.id",),
        ocsf=("process.egid", "process.group.uid", OWN_OR_TEXT)),
    _id("suid", "saved user", USER, ecs=("process.saved_user.id",)),
    _id("sgid", "saved group", GROUP, ecs=("process.saved_group.id",)),
    _id("fsuid", "user for access to files", USER),
    _id("fsgid", "group for access to files", GROUP),
    _id("auid", f"login user. {_FREE_ID}", Condition("login", f'{USER.what}, or "unset"',
        'the login user, kept through sudo and su. `"unset"`: nobody logged in'),
        types=("exec", "summary"), meanings={"summary": "login user whose limit it was"},
        omitted=record.UNSET_ID, ecs=("user.audit.id", OWN),
        ocsf=("process.auid", "actor.user.uid", OWN_OR_TEXT)),
    _id("ses", f"audit session. {_FREE_ID}", Condition("session", f'{NUMBER.what}, or "unset"',
        'audit session. `"unset"`: nobody logged in'),
        omitted=record.UNSET_ID, ocsf=("process.session.uid",)),
    Field("user", kinds.NAME, "name of `uid`. Names are left out where the id has none. Users of"
        " /etc/passwd are always named; of others (LDAP, dynamic users) the first records may lack"
        " the name, since no record waits for a directory. They are names of this host, also where"
        " a container has others (see `other_root`)",
        unreadable=record.FLAG_BAD_IDS, condition=SOME_TEXT,
        ecs=("user.name",), ocsf=("process.user.name", OWN)),
    Field("euser", kinds.NAME, "name of `euid`. Left out where it equals `uid`",
        unreadable=record.FLAG_BAD_IDS, condition=SOME_TEXT._replace(note="name of `euid`, also"
        " there where records leave it out, being the same as `user`"),
        ecs=("process.user.name",), ocsf=("process.user.name",),
        column="LowCardinality(String) DEFAULT user"),
    Field("auser", kinds.NAME, "name of `auid`", unreadable=record.FLAG_BAD_IDS,
        condition=SOME_TEXT, ecs=("user.audit.name",), ocsf=("actor.user.name", OWN)),
    Field("caps", kinds.CAPS, "`permitted`, `effective`, `inheritable`, `ambient`, `bounding`:"
        " hexadecimal masks after the exec, as in /proc/PID/status without leading zeros",
        unreadable=record.FLAG_BAD_CAPS, ecs=("process.thread.capabilities", OWN)),
    Field("securebits", kinds.U32, "securebits, where not 0", is_member=True, omitted=0,
        unreadable=record.FLAG_BAD_CAPS, condition=NUMBER._replace(absent=0)),
    Field("privileged", kinds.FLAG, "this exec gained privilege: the file is set-user-id or"
        " set-group-id to another id or has file capabilities, and effective ids or permitted"
        " capabilities are others than before. What such a program itself executes, with the"
        " rights it keeps, gained nothing", flag=record.FLAG_PRIVILEGED,
        condition=Condition("flag", "true or false", is_of_event=True)),
    Field("tty", kinds.NAME, "controlling terminal, such as `pts0`. Left out when there is none",
        unreadable=record.FLAG_BAD_TTY, is_bytes=True, condition=SOME_TEXT._replace(note='such as'
        ' `"pts*"`. `true`: has a terminal'), ecs=("process.tty.char_device", OWN),
        ocsf=("process.session.terminal",)),
    Field("start", kinds.TIME, "when the process was created (fork), RFC 3339 UTC. As `time`, with"
        " the offset of the wall clock at the moment of this record: when that clock is set, the"
        " same process has another `start`, here and in `ancestors`. Its `id` stays",
        unreadable=record.FLAG_BAD_START, ecs=("process.start",), ocsf=("process.created_time",)),
    Field("ns", kinds.NAMESPACES, "namespace inode numbers: `mnt`, `pid`, `net`, `user`, `cgroup`,"
        " `uts`, `ipc`", unreadable=record.FLAG_BAD_NS, ecs=("host.pid_ns_ino", OWN)),
    Field("ancestors", kinds.ANCESTORS, "parent first, up to 8: `id`, `pid`, `start`, `comm`, and"
        " `comm_b64`, its exact bytes where it was not valid UTF-8",
        unreadable=record.FLAG_BAD_ANCESTORS, cut=record.FLAG_CUT_ANCESTORS,
        ecs=("process.parent.start", OWN), ocsf=("process.ancestry",)),
    Field("origin", kinds.ID, "`id` of the process whose program forked this one, where that is no"
        " ancestor of it any more: it or a process between the two has ended, so that another"
        " parent took its place (a double fork, `setsid`, `(… &)`). Left out where the kernel side"
        " did not see the fork"),
)  # fmt: skip
