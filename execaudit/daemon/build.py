# SPDX-License-Identifier: Apache-2.0
"""From configuration to working parts: settings of the kernel side, sinks, stage.

Owns what each key of the configuration switches. A reload builds all of it anew before anything in
use is touched.
"""

import grp
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from execaudit.config.configuration import Config, Loaded
from execaudit.config.schema import File, Journal, Stdout
from execaudit.daemon.collapse import Collapser
from execaudit.daemon.limits import Limit, Rate
from execaudit.daemon.outlets import Outlet, Selection
from execaudit.daemon.stage import Stage
from execaudit.errors import ExecauditError, NotConfigured
from execaudit.formats.lines import FORMATS
from execaudit.kernel.capture import Settings
from execaudit.records.host import Host
from execaudit.records.redact import Redactor
from execaudit.records.secret_patterns import PATTERNS, Pattern
from execaudit.rules.kernel_lookups import PinnedPrograms, kernel_lookups
from execaudit.rules.kernel_rules import MOST_KEYS, KernelRules, translate_rules
from execaudit.sinks.compression import find_compressor
from execaudit.sinks.disk_space import Thresholds
from execaudit.sinks.file import FileSink
from execaudit.sinks.journal import JournalSettings, JournalSink
from execaudit.sinks.live_file import FileSettings
from execaudit.sinks.rotation import Limits
from execaudit.sinks.stdout import StdoutSink

if TYPE_CHECKING:
    from execaudit.rules.rule_set import RuleSet

Sink = FileSink | JournalSink | StdoutSink

Change = Callable[[], None]

_PATIENCE_S = 5.0  # with a process that is about to end, and has the file
_CGROUPS = (Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/unified"))


def capture_settings(config: Config) -> Settings:
    """What the kernel side is to do."""
    capture = config.capture
    return Settings(
        ring_bytes=capture.ring_bytes,
        argv_bytes=capture.argv_bytes,
        failures="" if capture.failures == "none" else capture.failure_hook,
        needs_failures=False,  # successes alone are worth logging
        exits=capture.exits,
        rules=MOST_KEYS,
    )


def env_names(config: Config) -> tuple[bytes, ...]:
    """Names of recorded environment variables, each with its "="."""
    return tuple(os.fsencode(f"{name}=") for name in config.capture.env)


def compile_all(loaded: Loaded) -> "tuple[RuleSet | None, list[str]]":
    """The rules, or every problem as a line; None where there are no rules."""
    if not loaded.rules:
        return None, []
    # What rules take, some 30 modules, is loaded where there are any.
    from execaudit.rules.host_rules import compile_here  # noqa: PLC0415
    from execaudit.rules.proc_record import running_programs  # noqa: PLC0415

    rules, problems = compile_here(loaded.rules, loaded.config.limits.regex_bytes)
    if rules is not None and rules.wants_programs:
        for program in running_programs():
            rules.programs.remember_running(*program)
    return rules, [str(problem) for problem in problems]


def kernel_rules(rules: "RuleSet | None") -> tuple[KernelRules, PinnedPrograms]:
    """The part of the rules that the kernel decides, and the programs that it is about."""
    programs = PinnedPrograms()
    root = next((path for path in _CGROUPS if (path / "cgroup.controllers").exists()), _CGROUPS[0])
    return translate_rules(rules.rules if rules else (), kernel_lookups(programs, root)), programs


def build_sinks(config: Config, old: "Parts | None" = None) -> tuple[list[Sink], list[Change]]:
    """The sinks that are on, and what changes those taken over once the configuration is in force.

    One that is on already goes on, with all that it counts and holds; a file in another place is
    another sink. Raises ExecauditError where one can not be used at all.
    """
    running: dict[str, Sink] = {sink.name: sink for sink in old.sinks} if old else {}
    sinks: list[Sink] = []
    changes: list[Change] = []
    try:
        for name, build in (("file", _file_sink), ("journal", _journal_sink), ("stdout", _stdout)):
            if getattr(config, name).enabled:
                sink, change = build(config, running.get(name), _PATIENCE_S if old is None else 0)
                sinks.append(sink)
                changes.append(change)
    except ExecauditError:
        for sink in sinks:
            if sink not in running.values():
                sink.close()
        raise
    return sinks, changes


def _file_sink(config: Config, before: Sink | None, patience_s: float) -> tuple[Sink, Change]:
    settings = _file_settings(config)
    form = FORMATS[config.file.format].form
    if isinstance(before, FileSink) and before.path == settings.path:
        if settings.compress != "none":
            find_compressor(settings.compress)  # raises now, not when it is too late
        return before, lambda: before.configure(settings, form)
    return FileSink(settings, form=form, patience_s=patience_s), _no_change


def _journal_sink(config: Config, before: Sink | None, _: float) -> tuple[Sink, Change]:
    settings = JournalSettings(config.journal.queue_bytes)
    if isinstance(before, JournalSink):
        return before, lambda: before.configure(settings)
    return JournalSink(settings), _no_change


def _stdout(config: Config, before: Sink | None, _: float) -> tuple[Sink, Change]:
    form = FORMATS[config.stdout.format].form
    if isinstance(before, StdoutSink):
        return before, lambda: before.configure(form)
    return StdoutSink(form=form), _no_change


def _no_change() -> None:
    """Nothing: the sink is new."""


def _file_settings(config: Config) -> FileSettings:
    file = config.file
    gid = None
    if file.group:
        try:
            gid = grp.getgrnam(file.group).gr_gid
        except KeyError:
            raise NotConfigured(
                f"Failed to use group '{file.group}' (file.group): no such group on this host"
            ) from None
    return FileSettings(
        path=file.path,
        mode=file.mode,
        gid=gid,
        max_file_bytes=file.max_file_bytes,
        max_age_s=file.max_age,
        limits=Limits(file.num_logs, file.keep_age, file.keep_bytes),
        compress=file.compress,
        fsync=file.fsync,
        fsync_interval_s=file.fsync_interval,
        thresholds=Thresholds(
            file.space_left,
            file.space_left_action,
            file.space_low,
            file.space_low_action,
            file.disk_full_action,
        ),
    )


def _selection(section: File | Journal | Stdout) -> Selection | None:
    if not section.labels and not section.min_severity:
        return None
    return Selection(frozenset(section.labels), section.min_severity)


def _outlet(section: File | Journal | Stdout) -> Outlet:
    if isinstance(section, Journal):
        return Outlet("journal", _selection(section))
    return Outlet(section.format, _selection(section), section.max_line_bytes)


@dataclass(slots=True)
class Parts:
    """What a configuration gives, ready to be swapped in."""

    loaded: Loaded
    rules: "RuleSet | None"
    kernel: KernelRules
    programs: (
        PinnedPrograms  # those of the kernel's rules; closed after these are not in force any more
    )
    sinks: list[Sink]
    changes: list[Change]
    stage: Stage


def build_stage(
    config: Config,
    host: Host,
    sinks: list[Sink],
    rules: "RuleSet | None",
    redactor: Redactor | None,
) -> Stage:
    """The stage for these sinks."""
    outlets = [_outlet(getattr(config, sink.name)) for sink in sinks]
    limits = {
        name: Limit(Rate(rate.count / rate.per_s, rate.burst))
        for name, rate in (("uid", config.limits.per_uid), ("unit", config.limits.per_unit))
        if rate is not None
    }
    return Stage(
        host,
        env_names(config),
        outlets,
        rules=rules,
        redactor=redactor,
        collapser=Collapser() if config.capture.failures == "collapsed" else None,
        limits=limits,
        identifier=config.journal.identifier,
    )


def _build_redactor(config: Config) -> Redactor | None:
    redact = config.redact
    if not redact.enabled:
        return None
    patterns = [pattern for pattern in PATTERNS if pattern.name not in redact.disable]
    patterns += [Pattern(pattern.name, pattern.regex) for pattern in redact.pattern]
    return Redactor(patterns, _read_key(redact.hmac_key) if redact.hmac_key else None)


def _read_key(name: str) -> bytes:
    """A key from a systemd credential, or from a file that only its owner can read."""
    directory = os.environ.get("CREDENTIALS_DIRECTORY", "")
    path = Path(name) if name.startswith("/") else Path(directory) / name
    try:
        if name.startswith("/") and path.stat().st_mode & 0o077:
            raise NotConfigured(
                f"Failed to use key '{path}' (redact.hmac_key): others can read it; chmod 600"
            )
        key = path.read_bytes().strip()
    except OSError as error:
        raise NotConfigured(
            f"Failed to read key '{path}' (redact.hmac_key): {error.strerror}"
        ) from error
    if len(key) < 16:
        raise ExecauditError(f"Failed to use key '{path}' (redact.hmac_key): under 16 bytes")
    return key


def build_parts(loaded: Loaded, host: Host, old: Parts | None = None) -> Parts:
    """Everything a configuration gives; sinks whose section did not change are taken over.

    Raises ExecauditError, one problem a line; nothing that was opened for it stays open then.
    """
    rules, rule_problems = compile_all(loaded)
    problems = list(dict.fromkeys([*map(str, loaded.problems), *rule_problems]))
    if problems:
        raise NotConfigured("\n".join(problems))
    redactor = _build_redactor(loaded.config)
    sinks, changes = build_sinks(loaded.config, old)
    stage = build_stage(loaded.config, host, sinks, rules, redactor)
    return Parts(loaded, rules, *kernel_rules(rules), sinks, changes, stage)


def kernel_keys(parts: Parts) -> dict[tuple[int, int, int], int]:
    """The keys of the kernel's rules, as `Capture.set_rules` takes them."""
    return {(int(key.kind), key.a, key.b): rule for key, rule in parts.kernel.keys.items()}
