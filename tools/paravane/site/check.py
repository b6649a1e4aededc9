# SPDX-License-Identifier: MIT
"""Check the built site: every link leads to something, no page loads anything from elsewhere, and
the whole is small enough."""

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

SIZE_MAX = 10_000_000  # bytes
# Attributes by which a page loads something at once, by element.
_LOADS = {"img": "src", "script": "src", "link": "href", "iframe": "src", "source": "src"}
_IN_CSS = re.compile(r"""url\(\s*['"]?(?!data:)([^'")\s]+)""")


class _Page(HTMLParser):
    """The ids of a page, its links, and what it loads."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.loads = set(), [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.ids.update(filter(None, (values.get("id"), values.get("name"))))
        if tag == "a" and values.get("href"):
            self.links.append(values["href"])
        loaded = values.get(_LOADS.get(tag, ""))
        if loaded and not (tag == "link" and values.get("rel") in ("next", "prev", "search",
                                                                   "index", "author")):
            self.loads.append(loaded)


def faults(root):
    """Return a line for each fault of the site in this folder."""
    pages = {path: _Page(path.read_text()) for path in sorted(root.rglob("*.html"))}
    found = []
    for path, page in pages.items():
        name = path.relative_to(root).as_posix()
        found += [f"{name}: {fault}" for link in dict.fromkeys(page.links + page.loads)
                  if (fault := _fault_of(link, path, pages))]
        found += [f"{name}: loads {link} from elsewhere" for link in page.loads
                  if _is_outside(link)]
    for path in sorted(root.rglob("*.css")):
        for link in dict.fromkeys(_IN_CSS.findall(path.read_text())):
            fault = ("it loads from elsewhere: " + link if _is_outside(link)
                     else _fault_of(link, path, pages))
            found += [f"{path.relative_to(root).as_posix()}: {fault}"] if fault else []
    if size(root)[1] > SIZE_MAX:
        found.append(f"the site has {size(root)[1]} bytes, more than {SIZE_MAX}")
    return found


def _is_outside(link):
    return bool(urlsplit(link).netloc)


def _fault_of(link, path, pages):
    """Return what is wrong with a link of the page at path; "" if nothing is."""
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return ""
    target = path if not parts.path else Path(path.parent / unquote(parts.path)).resolve()
    if target.is_dir() or not target.exists():
        return f"a link to {link}, which does not exist"
    anchor = unquote(parts.fragment)
    if anchor and target in pages and anchor not in pages[target].ids:
        return f"a link to {link}, whose page has no such place"
    return ""


def size(root):
    """Return (how many files, how many bytes)."""
    sizes = [path.stat().st_size for path in root.rglob("*") if path.is_file()]
    return len(sizes), sum(sizes)
