# SPDX-License-Identifier: MIT
"""Draw the cost of one op: a bar for each platform, on a logarithmic scale, as SVG inside a page.

The text has the page's own colour, so that the chart is readable on light and dark pages."""

import math
from html import escape

_ROW, _BAR, _LEFT, _PLOT, _RIGHT = 24, 14, 90, 380, 190
_DECADES = 6  # 1 to 1,000,000 instructions; a longer bar ends at the edge
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")  # distinct to a colour-blind reader


def render(costs):
    """Return the SVG for the Costs that were measured; "" if nothing was measured."""
    counted = [cost for cost in costs if cost.ticks is not None]
    if not counted:
        return ""
    width, height = _LEFT + _PLOT + _RIGHT, _ROW * (len(counted) + 1) + 8
    label = "; ".join(f"{cost.platform}: {cost.ticks:g} instructions" for cost in counted)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" class="cost" viewBox="0 0 {width} {height}" '
             f'role="img" aria-label="{escape(label)}">']
    parts += _grid(height)
    for number, cost in enumerate(counted):
        parts += _bar(cost, 4 + number * _ROW, _COLOURS[number % len(_COLOURS)])
    return "".join(parts) + "</svg>"


def _grid(height):
    for decade in range(_DECADES + 1):
        x = _LEFT + _PLOT * decade / _DECADES
        yield f'<path d="M{x:.0f} 0V{height - 20}" class="grid"/>'
        yield f'<text x="{x:.0f}" y="{height - 6}" text-anchor="middle">{10**decade:,}</text>'


def _bar(cost, top, colour):
    length = length_of(cost.ticks)
    calls = "" if cost.hypercalls is None else f", {cost.hypercalls:g} hypercalls"
    if cost.hypercalls == 1:
        calls = ", 1 hypercall"
    yield f'<text x="{_LEFT - 8}" y="{top + 12}" text-anchor="end">{escape(cost.platform)}</text>'
    yield f'<rect x="{_LEFT}" y="{top}" width="{length:.1f}" height="{_BAR}" fill="{colour}"/>'
    yield f'<text x="{_LEFT + length + 6:.1f}" y="{top + 12}">{cost.ticks:g}{calls}</text>'


def length_of(ticks):
    """Return a bar's length: 1 instruction and less is a line of 2 pixels."""
    return max(2.0, min(_PLOT, _PLOT * math.log10(max(ticks, 1)) / _DECADES))
