"""Draws a schedule as an SVG picture: a row a stage, a bar an action, idle time hatched."""

from __future__ import annotations

from collections.abc import Iterator

from actors.core.schedule.grid import MEANINGS, Drawing
from actors.core.schedule.schedules import Action, ActionKind

FILLS = {
    ActionKind.FORWARD: "#4477aa",
    ActionKind.BACKWARD: "#aa3377",
    ActionKind.INPUT_GRAD: "#228833",
    ActionKind.WEIGHT_GRAD: "#b86e00",
}
INK = "#22272e"
FAINT = "#6b7280"
ROW = 34
BAR = 28
MARGIN = 24
LABELS = 78
TOP = 96
MAX_GRID = 2400
UNITS = (30, 24, 18, 12, 8, 5, 3, 2, 1)
MIN_NUMBER_WIDTH = 7
CHARACTER = 6.8


def svg_grid(drawing: Drawing) -> str:
    """The picture as a whole SVG file, with its own light background."""
    columns = round(drawing.simulation.makespan)
    unit = next((u for u in UNITS if u * columns <= MAX_GRID), UNITS[-1])
    grid_width, grid_height = unit * columns, ROW * len(drawing.schedule)
    texts = max(len(drawing.title) + 10, len(drawing.summary), 76) * CHARACTER
    width = round(max(LABELS + grid_width, texts)) + 2 * MARGIN
    height = TOP + grid_height + 56
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="system-ui, sans-serif" font-size="13">',
        f"<title>{drawing.title}</title>",
        '<defs><pattern id="idle" width="6" height="6" patternUnits="userSpaceOnUse" '
        'patternTransform="rotate(45)"><rect width="6" height="6" fill="#f3f4f6"/>'
        '<line x1="0" y1="0" x2="0" y2="6" stroke="#dfe2e6" stroke-width="2"/></pattern></defs>',
        f'<rect width="{width}" height="{height}" rx="8" fill="#ffffff"/>',
        f'<text x="{MARGIN}" y="34" font-size="18" font-weight="600" fill="{INK}">'
        f"{drawing.title}</text>",
        f'<text x="{MARGIN}" y="56" fill="{FAINT}">{drawing.summary}</text>',
        *_legend(drawing),
        *_rows(drawing, unit, grid_width),
        *_axis(columns, unit, grid_height),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _legend(drawing: Drawing) -> Iterator[str]:
    entries = [(FILLS[kind], f"{kind.value} {MEANINGS[kind]}") for kind in drawing.kinds]
    x = float(MARGIN)
    for fill, meaning in [*entries, ("url(#idle)", "waits")]:
        yield f'<rect x="{x:.0f}" y="68" width="14" height="14" rx="3" fill="{fill}"/>'
        yield f'<text x="{x + 20:.0f}" y="80" fill="{INK}">{meaning}</text>'
        x += 20 + len(meaning) * CHARACTER + 18


def _rows(drawing: Drawing, unit: int, grid_width: int) -> Iterator[str]:
    left = MARGIN + LABELS
    for stage, actions in enumerate(drawing.schedule):
        top = TOP + stage * ROW + (ROW - BAR) / 2
        middle = top + BAR / 2
        yield (
            f'<text x="{MARGIN}" y="{middle:.1f}" dominant-baseline="central" fill="{INK}">'
            f"stage {stage}</text>"
        )
        yield (
            f'<rect x="{left}" y="{top:.1f}" width="{grid_width}" height="{BAR}" rx="3" '
            'fill="url(#idle)"/>'
        )
        yield ('<g font-size="12" text-anchor="middle" fill="#ffffff" dominant-baseline="central">')
        for action in actions:
            x, width = left + unit * drawing.begin(action), unit * drawing.length(action)
            yield from _bar(action, x, top, width)
        yield "</g>"


def _bar(action: Action, x: int, top: float, width: int) -> Iterator[str]:
    gap = 1 if width > 4 else 0
    label = f"{action.kind.value}{action.microbatch}"
    yield (
        f'<rect x="{x + gap / 2:g}" y="{top:g}" width="{width - gap}" height="{BAR}" '
        f'rx="{3 if width > 8 else 0}" fill="{FILLS[action.kind]}"><title>{label}</title></rect>'
    )
    if len(label) * MIN_NUMBER_WIDTH + 2 <= width:
        yield f'<text x="{x + width / 2:g}" y="{top + BAR / 2:g}">{label}</text>'


def _axis(columns: int, unit: int, grid_height: int) -> Iterator[str]:
    y, left = TOP + grid_height + 8, MARGIN + LABELS
    every = next(n for n in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 10_000) if n * unit >= 48)
    yield f'<g font-size="11" text-anchor="middle" fill="{FAINT}">'
    for column in range(0, columns + 1, every):
        x = left + unit * column
        yield f'<line x1="{x}" y1="{y}" x2="{x}" y2="{y + 5}" stroke="{FAINT}"/>'
        yield f'<text x="{x}" y="{y + 18}">{column}</text>'
    yield "</g>"
    yield f'<text x="{MARGIN}" y="{y + 18}" font-size="11" fill="{FAINT}">time</text>'
