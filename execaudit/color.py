# SPDX-License-Identifier: Apache-2.0
"""When output is colored. Owns the choice, not the colors."""

from collections.abc import Mapping


def wants_color(choice: str, *, is_terminal: bool, environ: Mapping[str, str]) -> bool:
    """Decide on colors from `--color auto|always|never`, NO_COLOR (no-color.org) and TERM."""
    if choice != "auto":
        return choice == "always"
    return is_terminal and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"
