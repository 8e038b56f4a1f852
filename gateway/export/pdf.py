"""A sheet → PDF on A4. The one door to reportlab."""

import unicodedata
from collections.abc import Callable, Iterator
from io import BytesIO
from itertools import groupby
from xml.sax.saxutils import escape

from gateway.core.errors import ConfigError
from gateway.export.sheet import Block, Heading, Notes, Pairs, Row, Sheet, Signatures, Table, Tone

try:
    from reportlab.lib.colors import Color, HexColor
    from reportlab.lib.enums import TA_LEFT, TA_RIGHT
    from reportlab.lib.pagesizes import A4
    from reportlab.lib.styles import ParagraphStyle
    from reportlab.lib.units import mm
    from reportlab.pdfbase.pdfmetrics import getFont, registerFont, registerFontFamily
    from reportlab.pdfbase.ttfonts import TTFont
    from reportlab.pdfgen.canvas import Canvas
    from reportlab.platypus import (
        CondPageBreak,
        Flowable,
        HRFlowable,
        PageBreak,
        Paragraph,
        SimpleDocTemplate,
        Spacer,
        TableStyle,
    )
    from reportlab.platypus import Table as Grid
except ImportError as exc:
    raise ConfigError("PDF needs the extra `report`: install kvarter[report]; HTML and JSON need nothing more") from exc

_INK, _QUIET, _LINE = HexColor("#14212b"), HexColor("#5a6b78"), HexColor("#d5dde3")
_GOOD, _BAD, _BAD_SOFT = HexColor("#0b6b3a"), HexColor("#b3261e"), HexColor("#fdf1f0")
_MARGIN, _FOOT = 17 * mm, 20 * mm
_INSET = 6
"""What the library keeps free inside of the margin."""
_TOGETHER = 30 * mm
"""A title stands on the next page where less than this is left."""
_WIDTH = A4[0] - 2 * _MARGIN
_GREEK = frozenset("ΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩαβγδεζηθικλμνξοπρστυφχψω")
"""These stand in the Symbol font, which every reader of PDF has."""
_VERA, _VERA_BOLD = "Vera", "VeraBd"
"""Comes with the library, under a licence that lets everybody embed it; stands in for letters that Helvetica lacks."""
_ROOTS = {"ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ħ": "h", "Ħ": "H", "ŧ": "t", "Ŧ": "T", "\u0131": "i"}
_SIGNS = {"\u2212": "-", "\u202f": "\u00a0", "≤": "<=", "≥": ">=", "→": "->"}


def render_pdf(sheet: Sheet) -> bytes:
    """Return the document; equal sheets give equal bytes.

    Raises:
        ConfigError: on import, where reportlab is not installed.
    """
    for name in (_VERA, _VERA_BOLD):
        registerFont(TTFont(name, f"{name}.ttf"))
    registerFontFamily(_VERA, normal=_VERA, bold=_VERA_BOLD, italic=_VERA, boldItalic=_VERA_BOLD)
    target = BytesIO()
    document = SimpleDocTemplate(
        target,
        pagesize=A4,
        leftMargin=_MARGIN - _INSET,
        rightMargin=_MARGIN - _INSET,
        topMargin=_MARGIN,
        bottomMargin=_FOOT,
        title=f"{sheet.kind} {sheet.title}",
        author="Kvarter",
        lang=sheet.language,
        invariant=1,
    )
    story = [*_front(sheet), *(part for block in sheet.blocks for part in _block(block))]
    document.build(story, onFirstPage=_footer(sheet), onLaterPages=_footer(sheet))
    return target.getvalue()


def _footer(sheet: Sheet) -> Callable[[Canvas, SimpleDocTemplate], None]:
    foot = _latin(sheet.foot)

    def draw(canvas: Canvas, document: SimpleDocTemplate) -> None:
        canvas.saveState()
        canvas.setStrokeColor(_LINE)
        canvas.line(_MARGIN, 14 * mm, A4[0] - _MARGIN, 14 * mm)
        canvas.setFont("Helvetica", 7.5)
        canvas.setFillColor(_QUIET)
        canvas.drawString(_MARGIN, 10 * mm, foot)
        canvas.drawRightString(A4[0] - _MARGIN, 10 * mm, str(document.page))
        canvas.restoreState()

    return draw


def _front(sheet: Sheet) -> Iterator[Flowable]:
    yield Paragraph(_text(sheet.kind.upper()), _style(8, textColor=_QUIET))
    yield Paragraph(f"<b>{_text(sheet.title)}</b>", _style(22, spaceAfter=7))
    verdict = Paragraph(f"<b>{_text(sheet.verdict)}</b>", _style(10, textColor=HexColor("#ffffff")))
    band = Grid([[verdict]], colWidths=[_WIDTH])
    fill = _GOOD if sheet.tone == "good" else _BAD
    band.setStyle(TableStyle([("BACKGROUND", (0, 0), (-1, -1), fill), *_padding(9, 6), ("ROUNDEDCORNERS", [4] * 4)]))
    yield band
    yield Spacer(1, 8)


def _block(block: Block) -> Iterator[Flowable]:
    if isinstance(block, Heading):
        yield from _heading(block)
    elif isinstance(block, Pairs):
        yield from _pairs(block)
    elif isinstance(block, Table):
        yield CondPageBreak(_TOGETHER)
        yield Paragraph(f"<b>{_text(block.title)}</b>", _style(10.5, spaceBefore=9, spaceAfter=3))
        yield _table(block)
    elif isinstance(block, Notes):
        yield from _notes(block)
    else:
        yield _signatures(block)


def _heading(heading: Heading) -> Iterator[Flowable]:
    if heading.new_page:
        yield PageBreak()
    remark = f'  <font size="9" color="#5a6b78">{_text(heading.remark)}</font>' if heading.remark else ""
    size = 17.0 if heading.new_page else 10.5
    yield Paragraph(f"<b>{_text(heading.text)}</b>{remark}", _style(size, spaceBefore=9, spaceAfter=3, keepWithNext=1))
    if heading.new_page:
        yield HRFlowable(width="100%", thickness=1.5, color=_INK, spaceBefore=2, spaceAfter=6)


def _pairs(pairs: Pairs) -> Iterator[Flowable]:
    rows = [[Paragraph(_text(n), _style(9, textColor=_QUIET)), Paragraph(_text(t), _style(9))] for n, t in pairs.pairs]
    grid = Grid(rows, colWidths=[_WIDTH * 0.27, _WIDTH * 0.73], hAlign="LEFT")
    grid.setStyle(TableStyle([*_padding(0, 1.2), ("VALIGN", (0, 0), (-1, -1), "TOP")]))
    yield grid


def _notes(notes: Notes) -> Iterator[Flowable]:
    yield Paragraph(f"<b>{_text(notes.title)}</b>", _style(10.5, spaceBefore=9, spaceAfter=3, keepWithNext=1))
    marks = {"good": ("\u2713", _GOOD), "bad": ("\u2717", _BAD)}
    for text, tone in notes.sentences:
        color = {"bad": _BAD, "quiet": _QUIET}.get(tone, _INK)
        if tone not in marks:
            yield Paragraph(_text(text), _style(9, textColor=color))
            continue
        sign, fill = marks[tone]
        bullet = f'<bullet><font name="ZapfDingbats" color="{_hex(fill)}">{sign}</font></bullet>'
        yield Paragraph(f"{bullet}{_text(text)}", _style(9, textColor=color, leftIndent=13))


def _table(table: Table) -> Flowable:
    sides = [TA_RIGHT if number else TA_LEFT for number in table.numbers]
    names = zip(table.names, sides, strict=True)
    head = [Paragraph(f"<b>{_text(name)}</b>", _style(7.8, textColor=_QUIET, alignment=side)) for name, side in names]
    rows = [_row(row, table.numbers) for row in table.rows]
    grid = Grid([head, *rows], colWidths=[_WIDTH * width for width in table.widths], repeatRows=1, hAlign="LEFT")
    lines = [("LINEBELOW", (0, 0), (-1, 0), 0.9, _INK), ("LINEBELOW", (0, 1), (-1, -1), 0.4, _LINE)]
    marked = [("BACKGROUND", (0, n), (-1, n), _BAD_SOFT) for n, row in enumerate(table.rows, 1) if row.tone == "bad"]
    look = [*_padding(2.5, 2.2), ("LEFTPADDING", (0, 0), (0, -1), 1), ("VALIGN", (0, 0), (-1, -1), "TOP")]
    grid.setStyle(TableStyle([*look, *lines, *marked]))
    return grid


def _row(row: Row, numbers: tuple[bool, ...]) -> list[Paragraph]:
    last = len(row.cells) - 1
    return [_cell(text, row.tone, right=numbers[n], last=n == last) for n, text in enumerate(row.cells)]


def _cell(text: str, tone: Tone, *, right: bool, last: bool) -> Paragraph:
    first, _, second = text.partition("\n")
    color = _QUIET if tone == "quiet" else _INK
    shown = _text(first)
    if last and tone in ("good", "bad"):
        color, shown = (_GOOD if tone == "good" else _BAD), f"<b>{shown}</b>"
    if second:
        shown += f'<br/><font size="7" color="#5a6b78">{_text(second)}</font>'
    return Paragraph(shown, _style(8, textColor=color, alignment=TA_RIGHT if right else TA_LEFT))


def _signatures(signatures: Signatures) -> Flowable:
    gap = 12 * mm
    width = (_WIDTH - gap * (len(signatures.names) - 1)) / len(signatures.names)
    cells: list[Paragraph | str] = []
    widths: list[float] = []
    lines = []
    for name in signatures.names:
        if cells:
            cells.append("")
            widths.append(gap)
        lines.append(("LINEABOVE", (len(cells), 0), (len(cells), 0), 0.7, _INK))
        cells.append(Paragraph(_text(name), _style(8, textColor=_QUIET)))
        widths.append(width)
    grid = Grid([cells], colWidths=widths, hAlign="LEFT", spaceBefore=17 * mm, spaceAfter=5 * mm)
    grid.setStyle(TableStyle([*lines, *_padding(0, 2)]))
    return grid


def _padding(sides: float, ends: float) -> list[tuple[object, ...]]:
    sizes = (("LEFTPADDING", sides), ("RIGHTPADDING", sides), ("TOPPADDING", ends), ("BOTTOMPADDING", ends))
    return [(name, (0, 0), (-1, -1), size) for name, size in sizes]


def _style(size: float, **look: object) -> ParagraphStyle:
    """Return how a paragraph looks; `look` overrides, in the words of the library."""
    plain = {"fontName": "Helvetica", "fontSize": size, "leading": size * 1.28, "textColor": _INK, "splitLongWords": 1}
    return ParagraphStyle("kvarter", **{**plain, **look})


def _text(text: str) -> str:
    """Return a text as markup; letters that Helvetica lacks stand in another font."""
    pieces = []
    for is_vera, letters in groupby(_known(text), key=_needs_vera):
        piece = escape("".join(letters))
        pieces.append(f'<font name="{_VERA}">{piece}</font>' if is_vera else piece)
    return "".join(pieces)


def _latin(text: str) -> str:
    """Return a text for Helvetica alone."""
    return "".join("?" if _needs_vera(letter) else letter for letter in _known(text))


def _known(text: str) -> str:
    """Return a text of letters that one of the fonts has.

    A letter that none has loses its marks, and is a question mark where nothing is left; the record holds it whole.
    """
    found = []
    for letter in "".join(_SIGNS.get(each, each) for each in text):
        plain = letter if _has(letter) else _ROOTS.get(letter, unicodedata.normalize("NFKD", letter)[0])
        found.append(plain if _has(plain) else "?")
    return "".join(found)


def _has(letter: str) -> bool:
    return letter in _GREEK or _in_helvetica(letter) or ord(letter) in getFont(_VERA).face.charToGlyph


def _needs_vera(letter: str) -> bool:
    return letter not in _GREEK and not _in_helvetica(letter)


def _in_helvetica(letter: str) -> bool:
    try:
        letter.encode("cp1252")
    except UnicodeEncodeError:
        return False
    return letter.isprintable() or letter == "\u00a0"


def _hex(color: Color) -> str:
    return f"#{round(color.red * 255):02x}{round(color.green * 255):02x}{round(color.blue * 255):02x}"
