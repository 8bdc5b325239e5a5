# SPDX-License-Identifier: Apache-2.0
"""Storms of a shell that executes one program after the other, each with a word and its number."""

import subprocess
from collections import Counter

from tests.machine.service import Service, wait_until

EXECS = 3000


def script(word: str, count: int = EXECS) -> str:
    """Return the script of the shell."""
    return f'i=0; while [ $i -lt {count} ]; do /bin/true {word} "n$i"; i=$((i+1)); done'


def begin(service: Service, word: str) -> "subprocess.Popen[bytes]":
    """Start the shell in the container."""
    return subprocess.Popen(service.container.inside("sh", "-c", script(word)))


def numbers(service: Service, word: str) -> Counter[str]:
    """Return how often each exec of the storm was recorded."""
    return Counter(
        r["argv"][2]
        for r in service.records(word)
        if r["type"] == "exec" and r.get("argv", [])[1:2] == [word] and r.get("comm") == "true"
    )


def wait_for_losses(service: Service, missing: int) -> None:
    """Wait until so many are known as lost: those of another processor are a little later."""
    wait_until(lambda: missing <= lost(service), "what was lost")


def lost(service: Service) -> int:
    """Return how many events the records say were lost."""
    return sum(r["count"] for r in service.of_type("lost"))
