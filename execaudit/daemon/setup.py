# SPDX-License-Identifier: Apache-2.0
"""From a configuration to what it controls: settings of the kernel side, rules, sinks.

Owns building it. A reload builds a whole setup before anything in use changes.
"""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from execaudit.config.configuration import Config, Loaded
from execaudit.config.redactor import make_redactor
from execaudit.config.source import Problem, mistakes_error
from execaudit.daemon.limits import Limit, Limits, Rate
from execaudit.errors import ExecauditError, NotConfigured, failed_call
from execaudit.formats.encoders import AnyEncoder, make_encoder
from execaudit.kernel.capture import Settings
from execaudit.records.host import Host
from execaudit.records.process_commands import FOR_RECORDS, ProcessCommands
from execaudit.records.redact import Redactor
from execaudit.rules.kernel_rules import (
    MOST_KEYS,
    KernelLookups,
    KernelRules,
    translate_rules,
)
from execaudit.sinks.sink import Sink
from execaudit.sinks.table import Encoding, open_sinks

if TYPE_CHECKING:
    from execaudit.baseline.baseline import Baseline
    from execaudit.rules.rule_set import RuleSet

_PATIENCE_S = 5.0  # with a process that is about to end, and has the file
_CGROUPS = (Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/unified"))


def capture_settings(config: Config) -> Settings:
    """Return the settings of the kernel side."""
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
    """Return the names of recorded environment variables, each with its "="."""
    return tuple(os.fsencode(f"{name}=") for name in config.capture.env)


def compile_all(loaded: Loaded) -> "tuple[RuleSet | None, list[Problem]]":
    """Return the rules, None if there are none; and every problem of theirs."""
    if not loaded.rules:
        return None, []
    # Rules need some 30 modules: loaded only if there are rules.
    from execaudit.rules.rule_set import compile_rules  # noqa: PLC0415

    rules, problems = compile_rules(loaded.rules, regex_bytes=loaded.config.limits.regex_bytes)
    return rules, problems


def _kernel_rules(rules: "RuleSet | None") -> tuple[KernelRules, KernelLookups]:
    """Return the part of the rules that the kernel decides, and the programs that it names."""
    root = next((path for path in _CGROUPS if (path / "cgroup.controllers").exists()), _CGROUPS[0])
    programs = KernelLookups(root)
    return translate_rules(rules.rules if rules else (), programs), programs


class Setup:
    """All that a configuration controls, ready for use."""

    def __init__(
        self,
        *,
        loaded: Loaded,
        rules: "RuleSet | None",  # None where there are none
        limits: Limits | None,  # None where nothing is limited
        redactor: Redactor | None,  # None where nothing is redacted
        baseline: "Baseline | None" = None,  # None where none is kept
        encoders: list[AnyEncoder],  # of the sinks
        sinks: list[Sink],
        changes: list[Callable[[], None]],  # of what goes on, for when this comes into force
    ) -> None:
        self.loaded = loaded
        self.config_error = ""  # what is wrong on disk, where an earlier configuration is used
        self.rules = rules
        # The part of the rules that the kernel decides, and the programs that it names, which are
        # closed once these rules are no longer in force.
        self.kernel, self.programs = _kernel_rules(rules)
        self.limits = limits
        self.redactor = redactor
        self.baseline = baseline
        self.collapses = loaded.config.capture.failures == "collapsed"
        self.encoders = encoders
        self.sinks = sinks
        self.closing: list[Sink] = []  # of the setup before, not closed yet
        self.changes = changes

    @property
    def config(self) -> Config:
        """The configuration."""
        return self.loaded.config

    @property
    def wants_programs(self) -> bool:
        """True if rules ask which programs run above an exec."""
        return self.rules is not None and self.rules.wants_programs

    def undelivered(self) -> dict[str, int]:
        """Return by sink how many records wait there, or are lost without a record of that."""
        counts: dict[str, int] = {}
        for sink in (*self.sinks, *self.closing):
            counts[sink.name] = counts.get(sink.name, 0) + sink.undelivered
        return counts

    def use_commands(self, commands: ProcessCommands) -> None:
        """Let rules look up commands of processes, and records show them as configured."""
        commands.show(self.redactor, self.config.capture.pcmdline_bytes)
        commands.set_bounds(FOR_RECORDS)
        if self.rules is not None:
            self.rules.share_commands(commands)

    def kernel_keys(self) -> dict[tuple[int, int, int], int]:
        """Return the keys of the kernel's rules, as `Capture.set_rules` takes them."""
        return {(int(key.kind), key.a, key.b): rule for key, rule in self.kernel.keys.items()}

    def refresh_kernel_rules(self) -> KernelLookups:
        """Look again for what the kernel's rules name; return the old programs, to be closed."""
        old = self.programs
        self.kernel, self.programs = _kernel_rules(self.rules)
        return old

    def follow_host(self) -> None:
        """Make encoders forget texts with the host's old name, clock or users."""
        for encoder in self.encoders:
            encoder.follow_host()


def _build_limits(config: Config) -> Limits | None:
    by_field = {
        name: Limit(Rate(rate.count / rate.per_s, rate.burst))
        for name, rate in (("uid", config.limits.per_uid), ("unit", config.limits.per_unit))
        if rate is not None
    }
    rate = config.limits.bytes_per_user
    if rate is None:
        return Limits(by_field) if by_field else None
    volume = Rate(rate.count / rate.per_s, rate.burst)
    return Limits(by_field, {"auid": Limit(volume), "uid": Limit(volume)})


def _build_redactor(config: Config) -> Redactor | None:
    redact = config.redact
    if not redact.enabled:
        return None
    return make_redactor(redact, _read_key(redact.hmac_key) if redact.hmac_key else None)


def _open_baseline(
    config: Config, host: Host, old: "Setup | None", changes: list[Callable[[], None]]
) -> "Baseline | None":
    """Return the baseline, None if it is off; `old` lends its own if the path is the same.

    What that changes is added to `changes`.
    """
    section = config.baseline
    if not section.enabled:
        return None
    # Most hosts keep none.
    from execaudit.baseline.baseline import Baseline  # noqa: PLC0415
    from execaudit.baseline.programs import ProgramReader  # noqa: PLC0415

    before = old.baseline if old is not None else None
    if before is not None and before.path == section.path:
        changes.append(partial(before.configure, section.learning, reads_programs=section.programs))
        return before
    baseline = Baseline(section.path, section.learning, ProgramReader(host))
    baseline.reads_programs = section.programs
    return baseline


def _read_key(name: str) -> bytes:
    """Return a key from a systemd credential, or from a file that only its owner can read.

    Raises ExecauditError.
    """
    directory = os.environ.get("CREDENTIALS_DIRECTORY", "")
    if not name.startswith("/") and not directory:
        raise NotConfigured(
            f"Failed to read key '{name}' (redact.hmac_key): this process has no credentials of"
            " systemd; set LoadCredential= in its unit, or give a path"
        )
    path = Path(directory) / name
    try:
        if name.startswith("/") and path.stat().st_mode & 0o077:
            raise NotConfigured(
                f"Failed to use key '{path}' (redact.hmac_key): others can read it; chmod 600"
            )
        key = path.read_bytes().strip()
    except OSError as error:
        raise failed_call(f"read key '{path}' (redact.hmac_key)", error, NotConfigured) from error
    if len(key) < 16:
        raise ExecauditError(f"Failed to use key '{path}' (redact.hmac_key): under 16 bytes")
    return key


def build_setup(loaded: Loaded, host: Host, old: Setup | None = None) -> Setup:
    """Build all that a configuration controls; sinks of `old` that still fit go on.

    Raises ExecauditError, one problem a line; nothing new stays open then.
    """
    rules, rule_problems = compile_all(loaded)
    if loaded.problems or rule_problems:
        raise mistakes_error([*loaded.problems, *rule_problems])
    config = loaded.config
    redactor = _build_redactor(config)
    encoders: dict[Encoding, AnyEncoder] = {}

    def encoder_of(encoding: Encoding) -> AnyEncoder:
        if encoding not in encoders:
            encoders[encoding] = make_encoder(
                encoding.format,
                host,
                config.journal.identifier,
                encoding.max_line_bytes,
                encoding.fields,
            )
        return encoders[encoding]

    running, patience_s = (old.sinks, 0.0) if old is not None else ((), _PATIENCE_S)
    sinks, changes = open_sinks(config, encoder_of, running, patience_s)
    return Setup(
        loaded=loaded,
        rules=rules,
        limits=_build_limits(config),
        redactor=redactor,
        baseline=_open_baseline(config, host, old, changes),
        encoders=list(encoders.values()),
        sinks=sinks,
        changes=changes,
    )
