# SPDX-License-Identifier: MIT
"""Look at the built site in Chromium: do its pages load and draw without an error, do their links
lead to something, can they be read on a phone, in the dark and in the light, and does the search
find anything? check.py looks at all pages as text; this looks at some as a reader sees them."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

DESK, PHONE = (1200, 900), (375, 667)  # pixels
CPU_MOST = 1.0  # seconds of CPU that the first page may take until it is drawn
_TEXT_LEAST = 9.0  # pixels, of text in a chart or a picture
_CONTRAST_LEAST = 4.5  # of text (Web Content Accessibility Guidelines, 1.4.3)
# Pages with one form are many, so a few of them stand for all.
_OF_MANY = {
    "docs/op": ("index", "class-mmu", "set_pte", "irq_enable", "banner"),
    "docs/guide": ("README", "01-what-is-privileged", "04-traps", "14-hypervisor-bug", "solutions"),
}
_GENERATED = ("genindex", "search")

_FACTS = """(() => {
  const of = (node) => node.outerHTML.slice(0, 70);
  const outside = (box, view) =>
    box.width <= 0 || box.x < -1 || box.x + box.width > view.width + 1;
  const chart = (svg) => {
    const view = svg.viewBox.baseVal, bars = [...svg.querySelectorAll("rect")];
    if (!bars.length) return "has no bar";
    const parts = [...bars, ...svg.querySelectorAll("text")];
    const bad = parts.find((part) => outside(part.getBBox(), view));
    return bad ? "draws outside of its frame: " + of(bad) : "";
  };
  return {
    links: [...document.links].map((link) => link.href),
    images: [...document.images].filter((one) => !one.naturalWidth).map((one) => one.src),
    charts: [...document.querySelectorAll("svg.cost")].map(chart).filter((fault) => fault),
    width: document.documentElement.scrollWidth,
  };
})()"""

# How large the text of charts and pictures is drawn. That of a picture has 12 pixels of its own.
_SIZES = """(() => {
  const scale = (svg) => svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
  const chart = (svg) => parseFloat(getComputedStyle(svg).fontSize) * scale(svg);
  const picture = (one) => [one.src.split("/").pop(), 12 * one.width / one.naturalWidth];
  return [
    ...[...document.querySelectorAll("svg.cost")].map((svg) => ["a chart", chart(svg)]),
    ...[...document.images].filter((one) => one.naturalWidth).map(picture),
  ];
})()"""

# The text's contrast to what is behind it. prose: allow
_COLOURS = """(() => {
  const light = (colour) => {
    const part = (value) => value <= 10.31 ? value / 3294.6 :
      ((value / 255 + 0.055) / 1.055) ** 2.4;
    const [r, g, b] = colour.match(/[\\d.]+/g).map(Number).map(part);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (node) => {
    for (; node; node = node.parentElement) {
      const colour = getComputedStyle(node).backgroundColor;
      if (!/, 0\\)$|transparent/.test(colour)) return light(colour);
    }
    return 1;
  };
  const contrast = (node, kind) => {
    const two = [light(getComputedStyle(node)[kind]), ground(node)].sort((a, b) => b - a);
    return (two[0] + 0.05) / (two[1] + 0.05);
  };
  const all = [];
  for (const node of document.querySelectorAll("article p, article td, article p a"))
    all.push(contrast(node, "color"));
  for (const node of document.querySelectorAll("svg.cost text"))
    all.push(contrast(node, "fill"));
  return {ground: ground(document.querySelector("article") || document.body),
          contrast: Math.min(21, ...all)};
})()"""

_RESULTS = """new Promise((found) => {
  const look = (turns) => {
    const count = document.querySelectorAll("#search-results li").length;
    count || !turns ? found(count) : setTimeout(() => look(turns - 1), 50);
  };
  look(%d);
})"""


def sample(root):
    """Return the pages to open: all, but only a few of those that have the same form."""
    chosen = []
    for path in sorted(root.rglob("*.html")):
        folder, few = path.parent.relative_to(root).as_posix(), None
        few = _OF_MANY.get(folder)
        if path.stem not in _GENERATED and (not few or path.stem in few):
            chosen.append(path)
    return sorted(chosen, key=lambda path: path != root / "index.html")


def faults(chromium, root):
    """Return (a line for each fault of the site in this folder, a line on the first page's
    time)."""
    pages, found = sample(root), []
    empty = _first_paint(chromium, "data:text/html,<p>x")
    paint, cpu = _first_paint(chromium, pages[0].as_uri()), chromium.cpu_seconds()
    if cpu > CPU_MOST:
        found.append(f"the first page takes {cpu:.2f} s of CPU, more than {CPU_MOST:g}")
    for path in pages:
        found += page_faults(chromium, root, path)
    for path in (root / "index.html", root / "docs/op/set_pte.html"):
        found += theme_faults(chromium, root, path)
    found += search_faults(chromium, root)
    return found, (f"{len(pages)} pages; the first is drawn after {paint:.0f} ms, an empty one "
                   f"after {empty:.0f} ms; it takes {cpu:.2f} s of CPU")


def page_faults(chromium, root, path):
    """Return a line for each fault of one page: what the browser reports, links as it resolves
    them, pictures, charts, and its width on a phone."""
    name = path.relative_to(root).as_posix()
    _resize(chromium, DESK)
    found = [_reported(event) for event in chromium.open(path.as_uri())]
    facts = chromium.script(_FACTS)
    found += [f"a link to {link}, which does not exist" for link in dict.fromkeys(facts["links"])
              if not _exists(link)]
    found += [f"the picture {source} is not shown" for source in facts["images"]]
    found += [f"a chart {fault}" for fault in facts["charts"]]
    _resize(chromium, PHONE)
    width = chromium.script(_FACTS)["width"]
    if width > PHONE[0]:
        found.append(f"it is {width} pixels wide on a screen of {PHONE[0]}")
    found += [f"text of {size:.0f} pixels in {what}, on a screen of {PHONE[0]}"
              for what, size in chromium.script(_SIZES) if size < _TEXT_LEAST]
    return [f"{name}: {fault}" for fault in dict.fromkeys(found) if fault]


def theme_faults(chromium, root, path):
    """Return a line for each fault of a page in light and in dark colours, and of the button that
    exchanges them."""
    name, found = path.relative_to(root).as_posix(), []
    _resize(chromium, DESK)
    for theme in ("light", "dark"):
        chromium.call("Emulation.setEmulatedMedia",
                      features=[{"name": "prefers-color-scheme", "value": theme}])
        chromium.open(path.as_uri())
        colours = chromium.script(_COLOURS)
        if (colours["ground"] > 0.5) != (theme == "light"):
            found.append(f"{name}: it is not {theme} where the reader asks for that")
        if colours["contrast"] < _CONTRAST_LEAST:
            found.append(f"{name}: {theme}: text has the contrast {colours['contrast']:.1f}, "
                         f"less than {_CONTRAST_LEAST}")
    chromium.script("document.querySelector('.theme-toggle').click()")
    chromium.drawn()
    if chromium.script(_COLOURS)["ground"] < 0.5:
        found.append(f"{name}: the button leaves the page dark")
    chromium.script("localStorage.clear()")
    chromium.call("Emulation.setEmulatedMedia", features=[])
    return found


def search_faults(chromium, root, turns=400):
    """Return a line if the search finds nothing in so many turns of 50 ms, or finds a word that no
    page has."""
    found = []
    for word, is_there in (("hypercall", True), ("xyzzyx", False)):
        url = f"{(root / 'search.html').as_uri()}?q={word}"
        found += [f"search.html: {line}" for event in chromium.open(url)
                  if (line := _reported(event))]
        if bool(chromium.script(_RESULTS % (turns if is_there else 10))) != is_there:
            found.append(f"search.html: a search for {word} finds "
                         + ("nothing" if is_there else "something"))
    return found


def _resize(chromium, size):
    chromium.call("Emulation.setDeviceMetricsOverride", width=size[0], height=size[1],
                  deviceScaleFactor=1, mobile=size == PHONE)


def _first_paint(chromium, url):
    """Return after how many milliseconds the page was first drawn."""
    chromium.open(url)
    chromium.drawn()
    return chromium.script(
        "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0")


def _reported(event):
    """Return what an event of the browser says of an error; "" if it says nothing of one."""
    method, params = event.get("method"), event.get("params", {})
    if method == "Network.requestWillBeSent":
        url = params["request"]["url"]
        return "" if urlsplit(url).scheme in ("file", "data") else f"it asks for {url}"
    if method == "Log.entryAdded" and params["entry"]["level"] == "error":
        entry = params["entry"]
        return f"the browser reports: {entry['text']} {entry.get('url', '')}".rstrip()
    if method == "Runtime.exceptionThrown":
        details = params["exceptionDetails"]
        text = details.get("exception", {}).get("description", details["text"])
        return "a script fails: " + text.partition("\n")[0]
    if method == "Runtime.consoleAPICalled" and params["type"] in ("error", "assert"):
        said = " ".join(str(one.get("value", one.get("description"))) for one in params["args"])
        return f"the console has: {said}"
    return ""


def _exists(link):
    """Return whether a link within the site leads to a file. Others are not followed."""
    parts = urlsplit(link)
    return parts.scheme != "file" or Path(unquote(parts.path)).is_file()
