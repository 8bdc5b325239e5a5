# SPDX-License-Identifier: Apache-2.0
"""JSON Schema (2020-12) of what is written, in each format; `execaudit schema` prints it.

Owns finding the files in execaudit/schemas. The record's is made from the vocabulary; it is
versioned by its `$id` and complete: members that it does not name do not occur. The schemas of
ECS and OCSF cover what we use of them; the full ones have more.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from execaudit.errors import EXIT_OK

_FOLDER = Path(__file__).resolve().parents[1] / "schemas"


def load_schema(name: str) -> dict[str, Any]:
    """Return the schema of a format's lines, complete in itself."""
    schema: dict[str, Any] = json.loads((_FOLDER / f"{name}.json").read_bytes())
    if name != "execaudit":  # they hold what they leave to the record's vocabulary
        schema["$defs"] = load_schema("execaudit")["$defs"]
    return schema


def run(args: argparse.Namespace) -> int:
    """Print it."""
    print(json.dumps(load_schema(args.format), indent=2, ensure_ascii=False), file=sys.stdout)
    return EXIT_OK
