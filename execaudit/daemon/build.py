# SPDX-License-Identifier: Apache-2.0
"""From configuration to working parts: settings of the kernel side, sinks, stage.

Owns what each key of the configuration switches. A reload builds all of it anew before anything in
use is touched.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from execaudit.config.configuration import Config, Loaded
from execaudit.config.schema import File, Journal, Stdout
from execaudit.daemon.collapse import Collapser
from execaudit.daemon.limits import Limit, Rate
from execaudit.daemon.outlets import Outlet
from execaudit.daemon.stage import Stage
from execaudit.errors import ExecauditError, NotConfigured
from execaudit.kernel.capture import Settings
from execaudit.records.host import Host
from execaudit.records.redact import Redactor
from execaudit.records.secret_patterns import PATTERNS, Pattern
from execaudit.rules.kernel_rules import MOST_KEYS, KernelRules, translate_rules
from execaudit.rules.programs import Programs, kernel_lookups
from execaudit.sinks.selection import Selection
from execaudit.sinks.sink import Sink
from execaudit.sinks.table import Change, Encoding, open_sinks

if TYPE_CHECKING:
    from execaudit.rules.rule_set import RuleSet

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
    from execaudit.rules.proc_record import running_images  # noqa: PLC0415

    rules, problems = compile_here(loaded.rules, loaded.config.limits.regex_bytes)
    if rules is not None and rules.wants_images:
        for image in running_images():
            rules.images.remember_running(*image)
    return rules, [str(problem) for problem in problems]


def kernel_rules(rules: "RuleSet | None") -> tuple[KernelRules, Programs]:
    """The part of the rules that the kernel decides, and the programs that it is about."""
    programs = Programs()
    root = next((path for path in _CGROUPS if (path / "cgroup.controllers").exists()), _CGROUPS[0])
    return translate_rules(rules.rules if rules else (), kernel_lookups(programs, root)), programs


class _FinishedEntries:
    """Stands for an encoder until the loop hands events to the sinks: the stage has encoded."""

    def __init__(self, encoding: Encoding) -> None:
        self.format = encoding.format

    def encode(self, event: Any) -> Any:
        return event

    def encode_fields(self, fields: Any) -> Any:
        return fields


def build_sinks(config: Config, old: "Parts | None" = None) -> tuple[list[Sink[Any]], list[Change]]:
    """The sinks that are on, and what changes those taken over once the configuration is in force.

    Raises ExecauditError where one can not be used at all.
    """
    running = old.sinks if old else []
    return open_sinks(config, _FinishedEntries, running, 0 if old else _PATIENCE_S)


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
    programs: Programs  # those of the kernel's rules; closed after these are not in force any more
    sinks: list[Sink[Any]]
    changes: list[Change]
    stage: Stage


def build_stage(
    config: Config,
    host: Host,
    sinks: list[Sink[Any]],
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
