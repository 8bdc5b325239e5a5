# SPDX-License-Identifier: Apache-2.0
"""Make the golden recordings again, of real execs in a guest: `python -m tests.golden.record`.

Needed when the wire format changes. A guest knows nothing of the machine that it runs on, so that
neither do its recordings. Afterwards `./dev golden`, and read the difference.
"""

import base64
import io
import sys
import tarfile

from tests.golden.files import FOLDER, make_lines
from tests.machine import guest

_COMMAND = "hostname golden; cd /srv/execaudit && PYTHONPATH=$PWD python3 tests/golden/workload.py"


def main() -> int:
    result = guest.run("bookworm", _COMMAND, timeout_s=600, show=True)
    if result.status != 0:
        print(result.console[-2000:])
        return 1
    with tarfile.open(fileobj=io.BytesIO(base64.b64decode(result.result))) as tar:
        files = {member.name: tar.extractfile(member) for member in tar.getmembers()}
        content = {name: file.read() for name, file in files.items() if file}
    for name, raw in content.items():
        if name.endswith(".recording"):
            (FOLDER / name).write_bytes(raw)
            lines = content[name.replace(".recording", ".lines")]
            assert make_lines(FOLDER / name, "jsonl") == lines, f"{name}: not what was printed"
    return 0


if __name__ == "__main__":
    sys.exit(main())
