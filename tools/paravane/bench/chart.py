# SPDX-License-Identifier: MIT
"""Draw what each op costs on each backend: one line for each op, one mark for each platform, on a
logarithmic scale. The picture has a background of its own, light or dark as the reader's screen is.
"""

import math
from html import escape

from .. import optable
from ..run.platforms import PLATFORMS
from ..suite.op_report import read_table

_ROW = 15  # pixels from op to op
_LEFT, _RIGHT, _TOP = 190, 40, 92
_PLOT = 640
_WIDTH = _LEFT + _PLOT + _RIGHT
_DECADES_MAX = 9

# By platform: a colour that a colour-blind reader can distinguish, and a shape.
_MARKS = (("a", "circle"), ("b", "square"), ("c", "diamond"), ("d", "triangle"))

_STYLE = """
  svg { font: 11px sans-serif }
  .ground { fill: #ffffff } text { fill: #24292f } .soft { fill: #656d76 }
  .grid { stroke: #d8dee4 } .span { stroke: #afb8c1; stroke-width: 2 }
  .title { font-size: 15px; font-weight: bold } .head { font-weight: bold }
  .a { fill: #0072b2 } .b { fill: #d55e00 } .c { fill: #009e73 } .d { fill: #cc79a7 }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #0d1117 } text { fill: #e6edf3 } .soft { fill: #8d96a0 }
    .grid { stroke: #30363d } .span { stroke: #6e7681 }
    .a { fill: #56b4e9 } .b { fill: #e69f00 } .c { fill: #2fc79a } .d { fill: #e5a6c8 }
  }
"""


def render(document):
    """Return the SVG, as text."""
    platforms, groups = document.counted(), _groups(document)
    rows = sum(len(names) + 2 for _, names in groups)
    height = _TOP + rows * _ROW + 30
    top = max((n for _, names in groups for name in names
               for n in document.measurements[name].count.values()), default=1)
    scale = _Scale(min(_DECADES_MAX, max(1, math.ceil(math.log10(max(top, 2))))))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" '
        f'viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="Instructions per op and '
        f'platform">',
        f"<style>{_STYLE}</style>",
        f'<rect class="ground" width="{_WIDTH}" height="{height}"/>',
        _text(16, 28, "What each op costs", "title"),
        _text(
            16, 46, "instructions a call, the hypervisor's included, on a logarithmic scale", "soft"
        ),
    ]
    parts += _legend(platforms) + _grid(scale, height)
    y = _TOP
    for title, names in groups:
        y += _ROW
        parts.append(_text(16, y + 4, title, "head"))
        for name in names:
            y += _ROW
            parts += _row(name, document.measurements[name].count, platforms, scale, y)
        y += _ROW
    return "\n".join(parts) + "\n</svg>\n"


class _Scale:
    """The position of a count on the logarithmic axis: 1 at the left edge, a power of ten at the
    right one."""

    def __init__(self, decades):
        self.decades = decades

    def __call__(self, count):
        return _LEFT + _PLOT * min(1, math.log10(max(count, 1)) / self.decades)


def _groups(document):
    """Return [(class, names of its measured ops, the dearest first)]."""
    found = []
    for group, members in optable.groups(read_table().ops).items():
        names = [f"op.{op}" for op in members]
        names = [n for n in names if n in document.measurements and document.measurements[n].count]
        names.sort(key=lambda n: -max(document.measurements[n].count.values()))
        if names:
            found.append((group, names))
    return found


def _legend(platforms):
    parts, x = [], 16
    for (css, shape), name in zip(_MARKS, platforms):
        words = f"{name} (backend {PLATFORMS[name].backend})"
        parts += [_mark(shape, css, x + 5, 64), _text(x + 15, 68, words)]
        x += 30 + 7 * len(words)
    return parts


def _grid(scale, height):
    parts = []
    for decade in range(scale.decades + 1):
        x = scale(10**decade)
        parts.append(
            f'<line class="grid" x1="{x:.1f}" y1="{_TOP}" x2="{x:.1f}" y2="{height - 20}"/>'
        )
        for y in (_TOP - 6, height - 6):
            parts.append(_text(x, y, f"{10**decade:,}".replace(",", " "), "soft", "middle"))
    return parts


def _row(name, count, platforms, scale, y):
    """Return the elements of one op: its name, a line from its least to its largest count, and the
    marks. Where two marks coincide, the later one is smaller and on top."""
    parts = [_text(_LEFT - 10, y + 4, name.removeprefix("op."), "", "end")]
    ends = [scale(value) for value in count.values()]
    if max(ends) > min(ends):
        parts.append(
            f'<line class="span" x1="{min(ends):.1f}" y1="{y}" x2="{max(ends):.1f}" y2="{y}"/>'
        )
    for number, ((css, shape), platform) in enumerate(zip(_MARKS, platforms)):
        if platform in count:
            words = f"{name.removeprefix('op.')} on {platform}: {count[platform]}"
            parts.append(_mark(shape, css, scale(count[platform]), y, 6 - 1.5 * number, words))
    return parts


def _mark(shape, css, x, y, size=5, words=""):
    tip = f"<title>{escape(words)}</title>" if words else ""
    if shape == "circle":
        return f'<circle class="{css}" cx="{x:.1f}" cy="{y}" r="{size}">{tip}</circle>'
    corners = {
        "square": ((-1, -1), (1, -1), (1, 1), (-1, 1)),
        "diamond": ((0, -1.4), (1.4, 0), (0, 1.4), (-1.4, 0)),
        "triangle": ((0, -1.2), (1.2, 1), (-1.2, 1)),
    }[shape]
    points = " ".join(f"{x + dx * size * 0.9:.1f},{y + dy * size * 0.9:.1f}" for dx, dy in corners)
    return f'<polygon class="{css}" points="{points}">{tip}</polygon>'


def _text(x, y, text, css="", anchor="start"):
    css = f' class="{css}"' if css else ""
    return f'<text x="{x:.1f}" y="{y}"{css} text-anchor="{anchor}">{escape(text)}</text>'
