"""A sheet → one HTML file that needs nothing else and prints well. Pure."""

import base64
import hashlib
from html import escape
from itertools import chain

from gateway.export.sheet import Block, Heading, Notes, Pairs, Row, Sheet, Signatures, Table

STYLE = """
:root{color-scheme:light;--ink:#14212b;--quiet:#5a6b78;--line:#d5dde3;--good:#0b6b3a;--bad:#b3261e;--soft:#f3f6f8}
*{box-sizing:border-box}
body{margin:0 auto;max-width:60rem;padding:2rem 1.5rem 4rem;color:var(--ink);background:#fff;
font:15px/1.5 system-ui,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
header{border-bottom:3px solid var(--ink);padding-bottom:1rem;margin-bottom:1.25rem}
.kind{margin:0;font-size:.8rem;letter-spacing:.08em;text-transform:uppercase;color:var(--quiet)}
h1{margin:.1rem 0 .7rem;font-size:2rem;line-height:1.15;letter-spacing:-.01em}
.verdict{display:inline-block;margin:0;padding:.3rem .8rem;border-radius:.4rem;font-weight:600;color:#fff}
.verdict.good{background:var(--good)}.verdict.bad{background:var(--bad)}
h2{margin:2.4rem 0 .6rem;padding-top:.6rem;border-top:1px solid var(--line);font-size:1.35rem;display:flex;
justify-content:space-between;gap:1rem;align-items:baseline}
h2 small{font-size:.85rem;color:var(--quiet);font-weight:600}
h3,h2.plain{display:block;margin:1.5rem 0 .4rem;padding:0;border:0;font-size:1rem}
dl{display:grid;grid-template-columns:minmax(9rem,auto) 1fr;gap:.15rem 1.2rem;margin:.6rem 0}
dt{color:var(--quiet)}dd{margin:0;overflow-wrap:anywhere}
.scroll{overflow-x:auto}
table{width:100%;border-collapse:collapse;font-size:.87rem;font-variant-numeric:tabular-nums}
th{text-align:left;font-weight:600;color:var(--quiet);border-bottom:1.5px solid var(--ink);padding:.3rem .6rem .3rem 0}
td{vertical-align:top;border-bottom:1px solid var(--line);padding:.32rem .6rem .32rem 0;overflow-wrap:anywhere}
td small{display:block;color:var(--quiet)}
.number{text-align:right}
tr.good td:last-child{color:var(--good);font-weight:600}
tr.bad td{background:#fdf1f0}tr.bad td:last-child{color:var(--bad);font-weight:600}
tr.quiet td{color:var(--quiet)}
ul{list-style:none;margin:.4rem 0;padding:0}
li{padding:.15rem 0 .15rem 1.5rem;position:relative}
li::before{position:absolute;left:0;font-weight:700}
li.good::before{content:"✓";color:var(--good)}li.bad::before{content:"✗";color:var(--bad)}
li.bad{color:var(--bad)}li.quiet{color:var(--quiet);padding-left:0}
.sign{display:grid;grid-template-columns:1fr 1fr;gap:3rem;margin:4rem 0 1.5rem}
.sign div{border-top:1px solid var(--ink);padding-top:.3rem;color:var(--quiet);font-size:.85rem}
footer{margin-top:3rem;border-top:1px solid var(--line);padding-top:.6rem;color:var(--quiet);font-size:.8rem}
@media screen and (max-width:40rem){table{min-width:38rem}body{padding:1.25rem 1rem 3rem}.sign{gap:1rem}}
@media print{@page{size:A4;margin:16mm 15mm}body{padding:0;max-width:none;font-size:10pt}
.page{break-before:page;border-top:0;margin-top:0}tr,li,.sign{break-inside:avoid}
thead{display:table-header-group}*{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
"""


def render_html(sheet: Sheet) -> str:
    """Return the whole document."""
    first = next((n for n, block in enumerate(sheet.blocks) if isinstance(block, Heading)), len(sheet.blocks))
    body = "".join(chain.from_iterable(_block(block, under=n > first) for n, block in enumerate(sheet.blocks)))
    return (
        f'<!doctype html><html lang="{escape(sheet.language)}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(sheet.kind)} · {escape(sheet.title)}</title><style>{STYLE}</style></head><body>"
        f'<header><p class="kind">{escape(sheet.kind)}</p><h1>{escape(sheet.title)}</h1>'
        f'<p class="verdict {sheet.tone}">{escape(sheet.verdict)}</p></header>'
        f"<main>{body}</main><footer>{escape(sheet.foot)}</footer></body></html>\n"
    )


def content_policy() -> str:
    """Return the Content-Security-Policy under which the document shows as it is meant: its one style, nothing else."""
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def _block(block: Block, *, under: bool) -> list[str]:
    """Return a block; one that stands under a heading has a title of the next level."""
    if isinstance(block, Heading):
        remark = f"<small>{escape(block.remark)}</small>" if block.remark else ""
        page = ' class="page"' if block.new_page else ""
        return [f"<h2{page}><span>{escape(block.text)}</span>{remark}</h2>"]
    if isinstance(block, Pairs):
        return ["<dl>", *(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in block.pairs), "</dl>"]
    if isinstance(block, Table):
        return _table(block, _title(block.title, under=under))
    if isinstance(block, Signatures):
        return ['<div class="sign">', *(f"<div>{escape(name)}</div>" for name in block.names), "</div>"]
    return _notes(block, _title(block.title, under=under))


def _title(text: str, *, under: bool) -> str:
    return f"<h3>{escape(text)}</h3>" if under else f'<h2 class="plain">{escape(text)}</h2>'


def _notes(notes: Notes, title: str) -> list[str]:
    listed = [f'<li class="{tone}">{escape(text)}</li>' for text, tone in notes.sentences]
    return [f"{title}<ul>", *listed, "</ul>"]


def _table(table: Table, title: str) -> list[str]:
    head = "".join(
        f'<th scope="col"{_align(number)}>{escape(name)}</th>'
        for name, number in zip(table.names, table.numbers, strict=True)
    )
    rows = [_row(row, table.numbers) for row in table.rows]
    return [
        title,
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(table.title)}">',
        f"<table><thead><tr>{head}</tr></thead><tbody>",
        *rows,
        "</tbody></table></div>",
    ]


def _row(row: Row, numbers: tuple[bool, ...]) -> str:
    cells = "".join(f"<td{_align(number)}>{_cell(text)}</td>" for text, number in zip(row.cells, numbers, strict=True))
    return f'<tr class="{row.tone}">{cells}</tr>' if row.tone else f"<tr>{cells}</tr>"


def _cell(text: str) -> str:
    first, _, second = text.partition("\n")
    return escape(first) + (f"<small>{escape(second)}</small>" if second else "")


def _align(number: bool) -> str:  # noqa: FBT001 - one of two
    return ' class="number"' if number else ""
