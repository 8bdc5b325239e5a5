# SPDX-License-Identifier: Apache-2.0
"""Fields of execs and ends: how it ended, what rules say of it, and what is missing.

Owns their declarations, in the order of docs/record.md.
"""

from execaudit.records.vocabulary import kinds
from execaudit.records.vocabulary.field import OWN, Condition, Field
from execaudit.wire import record

_EVENTS = ("exec", "exit")

OUTCOME = (
    Field("result", kinds.RESULT, "`success` or `failure`", ("exec", "repair"), ("exec", "repair"),
        {"repair": "`success`: new programs see execs, or it works again. `failure`: not yet; one"
        " more record says when it does"},
        condition=Condition("result", '"success" or "failure"', is_of_event=True),
        ecs=("event.outcome",), ocsf=("status_id",)),
    Field("errno", kinds.ERRNO, "name of the error, such as `ENOENT`, or `E` and its number where"
        " that has no name (failures)", condition=Condition("errno", 'the name of an error such as'
        ' "ENOENT", or its number', is_of_event=True),
        ecs=("error.code",), ocsf=("status_code",)),
    Field("errno_code", kinds.INTEGER, "number of the error"),
    Field("execveat_flags", kinds.U32, "flags of the execveat call, a number of AT_… bits, where"
        " not 0 (failures)", is_member=True, omitted=0),
    Field("checked", kinds.FLAG, "the call had AT_EXECVE_CHECK: it asked whether the file could be"
        " executed, and would have executed nothing (failures)", flag=record.FLAG_CHECKED,
        condition=Condition("flag", "true or false", is_of_event=True)),
    Field("path_search", kinds.TEXTS, "file names tried for the same command just before, which"
        ' failed: a search along PATH, in one record (`failures = "collapsed"`). Of a failure: all'
        " that were tried, `filename` is the last"),
)  # fmt: skip

RULES = (
    Field("labels", kinds.LABELS, "labels of all rules that matched, in their order", _EVENTS,
        ecs=("tags",), ocsf=("metadata.labels",), column="Array(LowCardinality(String))"),
    Field("severity", kinds.SEVERITY, "the most severe that a matching rule gave: `debug`, `info`,"
        " `notice`, `warning`, `err`, `crit`, `alert`, `emerg`", _EVENTS,
        ecs=("log.level", "event.severity"), ocsf=("metadata.log_level", "severity_id")),
    Field("technique", kinds.TECHNIQUES, "ATT&CK techniques of all rules that matched, such as"
        " `T1059.004`", _EVENTS, ecs=("threat.technique.id",), ocsf=("attacks",),
        column="Array(LowCardinality(String))"),
    Field("rule", kinds.LABELS, "names of the rules that gave any of these, the most severe first",
        _EVENTS, ecs=("rule.name", OWN), column="Array(LowCardinality(String))"),
    Field("first_seen", kinds.FIRST_SEEN, "what this host had not run before, where `[baseline]`"
        " is enabled: `exe` (a program of this path), `file` (it had, and this is"
        " another file or the file was changed), `pair` (the program below a parent of this short"
        " name), `user` (by this `uid`)",
        condition=Condition("first_seen", '"exe", "file", "pair" or "user"', "new to this host in"
        " one of these respects, where there is a [baseline]. Not in its learning period",
        is_of_event=True)),
)  # fmt: skip

MISSING = (
    Field("truncated", kinds.TRUNCATED, "one member for each field that was cut",
        (*_EVENTS, "start"), ocsf=("metadata.is_truncated", OWN)),
    Field("unreadable", kinds.UNREADABLE, "fields the kernel could not read. Such a field is left"
        " out, never shown as empty", (*_EVENTS, "program"), (), {"program": "fields that could"
        " not be read: the service may not read the file, it is in another root directory, too"
        " large, or another one by now; or there is no database of packages"}),
    Field("argv_b64", kinds.EXACT_ELEMENTS, "from the index of an element of `argv` (a string of"
        " digits) to its exact bytes in base64, for elements that were not valid UTF-8 and show"
        " U+FFFD"),
    Field("env_b64", kinds.EXACT_ELEMENTS, "the same for `env`"),
    Field("redacted", kinds.REDACTED, "secrets were replaced by `<redacted:NAME>`: from `argv` or"
        " `env` to an array of the indexes of elements where (daemon)"),
)  # fmt: skip

EXIT = (
    Field("exit_code", kinds.EXIT_CODE, "status given to exit(2), where it was not killed",
        ("exit",), ecs=("process.exit_code",), ocsf=("exit_code", OWN)),
    Field("signal", kinds.SIGNAL, "name of the signal that killed it, such as `SIGKILL` or"
        " `SIG34`", ("exit",), ocsf=("status_code", OWN)),
    Field("core_dumped", kinds.FLAG, "it left a core dump", ("exit",)),
    Field("duration_ns", kinds.COUNT, "nanoseconds since its exec. Left out for programs that"
        " started before tracing did, and for the oldest of more than 65,536 that run at once",
        ("exit",), ecs=("event.duration",), ocsf=("duration", OWN), column="Nullable(UInt64)"),
)  # fmt: skip
