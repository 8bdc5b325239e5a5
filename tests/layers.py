# SPDX-License-Identifier: Apache-2.0
"""The layers of execaudit: a module imports only from lower ones (tests/unit/test_layers.py)."""

_BY_LAYER: dict[int, str] = {
    # What everything may know: errors, the wire, the options.
    0: "__init__ errors record options engine.__init__ quoting command text cgroup ring host"
    " toml_places digest rule_fields wildcards regex_tree",
    # One job each, on bytes, text or the kernel.
    1: "libbpf locations headers decode arguments check filters recording toml_text"
    " rule_values regex_cost",
    # Kernel side: type information. User side: from bytes to fields.
    2: "btf area table installed preflight values problem patterns carried",
    3: "hooks offsets fields quantities words keys source trust text_conditions images",
    # The two engines; encoding. All keys of the configuration; its files.
    4: "engine.libbpf engine.bcc encode exits lost trials schema config_files conditions",
    # The kernel side as one thing; a batch through all steps. What the files say.
    5: "capture pipeline engine_trials merge rule_tables coherence rule_tree",
    # The loop; the report. The configuration as the program uses it.
    6: "follow doctor config rule_source rule_index proc_record",
    7: "trace effective decision kernel_rules",
    8: "residue",
    9: "rules",
    # Rules with what this host knows; the verbs.
    10: "host_rules",
    11: "config_check",
    12: "rules_verb",
    13: "cli",
    14: "__main__",
}

_SINKS: dict[int, str] = {
    0: "accounting background clock disk_space rotation",
    1: "compression log_file",
    2: "fragments generations journal_socket log_tail",
    3: "live_file",
    4: "journal sink_file sink_stdout",
    5: "encode_journal sink_journal",
}

_DAEMON: dict[int, str] = {
    0: "limits log notify redact",
    1: "status",
    4: "collapse events place redact_record",
    # What is done with each record; what a configuration means; the loop; talking to it.
    10: "stage",
    11: "build",
    12: "meters control",
    13: "daemon",
}

LAYERS = {
    name: layer
    for by_layer in (_BY_LAYER, _SINKS, _DAEMON)
    for layer, names in by_layer.items()
    for name in names.split()
}
"""Layer of each module, by its name below execaudit."""

WITHIN_A_LAYER: set[tuple[str, str]] = set()
"""(importing, imported) pairs that are allowed although both are in one layer."""
