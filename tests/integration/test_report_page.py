# SPDX-License-Identifier: Apache-2.0
"""The page of a report in a real browser: nothing of it becomes markup, script or a request."""

import json
import re
import struct
from pathlib import Path

import pytest

from execaudit.cli.command_line import main
from execaudit.records.quoting import make_printable
from execaudit.records.text import dumps
from tests.integration.browsing import Document, browser, dump, picture
from tests.integration.requirements import give_up
from tests.log_files import exec_fields, own_fields
from tests.report_records import DECEIVING, INJECTIONS, random_records


@pytest.fixture(scope="module", autouse=True)
def _needs_browser() -> None:
    if browser() is None:
        give_up("there is no chromium")


ELEMENTS = {
    "html", "head", "meta", "title", "style", "script", "body", "header", "div", "button", "h1",
    "h2", "p", "b", "i", "span", "section", "table", "thead", "tbody", "tr", "th", "td", "svg", "g",
    "rect", "line", "text", "details", "summary", "ul", "li",
}  # fmt: skip
ATTRIBUTES = {
    "lang", "charset", "http-equiv", "content", "name", "type", "id", "class", "scope", "data-n",
    "colspan", "viewbox", "role", "aria-hidden", "aria-sort", "preserveaspectratio", "x", "y", "x1",
    "x2", "y1", "y2", "width", "height", "text-anchor", "open",
}  # fmt: skip
INLINE = "'unsafe-inline'"


def hostile_log(path: Path) -> Path:
    """Write a log in which every text that a program can choose tries to inject."""
    failure = {"result": "failure", "errno": "ENOENT", "errno_code": 2, "hook": "execve"}
    records = []
    for second, text in enumerate((*INJECTIONS, *DECEIVING)):
        texts = dict.fromkeys(
            ("exe", "filename", "unit", "container", "tty", "pcomm", "comm", "user", "cwd"), text
        )
        ancestors = [{"id": "x-1-1-1", "pid": 1, "start": "2026-11-18T00:00:00Z", "comm": text}]
        fields = exec_fields(
            second, host=text, argv=[text, text], ancestors=ancestors, labels=[text],
            privileged=True, severity="err",
        )  # fmt: skip
        fields |= texts
        records += [fields, {**fields, **failure}]
        records.append(own_fields("repair", second, host=text, reason=text, result="success"))
        records.append(own_fields("lost", second, host=text, reason=text, count=1))
    path.write_bytes(b"".join(dumps(record) + b"\n" for record in records))
    return path


def page_of(log: Path, target: Path) -> Path:
    assert main(["report", "--file", str(log), "--html", str(target), "-n", "0", "-q"]) == 0
    return target


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, set[str]]:
    folder = tmp_path_factory.mktemp("hostile")
    page = page_of(hostile_log(folder / "a.jsonl"), folder / "page.html")
    return page, *dump(page, folder)


def test_no_text_becomes_an_element_or_attribute(hostile: tuple[Path, str, set[str]]) -> None:
    document = Document(hostile[1])
    assert {name for name, _ in document.elements} <= ELEMENTS
    assert {each for _, attributes in document.elements for each in attributes} <= ATTRIBUTES
    assert [name for name, _ in document.elements].count("script") == 1
    assert document.title == "execaudit report"


def test_texts_are_shown_as_they_are(hostile: tuple[Path, str, set[str]]) -> None:
    cells = {text for name, text in Document(hostile[1]).texts if name == "td"}
    for text in INJECTIONS:
        assert make_printable(text) in cells


def test_no_request_leaves_the_page(hostile: tuple[Path, str, set[str]], tmp_path: Path) -> None:
    assert not [url for url in hostile[2] if "192.0.2.1" in url]
    page = tmp_path / "control.html"
    page.write_text("<img src=http://192.0.2.1/seen>")
    assert "http://192.0.2.1/seen" in dump(page, tmp_path)[1]


def test_page_names_no_other_place(hostile: tuple[Path, str, set[str]]) -> None:
    source = hostile[0].read_text()
    assert not re.search(r"<[^>]*\s(src|href|action|style|on\w+)=", source)
    assert hostile[0].stat().st_mode & 0o077 == 0


def test_script_that_is_not_ours_does_not_run(tmp_path: Path) -> None:
    page = page_of(hostile_log(tmp_path / "a.jsonl"), tmp_path / "page.html")
    own = page.read_text()
    page.write_text(own.replace("</body>", "<script>document.title='owned'</script></body>"))
    assert Document(dump(page, tmp_path)[0]).title == "execaudit report"
    page.write_text(own.replace("<h1>", "<h1 onclick=1><img src=x onerror=document.title='owned'>"))
    assert Document(dump(page, tmp_path)[0]).title == "execaudit report"


def _driven(page: Path, script: str, folder: Path) -> Document:
    """Return the page after a script of the test's, which the policy is opened for."""
    source = page.read_text()
    source = re.sub(r"script-src '[^']*'", f"script-src {INLINE}", source)
    page.write_text(source.replace("</body>", f"<script>{script}</script></body>"))
    return Document(dump(page, folder)[0])


def test_tables_sort_by_what_is_clicked(tmp_path: Path) -> None:
    log = tmp_path / "a.jsonl"
    log.write_bytes(b"".join(dumps(record) + b"\n" for record in random_records(1, 400)))
    script = (
        "const table = [...document.querySelectorAll('section')].find(s =>"
        " s.querySelector('h2').textContent === 'Programs').querySelector('table');"
        "const [name, execs] = table.querySelectorAll('th button');"
        "const seen = column => [...table.tBodies[0].rows].map(r => r.cells[column].textContent);"
        "const result = [];"
        "name.click(); result.push(seen(0)); name.click(); result.push(seen(0));"
        "execs.click(); result.push(seen(1)); execs.click(); result.push(seen(1));"
        "document.getElementById('unfold').click();"
        "result.push([...document.querySelectorAll('details')].every(d => d.open));"
        "document.title = JSON.stringify(result);"
    )
    document = _driven(page_of(log, tmp_path / "page.html"), script, tmp_path)
    up, down, most, least, is_open = json.loads(document.title)
    assert up == sorted(up)
    assert down == up[::-1]
    assert list(map(int, most)) == sorted(map(int, most), reverse=True)
    assert most == least[::-1]
    assert is_open is True


@pytest.mark.parametrize("width", [400, 1200])
def test_page_can_be_looked_at(tmp_path: Path, width: int) -> None:
    log = tmp_path / "a.jsonl"
    log.write_bytes(b"".join(dumps(record) + b"\n" for record in random_records(2, 400)))
    data = picture(page_of(log, tmp_path / "page.html"), tmp_path, width=width, height=1500)
    assert struct.unpack(">II", data[16:24]) == (width, 1500)
    assert len(set(data)) > 200
