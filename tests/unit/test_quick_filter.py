# SPDX-License-Identifier: Apache-2.0
"""Filters on raw records let through what the same filters on fields do."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execaudit.records.pipeline import Pipeline
from execaudit.trace.filters import Filters, RecordFilter, build_filters
from execaudit.trace.quick_filter import FilteringEncoder
from tests.records import exec_record, exit_record, join, make_host
from tests.unit.any_streams import ENV_NAMES, streams

FILTERS = st.builds(
    build_filters,
    user=st.sampled_from([None, "0", "1000"]),
    ppid=st.sampled_from([None, "900", "0", "1000"]),
    name=st.sampled_from([None, "^ls$", "noise", r"\xff", "^$"]),
    line=st.sampled_from([None, "^/b/ls", "-l$", "geheim", r"\xff", "ls x y"]),
)


def make_pipeline(filters: Filters, *, quick: bool) -> Pipeline:
    keep = RecordFilter(filters)
    encoder = FilteringEncoder(make_host(), ENV_NAMES, keep) if quick else None
    pipeline = Pipeline(make_host(), ENV_NAMES, keep, encoder)
    pipeline.measure_durations()
    return pipeline


@given(streams(), FILTERS)
def test_same_records_are_shown_and_counted(records: list[bytes], filters: Filters) -> None:
    quick, long = make_pipeline(filters, quick=True), make_pipeline(filters, quick=False)

    for at in range(0, len(records), 3):
        batch = join(*records[at : at + 3])
        assert b"".join(quick.lines(*batch)) == b"".join(long.lines(*batch))

    assert quick.counts == long.counts


@pytest.mark.parametrize(
    "options",
    [
        {"user": "0"},
        {"user": "7"},
        {"ppid": "900"},
        {"name": "ls"},
        {"line": "ls x"},
        {"line": "y"},
    ],
    ids=str,
)
def test_what_is_usual_does_not_take_the_long_way(
    options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = make_pipeline(build_filters(**options), quick=True)
    pipeline.lines(*join(exec_record(b"ls"), exit_record()))

    def fail(*_: object) -> None:
        pytest.fail("the long way was taken")

    monkeypatch.setattr(pipeline, "_records", fail)
    pipeline.lines(*join(exec_record(b"ls", b"x", seq=2), exit_record(seq=2)))

    assert pipeline.counts.seen == pipeline.counts.shown + pipeline.counts.filtered == 4
