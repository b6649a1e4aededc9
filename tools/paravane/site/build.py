# SPDX-License-Identifier: MIT
"""Assemble the site's source from the documents and the pages about ops, and have Sphinx build
it."""

import re
import shutil
import subprocess
from pathlib import Path

from ..common import EXIT_SKIP, ROOT, Trouble, short

_TOP = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")
_GUIDE = ("labs", "shell", "tour")
_MANUAL = ("manual", "glossary", "apps", "domu", "kvm", "hyperv", "repro", "backend")
_REFERENCE = ("ops", "patching", "api-or-abi", "pitfalls", "facts", "hostile", "mutants", "bench",
              "found", "ops-results", "style")
_LINK = re.compile(r"(?<!!)\[((?:`[^`\n]*`|[^\]`\n])*)\]\(([^)#\s]+)(#[^)\s]*)?\)")
_CODE = re.compile(r"(?ms)(^```.*?^```$)")
# Debian's Furo loads this style sheet by an address that only a web server can have.
_NORMALIZE = Path("/usr/share/javascript/normalize.css/normalize.css")
_IMPORT = "@import url(/javascript/normalize.css/normalize.css);"
_PYTHON = "/usr/bin/python3"  # for which the distribution packages Sphinx, whichever runs this

_CONF = """\
project = "Paravane"
author = "the Paravane authors"
copyright = "the Paravane authors"
extensions = ["myst_parser"]
myst_enable_extensions = ["deflist"]
myst_heading_anchors = 4
html_theme = "furo"
html_title = "Paravane"
html_static_path = ["_static"]
html_css_files = ["paravane.css"]
html_js_files = ["theme.js"]
html_extra_path = ["extra"]
html_show_sourcelink = False
html_copy_source = False
html_show_search_summary = False  # it would fetch pages, which a browser refuses to do from a file
suppress_warnings = ["myst.header", "misc.highlighting_failure"]
exclude_patterns = ["extra"]


def setup(app):
    # Debian's Furo has its script as a module, which a browser does not load from a file.
    app.connect("html-page-context", without_furos_script, priority=900)


def without_furos_script(app, page, template, context, doctree):
    listed = context.get("script_files", [])
    context["script_files"] = [one for one in listed if "furo.js" not in str(one)]
"""

# What of Furo's script the site needs: the button that switches between light and dark.
_SCRIPT = """\
addEventListener("DOMContentLoaded", () => {
  const theme = document.body.dataset;
  const isDark = matchMedia("(prefers-color-scheme: dark)").matches;
  try { theme.theme = localStorage.theme || (isDark ? "dark" : "light"); }
  catch { theme.theme = isDark ? "dark" : "light"; }
  document.documentElement.classList.remove("no-js");
  for (const button of document.getElementsByClassName("theme-toggle"))
    button.addEventListener("click", () => {
      theme.theme = theme.theme === "dark" ? "light" : "dark";
      try { localStorage.theme = theme.theme; } catch { /* not kept */ }
    });
});
"""

_CSS = """\
svg.cost { max-width: 30rem; width: 100%; font: 12px sans-serif }
svg.cost text { fill: currentColor }
svg.cost .grid { stroke: currentColor; stroke-opacity: .15; fill: none }
table.docutils td { vertical-align: top }
.table-wrapper { overflow-x: auto }
/* A picture has a white ground. */
body[data-theme="dark"] article img { filter: invert(.91) hue-rotate(180deg) }
/* Its text is too small to read if it is as wide as a phone. */
@media (max-width: 46rem) {
  article p:has(> img) { overflow-x: auto }
  article img { max-width: none; min-width: 42rem }
}
"""


def assemble(source, pages):
    """Write the source tree of the site: the documents where they are in the tree, the pages,
    [(name, text)], in docs/op/, and a copy of each source file that one of them links to."""
    shutil.rmtree(source, ignore_errors=True)
    for folder in ("docs/op", "_static", "extra/source"):
        (source / folder).mkdir(parents=True)
    (source / "conf.py").write_text(_CONF)
    (source / "_static/paravane.css").write_text(_CSS)
    (source / "_static/theme.js").write_text(_SCRIPT)
    copied = set()
    for path in [*_TOP, *(short(p) for p in sorted((ROOT / "docs").rglob("*.md")))]:
        (source / path).parent.mkdir(exist_ok=True)
        (source / path).write_text(with_links(path, (ROOT / path).read_text(), copied))
    for picture in (ROOT / "docs").rglob("*.svg"):
        shutil.copyfile(picture, source / short(picture))
    for name, text in pages:
        copied.update(re.findall(r'href="\.\./\.\./source/([^"]+)\.txt"', text))
        (source / "docs/op" / f"{name}.md").write_text(text)
    (source / "index.md").write_text(_index())
    for path in sorted(copied):
        target = source / "extra/source" / f"{path}.txt"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / path, target)


def with_links(page, text, copied):
    """Return a document's text with each link to a file of the tree that is not a page replaced by
    a link to its copy, whose path is added to copied. Raise Trouble if the file does not exist. In
    a block of code a call of an array's element looks like a link, and stays."""
    prefix = "../" * page.count("/")

    def replaced(match):
        words, target = match[1], match[2]
        if re.match(r"[a-z]+:", target):
            return match[0]
        path = _relative(page, target)
        if not (ROOT / path).exists():
            raise Trouble(f"{page} links to {target}, which does not exist")
        if path.endswith((".md", ".svg")):
            return match[0]
        if (ROOT / path).is_dir():
            return words
        copied.add(path)
        words = re.sub(r"`([^`]*)`", r"<code>\1</code>", words)
        return f'<a href="{prefix}source/{path}.txt">{words}</a>'

    parts = _CODE.split(text)  # every other one is a block of code
    parts[::2] = [_LINK.sub(replaced, part) for part in parts[::2]]
    return "".join(parts)


def _relative(page, target):
    """Return the path in the tree that a link of the page leads to."""
    parts = []
    for part in [*Path(page).parent.parts, *Path(target).parts]:
        if part == "..":
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts)


def _index():
    listed = {*_GUIDE, *_MANUAL, *_REFERENCE}
    chapters = sorted(short(path)[:-3] for path in (ROOT / "docs/guide").glob("*.md"))
    chapters.sort(key=lambda name: (not name.endswith("README"), name))
    more = sorted(path.stem for path in (ROOT / "docs").glob("*.md") if path.stem not in listed)

    def toc(caption, entries):
        return "\n".join(["```{toctree}", f":caption: {caption}", ":maxdepth: 1", "", *entries,
                          "```", ""])

    return "\n".join([
        "# Paravane", "",
        "A small x86-64 kernel in which every privileged action is an op of one table, with "
        "backends for bare metal and hypervisors. To learn paravirtualization, start with "
        "[the guide](docs/guide/README.md), solve [the labs](docs/labs.md), and call ops by hand "
        "in [the monitor](docs/shell.md). Look up an op in [the atlas](docs/op/index.md), and what "
        "a command does in [the manual](docs/manual.md).", "",
        toc("Guide", [*chapters, *(f"docs/{name}" for name in _GUIDE)]),
        toc("Manual", ["README", *(f"docs/{name}" for name in _MANUAL)]),
        toc("Reference", ["docs/op/index", *(f"docs/{name}" for name in [*_REFERENCE, *more])]),
        toc("Project", ["CONTRIBUTING", "SECURITY", "CHANGELOG"]),
    ])


def run_sphinx(source, target):
    """Build the site. Raise Trouble, with Sphinx's own words, if it warns."""
    command = [_PYTHON, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html", "-d",
               str(source / ".doctrees"), str(source), str(target)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          check=False)
    if done.returncode != 0:
        if "No module named" in done.stderr:
            raise Trouble("the site needs Sphinx, MyST and Furo: ./run.sh setup installs "
                          "python3-sphinx, python3-myst-parser and furo", EXIT_SKIP)
        raise Trouble("Sphinx: " + done.stderr.strip())
    _complete_styles(target / "_static/styles")


def _complete_styles(folder):
    """Have the theme's style sheet load a copy of the one that it imports from a web server."""
    sheet = folder / "furo.css"
    text = sheet.read_text() if sheet.exists() else ""
    if _IMPORT not in text:
        return
    own = "@import url(normalize.css);" if _NORMALIZE.exists() else ""
    if own:
        shutil.copyfile(_NORMALIZE, folder / "normalize.css")
    sheet.write_text(text.replace(_IMPORT, own))
