# SPDX-License-Identifier: Apache-2.0
"""The account after an answer, on standard error: what could not be read, and what is missing."""

import argparse
import json
import sys
import time

from execaudit.query.completeness_text import describe
from execaudit.store.broken import Broken
from execaudit.store.completeness import Completeness


def print_account(
    args: argparse.Namespace, broken: Broken, completeness: Completeness, found: int
) -> None:
    """Print the account as the options `summary` and `quiet` want it."""
    for text in broken.named:
        print(f"execaudit: {text}", file=sys.stderr)
    if broken.lines > len(broken.named):
        print(f"execaudit: {broken.lines} lines are no records", file=sys.stderr)
    now_ns = time.time_ns()
    if args.summary:
        account = completeness.as_json(now_ns, broken) | {"found": found}
        print(json.dumps(account), file=sys.stderr)
    elif not args.quiet:
        print(f"execaudit: {describe(completeness, broken, now_ns)}", file=sys.stderr)
