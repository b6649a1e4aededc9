# SPDX-License-Identifier: MIT
"""Steps of `./run.sh test`: the web site of `./run.sh docs`, as text and as a browser shows it."""

from ..common import build_dir
from ..site import browser, look
from .step import RUN, Skipped, Step, check

BUILT = "docs: the web site"

_FAULTY = """<!doctype html><meta name="viewport" content="width=device-width"><title>faults</title>
<article><p style="color: #777; background: #888">hardly to be read</p><a href="nowhere.html">a</a>
<img src="missing.png"><img src="https://example.org/elsewhere.png">
<svg class="cost" viewBox="0 0 100 20"><rect width="300" height="5"/></svg>
<svg class="cost" viewBox="0 0 2000 20" style="width: 100%; font: 12px sans-serif"><rect width="5"
height="5"/></svg><img style="width: 100%" src="wide.svg">
<div style="width: 900px">wide</div></article><button class="theme-toggle"></button>
<script>console.error("a sentence"); null.method()</script>
"""
_WIDE = '<svg xmlns="http://www.w3.org/2000/svg" width="2000" height="50"/>'
# What the browser has to report of that page.
_REPORTS = ("nowhere.html, which does not exist", "missing.png is not shown",
            "asks for https://example.org", "the console has: a sentence", "a script fails: ",
            "a chart draws outside", "pixels wide on a screen of 375", "has the contrast 1.",
            "pixels in a chart, on", "pixels in wide.svg", "not dark where the reader asks",
            "finds nothing")


def steps(scratch):
    yield Step(BUILT, [*RUN, "docs", "--on", "qemu"], words=r"site/index.html: \d+ files",
               may_skip=True)
    yield check("docs: the site in Chromium, and a page with each fault", _in_chromium, scratch,
                needs=(BUILT,))


def _in_chromium(scratch):
    """Return (the faults that were seen in the site or not seen in a faulty one, what was seen)."""
    binary, site = browser.find(), (build_dir() / "site").resolve()
    if not binary:
        raise Skipped(browser.REMEDY)
    with browser.Browser(binary) as chromium:
        missed = _not_reported(chromium, scratch)
        found, seen = look.faults(chromium, site)
    problems = [f"not reported of a faulty page: {one}" for one in missed] + found
    return "\n".join(problems), seen


def _not_reported(chromium, scratch):
    """Return what the look at a page that has every fault does not report."""
    for name in ("index.html", "search.html"):
        (scratch / name).write_text(_FAULTY)
    (scratch / "wide.svg").write_text(_WIDE)
    root = scratch.resolve()
    page = root / "index.html"
    shown = "\n".join([*look.page_faults(chromium, root, page),
                       *look.theme_faults(chromium, root, page),
                       *look.search_faults(chromium, root, turns=10)])
    return [words for words in _REPORTS if words not in shown]
