# SPDX-License-Identifier: Apache-2.0
"""JSON Schema (2020-12) of the lines in each format; `execaudit schema` prints it.

Owns finding the files in execaudit/schemas. The record's schema is made from the vocabulary. Its
`$id` has its version, and it is complete: no other members occur. The schemas of ECS and OCSF cover
the parts that we use.
"""

import argparse
import json
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
    """Print the schema; return the exit status."""
    print(json.dumps(load_schema(args.format), indent=2, ensure_ascii=False))
    return EXIT_OK
