# SPDX-License-Identifier: Apache-2.0
"""Where the benchmark's figures go: the sections of the page, and the chart."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from tests.bench.chart import draw
from tests.bench.documents import PAGE, replace_section
from tests.bench.report import Results, StormSample


def storm(tracer: str, own_us: float, delivered: int = 10) -> StormSample:
    return StormSample(
        0, "vfork storm", tracer, 50.0, 1.0, own_us, 1.0, 2.0, 10, delivered, 0, 0, 0.0, 9.0
    )  # fmt: skip


def test_section_is_replaced_and_all_around_it_stays() -> None:
    page = "a\n<!-- bench: x -->\nold\n<!-- end -->\nb\n<!-- bench: y -->\n<!-- end -->\n"
    assert replace_section(page, "x", r"new \1") == page.replace("old", r"new \1")


def test_section_that_is_missing_is_an_error() -> None:
    with pytest.raises(KeyError):
        replace_section("text", "x", "new")


@pytest.mark.parametrize("name", ["peers", "stages", "growth"])
def test_page_has_a_section_for_everything_that_is_measured(name: str) -> None:
    assert replace_section(PAGE.read_text(), name, "")


def test_chart_has_a_bar_as_long_as_the_figure_for_each_tracer() -> None:
    results = Results({}, storms=[storm("none", 0), storm("a & b", 4.0), storm("c", 8.0, 7)])
    chart = ET.fromstring(draw(results))  # noqa: S314 - our own
    bars = chart.findall("{*}rect[@class='tracer']")[1:]  # the first is the legend's
    first, second = (float(bar.attrib["width"]) for bar in bars)
    assert second == pytest.approx(2 * first, abs=0.2)
    texts = [text.text for text in chart.iter("{http://www.w3.org/2000/svg}text")]
    assert "a & b" in texts
    assert "11.0, 3 lost" in texts
