# SPDX-License-Identifier: Apache-2.0
"""Print each phrase that CONTRIBUTING.md, "Language", rules out: its place, what to write."""

import sys
import tomllib
from bisect import bisect_right
from pathlib import Path

from proselint.checks import archaism, malapropisms, nonwords
from proselint.checks.industrial_language import bureaucratese
from proselint.checks.redundancy import misc as redundancy
from proselint.registry.checks import Check, types

from tests.prose.texts import texts

_ROOT = Path(__file__).parents[2]
_MODULES = (archaism, malapropisms, nonwords, bureaucratese, redundancy)


def _checks() -> list[Check]:
    """Return proselint's checks that fit technical text, and ours from phrases.toml."""
    groups = tomllib.loads((Path(__file__).parent / "phrases.toml").read_text(encoding="utf-8"))
    ours = [
        Check(
            check_type=types.PreferredForms(
                items={phrase.replace(" ", r"\s+"): instead for phrase, instead in phrases.items()}
            ),
            path=f"execaudit.{group}",
            message="Write “{}” instead of “{}”.",
        )
        for group, phrases in groups.items()
    ]
    return [*ours, *(check for module in _MODULES for check in module.__register__)]


def main() -> int:
    """Check all texts of the project; return 1 where something was found."""
    checks = _checks()
    found = 0
    for path, text in texts(_ROOT):
        ends = [place for place, char in enumerate(text) if char == "\n"]
        for check in checks:
            for result in check.check_with_flags(f" {text}"):
                # The padding takes the character before the phrase, which may end the line above.
                start = result.span[0] - 1
                start += len(text[start:]) - len(text[start:].lstrip()) if start >= 0 else 1
                if text[max(start - 1, 0)] == "-":  # half of a compound: boot-time clock
                    continue
                message = " ".join(result.message.split())
                print(f"{path.relative_to(_ROOT)}:{bisect_right(ends, start) + 1}: {message}")
                found += 1
    if found:
        print(f"prose: {found} phrases; CONTRIBUTING.md, “Language”, says why", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
