# SPDX-License-Identifier: Apache-2.0
"""Style sheet and script of the page. The script reads and moves elements, and makes no markup."""

STYLE = """
:root{--ink:#1b1f24;--dim:#626a73;--paper:#fff;--line:#d8dde3;--soft:#f4f6f8;--ok:#3b6fb6;
--bad:#c8452f;--mark:#fff3d6}
@media (prefers-color-scheme:dark){:root{--ink:#e4e7eb;--dim:#98a1ab;--paper:#14171b;
--line:#333a42;--soft:#1d2227;--ok:#6ea0e0;--bad:#e87a64;--mark:#3d3315}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:1080px;padding:24px 20px 60px;color:var(--ink);
background:var(--paper);font:15px/1.45 system-ui,sans-serif}
h1{font-size:24px;margin:0 0 2px}h2{font-size:17px;margin:0 0 8px}
p{margin:4px 0}.dim{color:var(--dim)}
section{margin:30px 0;break-inside:avoid-page}
.cards{display:flex;flex-wrap:wrap;gap:10px;margin:18px 0}
.card{background:var(--soft);border-radius:6px;padding:8px 16px;min-width:104px}
.card b{display:block;font-size:22px;font-weight:600}.card span{color:var(--dim);font-size:13px}
.state{border-left:4px solid var(--ok);background:var(--soft);padding:8px 14px;border-radius:3px}
.state.bad{border-color:var(--bad);background:var(--mark)}
svg.timeline{width:100%;height:auto;display:block}
svg text{fill:var(--dim);font-size:12px}
.grid{stroke:var(--line);stroke-width:1}.execs{fill:var(--ok)}.failed{fill:var(--bad)}
.whole{fill:transparent}.stretch:hover .whole{fill:var(--line)}
svg.bar{width:160px;height:12px;display:block}
.legend i{display:inline-block;width:10px;height:10px;border-radius:2px;margin:0 5px 0 14px}
.legend .a{background:var(--ok)}.legend .b{background:var(--bad)}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:4px 12px 4px 0;border-bottom:1px solid var(--line);
vertical-align:middle}
th{font-weight:600;font-size:13px;color:var(--dim);white-space:nowrap}
th button{all:unset;cursor:pointer}th button:focus-visible{outline:2px solid var(--ok)}
th button::after{content:" \\2195";opacity:.45}
th[aria-sort=ascending] button::after{content:" \\2191";opacity:1}
th[aria-sort=descending] button::after{content:" \\2193";opacity:1}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
td.t{font-family:ui-monospace,monospace;font-size:13px;overflow-wrap:anywhere}
th.n{width:90px}th.s{width:180px}
td.w{white-space:nowrap}
.others td{color:var(--dim)}
details{margin:1px 0}summary{cursor:pointer}
details details,details ul{margin-left:20px}ul{list-style:none;margin:0;padding:0}
li,summary{font-family:ui-monospace,monospace;font-size:13px;overflow-wrap:anywhere}
.toolbar{float:right}.toolbar button{font:inherit;font-size:13px;padding:2px 10px}
@media print{body{max-width:none;padding:0;font-size:11px}.toolbar{display:none}
section{margin:16px 0}th button::after{content:""}}
""".strip()

SCRIPT = """
"use strict";
function key(row, column) {
  const cell = row.cells[column];
  const number = cell.getAttribute("data-n");
  return number === null ? cell.textContent : Number(number);
}
function sort(header) {
  const table = header.closest("table");
  const body = table.tBodies[0];
  const column = header.cellIndex;
  const up = header.getAttribute("aria-sort") === "descending" ||
    (header.getAttribute("aria-sort") === null && !header.classList.contains("n"));
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", up ? "ascending" : "descending");
  const rows = Array.from(body.rows).filter(row => !row.classList.contains("others"));
  const rest = Array.from(body.rows).filter(row => row.classList.contains("others"));
  rows.sort((a, b) => {
    const left = key(a, column), right = key(b, column);
    const order = left < right ? -1 : left > right ? 1 : 0;
    return up ? order : -order;
  });
  for (const row of rows.concat(rest)) body.append(row);
}
function unfold(open) {
  for (const each of document.querySelectorAll("details")) each.open = open;
}
for (const header of document.querySelectorAll("th"))
  header.querySelector("button").addEventListener("click", () => sort(header));
document.getElementById("unfold").addEventListener("click", () => unfold(true));
document.getElementById("fold").addEventListener("click", () => unfold(false));
window.addEventListener("beforeprint", () => unfold(true));
""".strip()
