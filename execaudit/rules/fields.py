# SPDX-License-Identifier: Apache-2.0
"""Which fields a rule can ask for, and what kind of condition each takes.

Owns names for what conditions are made of. The fields themselves are those of the vocabulary.
"""

from execaudit.records.vocabulary import CONDITIONS as FIELDS
from execaudit.records.vocabulary import Condition as Field

__all__ = ["ACTIONS", "COMM_BYTES", "FIELDS", "NESTED", "RESULTS", "TYPES", "Field"]

NESTED = tuple(dict.fromkeys(name.partition(".")[0] for name in FIELDS if "." in name))
"""Names before a dot, which TOML makes tables of."""

COMM_BYTES = 15
"""What the kernel keeps of a short name: TASK_COMM_LEN without its NUL, include/linux/sched.h."""

TYPES = ("exec", "exit")
RESULTS = ("success", "failure")
ACTIONS = ("drop", "keep", "label")
