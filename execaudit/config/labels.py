# SPDX-License-Identifier: Apache-2.0
"""Labels and severities: what rules give to records and sinks select by."""

import re

from execaudit.config.values import Choice, ListOf, Text

SEVERITIES = ("debug", "info", "notice", "warning", "err", "crit", "alert", "emerg")
"""syslog's, least first."""

SEVERITY = Choice(SEVERITIES, empty="any")

LABEL = Text(
    re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}"),
    'a label: up to 64 letters, digits, "_", ".", ":" and "-"',
)
LABELS = ListOf(LABEL, "labels")
