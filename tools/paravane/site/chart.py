# SPDX-License-Identifier: MIT
"""Draw the cost of one op: a bar for each platform, on a logarithmic scale, as SVG inside a page.

The text has the page's own colour, so that the chart is readable on light and dark pages. A bar's
words are above it, so that the chart is narrow enough for a phone."""

import math
from html import escape

_ROW, _BAR, _LEFT, _PLOT, _RIGHT = 36, 12, 8, 360, 32
_DECADES = ("1", "10", "100", "1 k", "10 k", "100 k", "1 M")  # a longer bar ends at the edge
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")  # distinct to a colour-blind reader


def render(costs):
    """Return the SVG for the Costs that were measured; "" if nothing was measured."""
    counted = [cost for cost in costs if cost.ticks is not None]
    if not counted:
        return ""
    width, height = _LEFT + _PLOT + _RIGHT, _ROW * len(counted) + 24
    label = "; ".join(map(_words, counted))
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" class="cost" viewBox="0 0 {width} {height}" '
             f'role="img" aria-label="{escape(label)}">']
    parts += _grid(height)
    for number, cost in enumerate(counted):
        parts += _bar(cost, number * _ROW, _COLOURS[number % len(_COLOURS)])
    return "".join(parts) + "</svg>"


def _grid(height):
    for decade, label in enumerate(_DECADES):
        x = _LEFT + _PLOT * decade / (len(_DECADES) - 1)
        yield f'<path d="M{x:.0f} 0V{height - 18}" class="grid"/>'
        yield f'<text x="{x:.0f}" y="{height - 4}" text-anchor="middle">{label}</text>'


def _words(cost):
    calls = "" if cost.hypercalls is None else f", {_count(cost.hypercalls, 'hypercall')}"
    return f"{cost.platform}: {_count(cost.ticks, 'instruction')}{calls}"


def _count(number, of):
    return f"{number:,g} {of}" + ("" if number == 1 else "s")


def _bar(cost, top, colour):
    length = length_of(cost.ticks)
    yield f'<text x="{_LEFT + 4}" y="{top + 13}">{escape(_words(cost))}</text>'
    yield (f'<rect x="{_LEFT}" y="{top + 18}" width="{length:.1f}" height="{_BAR}" '
           f'fill="{colour}"/>')


def length_of(ticks):
    """Return a bar's length: 1 instruction and less is a line of 2 pixels."""
    return max(2.0, min(_PLOT, _PLOT * math.log10(max(ticks, 1)) / (len(_DECADES) - 1)))
