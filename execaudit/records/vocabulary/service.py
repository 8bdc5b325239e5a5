# SPDX-License-Identifier: Apache-2.0
"""Fields of records about losses, limits and the daemon itself.

Owns their declarations, in the order of docs/record.md.
"""

from execaudit.records.vocabulary import kinds
from execaudit.records.vocabulary.field import OWN_OR_TEXT, Field

_SPANS = ("lost", "repair", "summary")
_WITH_REASON = ("lost", "repair", "seal", "program")

LOST = (
    Field("count", kinds.COUNT, "how many", ("lost", "summary"), ("lost", "summary"),
        {"summary": "how many were kept back since the last summary; with `cut_bytes`, how many"
        " were shortened"}, ocsf=("count", OWN_OR_TEXT)),
    Field("reason", kinds.NAME, "`ring` (the ring buffer was full), `recursion` (the kernel skipped"
        " the program), `undecodable` (bytes that are not a record of this version), of the daemon"
        " also `handover` (took place while other programs replaced the old ones),"
        " `crash` (held back to be folded into a `path_search` when the daemon was killed, and not"
        " in the ring buffer any more)", _WITH_REASON, _WITH_REASON,
        {"program": "`first` (no program of this path ran before) or `changed` (it is another"
        " file, or size or change time are others)",
        "seal": "why now: `interval`, `idle`, `start`, `stop`, `reload`, `retention` (before files"
        " are removed), `rotate` (the last line of a file), `begin` (the first one of the next),"
        " `setup` (another chain follows); where other programs did it, `moved`, `emptied` and"
        " `shortened`",
        "repair": "`detached` (a program was not attached any more), `silent` (attached, and it"
        " did not see an exec of the daemon's own), `altered` (settings or rules in the kernel were"
        " not those that were put there), `ring` (a position of the ring buffer was not where it"
        " was left, or what it held was written over)"},
        ecs=("event.reason",), ocsf=("status_code",)),
    Field("first", kinds.TIME, "begin of the time span in which they were lost", _SPANS, _SPANS,
        {"repair": "begin of the time span in which execs may be missing: when it was last known"
        " to work", "summary": "begin of the time span of these"},
        ecs=("event.start",), ocsf=("start_time",)),
    Field("last", kinds.TIME, "end of that time span", _SPANS, _SPANS, {"repair": "end of that"
        " time span: the repair", "summary": "end of that time span"},
        ecs=("event.end",), ocsf=("end_time",)),
    Field("first_missed", kinds.MARK, "`time`, `cpu`, `hook` and `seq` of the first record that the"
        " sink missed, in the order in which it was given them. Only with `sink`, and left out"
        " where the records are not known any more (`crash`)", ("lost",)),
    Field("last_missed", kinds.MARK, "the same of the last record; those between may be of other"
        " processors and hooks, too", ("lost",)),
    Field("cut_bytes", kinds.COUNT, "bytes left out of records ([limits] `bytes_per_user`)",
        ("summary",), meanings={"summary": "bytes of arguments and variables that were left out of"
        " these records, which are there ([limits] `bytes_per_user`)"}),
    Field("sink", kinds.SINK, "`file`, `journal` or `stdout`: captured, but this sink could not"
        " take them (daemon). `reason` is then the sink's, such as `disk_full`, `quota`,"
        " `read_only`, `io_error`, `disk_low`, `unavailable`, `overflow`; `crash` or `closed`: the"
        " sink had taken it and not written it when the run before ended", ("lost",)),
)  # fmt: skip

START = (
    Field("version", kinds.NAME, "of execaudit", ("start",), ("start",)),
    Field("kernel", kinds.NAME, "release of the running kernel", ("start",), ("start",),
        ecs=("host.os.kernel",), ocsf=("device.os.kernel_release",)),
    Field("engine", kinds.ENGINE, "`libbpf` or `bcc`", ("start",), ("start",)),
    Field("failure_hook", kinds.NAME, "how failed execs are seen. Left out when they are not",
        ("start",)),
    Field("failure_hook_error", kinds.TEXT, "why they are not, where the configuration wants them",
        ("start",)),
    Field("cgroups", kinds.NAME, "where control groups of version 1 are in use (legacy or hybrid):"
        " `named`: `cgroup`, `unit` and others come from systemd's own hierarchy"
        " (`name=systemd`); `legacy`: there is none, and they are `unreadable` where version 2 has"
        " nothing to say. Left out otherwise", ("start",)),
    Field("config_hash", kinds.HASH, "SHA-256, in hexadecimal, over all files of configuration and"
        " rules", ("start", "config"), ("start", "config"), {"config": "the same, of the"
        " configuration from here on"}),
    Field("config_error", kinds.TEXT, "what is wrong with the configuration on disk, one mistake a"
        " line. The last one that had none is in force, `config_hash` is of that", ("start",)),
    Field("last_record", kinds.RECORD, "the last whole record that was found in the file: the end"
        " of the run before", ("start",)),
    Field("gap", kinds.GAP, "the time since the run before. Left out on a first start", ("start",)),
    Field("previous", kinds.COUNTS, "counts of the run before, as in its `stop` record, with what"
        " the kernel's rules dropped since. Only where the kernel went on tracing", ("start",)),
)  # fmt: skip

STOP = (
    Field("seen", kinds.COUNT, "events that took place", ("stop",), ("stop",)),
    Field("dropped", kinds.COUNT, "dropped by a rule, in the kernel or in the daemon", ("stop",)),
    Field("limited", kinds.COUNT, "over a rate limit; `summary` records report them", ("stop",)),
    Field("collapsed", kinds.COUNT, "failures that became part of another record, as its"
        " `path_search`", ("stop",)),
    Field("lost", kinds.COUNT, "the sum of all `lost` records but those with `sink`", ("stop",),
        ("stop",)),
    Field("undecodable", kinds.COUNT, "events that were not records of this version; among the"
        " `lost`", ("stop",)),
    Field("checks", kinds.COUNT, "execs of the daemon's own, by which it checked that it sees"
        " execs: not among `seen`, never recorded, and numbered as all others", ("stop",)),
)  # fmt: skip

CONFIG = (
    Field("old_hash", kinds.HASH, "hash of the configuration before, as `config_hash` of `start`",
        ("config",), ("config",)),
)  # fmt: skip

REPAIR = (
    Field("programs", kinds.NAMES, "programs in the kernel that it concerned. Left out where it"
        " works again without a repair", ("repair",)),
)  # fmt: skip

SEAL = (
    Field("epoch", kinds.COUNT, "number of the seal in its chain, from 0, without gaps", ("seal",),
        ("seal",)),
    Field("chain", kinds.SHORT_HASH, "name of the chain, made of its first key. Another follows"
        " where `execaudit seal setup` made another key", ("seal",), ("seal",)),
    Field("file", kinds.TEXT, "name of the file in which it stands, or that this is about to get"
        " (`rotate`)", ("seal",), ("seal",)),
    Field("covers", kinds.COVERS, "what it seals: the `lines` and `bytes` since the seal before,"
        " with the times of the `first` and `last` of them. `apart`: what stands between the seal"
        " before and these lines is not sealed. `missing`: epochs whose seals were made and do not"
        " stand before it, `first` and `last`. `shortened`: another program shortened the file,"
        " `from` so many bytes `to` so many; lines of these may be missing", ("seal",), ("seal",)),
    Field("hash", kinds.HASH, "BLAKE2b of these lines, with their newlines", ("seal",), ("seal",)),
    Field("previous_hash", kinds.HASH, "BLAKE2b of the line of the seal before; zeros in the"
        " first one", ("seal",), ("seal",)),
    Field("removed", kinds.REMOVED, "what retention removed: seals of epochs `before` that one, and"
        " the `files` that are removed since the seal before; `chain` where these seals are of"
        " another chain. Left out where that is nothing",
        ("seal",)),
    Field("events", kinds.COUNTS, "counts since the start, as in `stop`", ("seal",), ("seal",)),
    Field("next_chain", kinds.SHORT_HASH, "name of the chain that follows, with `setup`",
        ("seal",)),
    Field("mac", kinds.HASH, "keyed BLAKE2b of all other members, by the key of the epoch",
        ("seal",)),
    Field("certificate", kinds.CERTIFICATE, "where seals are signed, in the first one of a file"
        " or run: `signature` by the verifying key of the `key` of an hour, the `period` since"
        " 1970, and the `seal_key` that signs this seal", ("seal",)),
    Field("next_key", kinds.HASH, "public key (Ed25519) of the next epoch", ("seal",)),
    Field("signature", kinds.SIGNATURE, "Ed25519 signature of all other members, by the key of the"
        " epoch", ("seal",)),
    Field("endorsement", kinds.SIGNATURE, "the same by the key of the hour, with `certificate`",
        ("seal",)),
)  # fmt: skip
