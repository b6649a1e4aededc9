# SPDX-License-Identifier: MIT
"""List the proofs that a repro can report bad, and that it can report good.

A proof is a verdict that the head promises for a packaged hypervisor or for bare metal, which
`repro --all --xen …` checks; or a control (controls.py). A repro of the tree without one of the two
proofs is an error, unless its head gives the reason: `@control none: reason`.
"""

from ..run import platforms
from . import controls, repros

# As `setup --xen` gets them: of Debian 11, 12 (main and security) and 13.
PACKAGED = ("4.14.6", "4.17.5+72", "4.17.7", "4.20.4")


def of(repro, listed):
    """Return {verdict: [its proofs, in words]} for bad and good. listed: the Controls."""
    own = [control for control in listed if control.repro == repro.name]
    return {verdict: _of(repro, own, verdict) for verdict in ("bad", "good")}


def _of(repro, own, verdict):
    on_xen = [name for name in repro.platforms if platforms.PLATFORMS[name].on_xen]
    versions = [v for v in PACKAGED if any(repro.expected(name, v) == verdict for name in on_xen)]
    found = (
        ["Xen " + ", ".join(version.partition("+")[0] for version in versions)] if versions else []
    )
    if any(repro.expected(name, "") == verdict for name in repro.platforms if name not in on_xen):
        found.append("bare metal")
    edited = [control.name for control in own if control.verdict == verdict]
    unedited = [
        controls.PLAIN[control.config].name for control in own if control.verdict != verdict
    ]
    return found + [f"control {name}" for name in edited] + [f"build {name}"
                                                             for name in dict.fromkeys(unedited)]


def lacking(known, listed):
    """Yield a line for each proof that a Repro of `known` should have and does not have."""
    for repro in known:
        proofs = of(repro, listed)
        if not proofs["bad"] and not repro.control:
            yield (
                f"no proof of bad: {repro.name}: no packaged Xen is expected to be bad and no "
                "control breaks it; "
                f"give {controls.FILE.name} a section [{repro.name}], or its head a line '@control "
                "none: why'"
            )
        if not proofs["good"]:
            yield (f"no proof of good: {repro.name}: give {controls.FILE.name} a section "
                   f"[{repro.name}] that repairs it")


def rows(known, listed):
    """Yield the table of docs/repro.md, as lines of Markdown."""
    yield "| repro | platforms | proof of bad | proof of good |"
    yield "|---|---|---|---|"
    for repro in known:
        proofs = of(repro, listed)
        none = f"none: {repro.control}" if repro.control else "none"
        bad, good = ("; ".join(proofs[verdict]) for verdict in ("bad", "good"))
        yield f"| {repro.name} | {' '.join(repro.platforms)} | {bad or none} | {good or 'none'} |"


def check():
    """Return the lines of lacking() for the tree."""
    return list(lacking(repros.all_repros().values(), controls.load().values()))
