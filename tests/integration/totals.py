# SPDX-License-Identifier: Apache-2.0
"""Holds the totals that a daemon's last record states against the records that it wrote."""

from collections import Counter

from tests.integration.tracing import Record

EVENTS = ("exec", "exit")


def assert_totals_fit(records: list[Record], stop: Record) -> None:
    """Seen events are those written, each once, and those that a total says were not."""
    events = Counter((r["cpu"], r.get("hook", "exec"), r["seq"]) for r in records if "seq" in r)
    assert max(events.values(), default=1) == 1, events.most_common(3)
    written = sum(r["type"] in EVENTS for r in records)
    assert written == len(events)
    lost = sum(r["count"] for r in records if r["type"] == "lost" and "sink" not in r)
    assert stop["lost"] == lost
    gone = stop["dropped"] + stop["limited"] + stop["collapsed"] + stop["lost"]
    assert stop["seen"] == written + gone
