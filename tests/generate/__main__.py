# SPDX-License-Identifier: Apache-2.0
"""Write all that is made from the code's tables: `./dev generate`, then read the difference.

With --check nothing is written, and the exit status is 1 where something would be.
"""

import sys

from tests.generate.outputs import stale


def main(arguments: list[str]) -> int:
    """Write, or check; return the exit status."""
    is_check = arguments == ["--check"]
    found = 0
    for path, text in stale():
        found += 1
        print(path)
        if not is_check:
            path.write_text(text)
    return 1 if found and is_check else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
