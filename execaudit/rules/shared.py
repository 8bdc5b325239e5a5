# SPDX-License-Identifier: Apache-2.0
"""What all deciding of one rule set has in common.

Owns how several rules add up to one decision, and the counts. It looks at no record.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from execaudit.config.words import SEVERITIES
from execaudit.rules.carried import Carried
from execaudit.rules.decision import Decision
from execaudit.rules.index import ArgumentsTable, Bits, FieldTable
from execaudit.rules.source import Rule
from execaudit.rules.tree import Literal
from execaudit.wire import record

_DECISIONS_KEPT = 4096
_SHAPES_KEPT = 1024
_FLAGS = record.FLAG_PRIVILEGED | record.FLAG_CWD_DELETED


@dataclass(slots=True)
class Shared:
    """What all residues of one rule set have in common.

    Attributes:
        rules: in order.
        rule_of: index of the rule of each term.
        all_terms: a bit for each term.
        event_bits: terms that ask for something of EVENT_FIELDS.
        text_bits: terms that ask for arguments or environment.
        texts: what each term asks of these.
        tables: by field, what it lets through; EVENT_FIELDS other than text.
        arguments: which terms an argument block may satisfy.

    """

    rules: tuple[Rule, ...]
    rule_of: tuple[int, ...]
    all_terms: Bits
    event_bits: Bits
    text_bits: Bits
    texts: tuple[tuple[Literal, ...], ...]
    tables: dict[str, FieldTable]
    arguments: ArgumentsTable
    hits: list[int] = field(init=False)
    undecided: list[int] = field(init=False)
    carried: Carried = field(init=False)
    decisions: dict[tuple[tuple[int, ...], tuple[int, ...]], Decision] = field(init=False)
    shapes: dict[int, Bits] = field(init=False)

    def __post_init__(self) -> None:
        """Set up what is gathered while deciding."""
        self.hits = [0] * len(self.rules)
        self.undecided = [0] * len(self.rules)
        self.carried = Carried(any(rule.descendants for rule in self.rules))
        self.decisions = {}
        self.shapes = {}

    def decision(self, rules: tuple[int, ...], undecided: tuple[int, ...] = ()) -> Decision:
        """The decision that rules in order, of which the last may end it, come to."""
        known = self.decisions.get((rules, undecided))
        if known is not None:
            return known
        chosen = [self.rules[index] for index in rules]
        ends = bool(chosen) and chosen[-1].action != "label"
        severities = [SEVERITIES.index(rule.severity) for rule in chosen if rule.severity]
        made = Decision(
            chosen[-1].action if ends else "keep",
            tuple(dict.fromkeys(label for rule in chosen for label in rule.labels)),
            SEVERITIES[max(severities)] if severities else "",
            rules[-1] if ends else None,
            rules,
            undecided,
        )
        if len(self.decisions) >= _DECISIONS_KEPT:
            self.decisions.clear()
        self.decisions[rules, undecided] = made
        return made

    def shape(self, flags: int, error: int, argc: int) -> Bits:
        """Terms that an exec's flags, error and number of arguments let through."""
        tables = self.tables
        count = argc if "argc" in tables else 0
        key = (flags & _FLAGS) << 64 | -error << 32 | count
        known = self.shapes.get(key)
        if known is None:
            known = self.shape_of(
                {
                    "argc": argc,
                    "result": "failure" if error else "success",
                    "errno": -error if error else None,
                    "privileged": bool(flags & record.FLAG_PRIVILEGED),
                    "cwd_deleted": bool(flags & record.FLAG_CWD_DELETED),
                }
            )
            if len(self.shapes) >= _SHAPES_KEPT:
                self.shapes.clear()
            self.shapes[key] = known
        return known

    def shape_of(self, values: Mapping[str, Any]) -> Bits:
        """The same for values by field."""
        bits = self.all_terms
        for name, table in self.tables.items():
            bits &= table[values[name]]
        return bits
