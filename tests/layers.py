# SPDX-License-Identifier: Apache-2.0
"""The layers of execaudit: a module imports only from lower ones (tests/unit/test_layers.py)."""

_BY_LAYER: dict[int, str] = {
    0: "__init__ background color config.__init__ config.toml_places daemon.__init__"
    " daemon.collapse daemon.handover.__init__ digest records.durations daemon.handover.duplicates"
    " daemon.limits daemon.log daemon.notify doctor.__init__ engine.__init__"
    " errors formats.__init__ formats.capabilities formats.slots kernel.__init__"
    " kernel.ring wire.event"
    " options postpone records.__init__ records.cgroup records.command records.encoder"
    " records.quoting"
    " records.secret_patterns records.text rules.__init__ rules.decision rules.fields"
    " rules.regex_tree rules.wildcards"
    " sinks.__init__ sinks.accounting sinks.backlog sinks.clock sinks.disk_space"
    " sinks.rotation trace.__init__ wire.__init__ wire.record",
    1: "config.toml_text daemon.handover.checkpoint daemon.handover.descriptor_store"
    " daemon.selfcheck.__init__ daemon.selfcheck.canary daemon.status doctor.check"
    " formats.schema formats.zstd_file engine.headers kernel.libbpf"
    " engine.locations records.redact rules.regex_cost rules.values sinks.compression"
    " sinks.log_file trace.arguments trace.filters wire.decode records.users",
    2: "records.host config.problem config.values doctor.installed doctor.preflight kernel.btf"
    " records.view rules.carried rules.patterns sinks.generations"
    " sinks.journal_socket sinks.log_tail trace.table wire.area",
    3: "records.streams records.fragments wire.recording wire.whole"
    " config.keys config.quantities config.source config.trust config.words daemon.overview"
    " kernel.hooks engine.offsets records.fields rules.images rules.text_conditions"
    " sinks.live_file",
    4: "config.files config.schema daemon.outlets doctor.trials engine.bcc_engine"
    " engine.libbpf_engine"
    " formats.template formats.trim records.events records.exits records.journal records.lost"
    " records.place records.redact_record rules.conditions sinks.file sinks.stdout",
    5: "config.coherence config.merge doctor.engine_trials formats.ecs formats.entries"
    " formats.ocsf"
    " kernel.capture records.encode_exits records.encode_journal rules.tables rules.tree"
    " sinks.journal",
    6: "engine.choice"
    " config.configuration doctor.report formats.lines records.encode rules.index"
    " rules.proc_record rules.source",
    7: "daemon.handover.description"
    " config.effective formats.convert records.pipeline rules.kernel_rules rules.shared",
    8: "daemon.handover.adoption rules.programs rules.residue trace.follow trace.quick_filter",
    9: "daemon.handover.previous_run daemon.selfcheck.tracing_check rules.rule_set trace.verb",
    10: "daemon.forms daemon.judge rules.host_rules",
    11: "config.verb daemon.stage",
    12: "daemon.build",
    13: "daemon.control daemon.meters daemon.telling rules.verb",
    14: "cli daemon.flow",
    15: "__main__ daemon.start",
    17: "daemon.loop",
}

LAYERS = {name: layer for layer, names in _BY_LAYER.items() for name in names.split()}
"""Layer of each module, by its name below execaudit."""

WITHIN_A_LAYER: set[tuple[str, str]] = set()
"""(importing, imported) pairs that are allowed although both are in one layer."""
