# SPDX-License-Identifier: Apache-2.0
"""What rules decide about a record: the form of the answer, without any rules."""

from typing import NamedTuple


class Decision(NamedTuple):
    """What becomes of a record.

    Attributes:
        action: "drop" or "keep".
        labels: to add, in the order of the rules.
        severity: the most severe that a rule gave, "" for none.
        rule: index of the rule that decided; None where none did, which keeps.
        rules: indices of all that had a part in it, labelling ones too.
        undecided: rules that could not be decided as a text was cut.

    """

    action: str
    labels: tuple[str, ...] = ()
    severity: str = ""
    rule: int | None = None
    rules: tuple[int, ...] = ()
    undecided: tuple[int, ...] = ()


NOTHING = Decision("keep")
"""No rule had anything to say."""
