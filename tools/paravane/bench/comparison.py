# SPDX-License-Identifier: MIT
"""Compare two benchmarks: the ratios of the counts, new to old, and those that exceed the limit."""

from dataclasses import dataclass

from ..common import EXIT_USAGE, Trouble

LIMIT = 1.5  # honest small changes stay below
SLACK = {"count": 4, "hypercalls": 0.1}  # and so much more is never too much, whatever the ratio

# What depends on where the linker put the code: Xen emulates the access of a PVH guest to the APIC,
# and
# reads the instruction from two pages if it lies near the end of one. (start of the name,
# platform): the
# factor between both.
LAYOUT = {("op.apic_", "xen-pvh"): 1.8}


@dataclass(frozen=True)
class Pair:
    """One figure, before and now."""

    name: str
    platform: str
    kind: str
    old: float
    new: float
    unit: str

    @property
    def ratio(self):
        return self.new / self.old if self.old else float("inf") if self.new else 1.0

    def is_over(self, limit):
        layout = (f for (start, on), f in LAYOUT.items() if self.name.startswith(start)
                  and self.platform == on)
        return (
            self.new > self.old * limit * max(layout, default=1)
            and self.new - self.old > SLACK[self.kind]
        )

    def __str__(self):
        what = "hypercalls" if self.kind == "hypercalls" else self.unit
        return f"{self.name} on {self.platform}: {self.old:g} to {self.new:g} {what}"


def check_names(old, ops):
    """Raise Trouble if a document has ops that do not exist any more, because it cannot be
    compared."""
    unknown = [n for n in old.measurements if n.startswith("op.") and n[3:] not in ops]
    if unknown:
        raise Trouble(
            f"--against: {old.path} names an op that does not exist: {unknown[0][3:]}; write a new "
            "one",
            EXIT_USAGE,
        )


def compare(old, new, limit):
    """Return (lines, whether all is within the limit) for the platforms of which this run has
    counts."""
    platforms = new.counted()
    pairs = list(_pairs(old, new, platforms))
    over = [pair for pair in pairs if pair.is_over(limit)]
    gone = list(_gone(old, new, platforms))
    lines = ["", f"against {old.path}, limit {limit:g}"]
    lines += [
        f"  made by {key} {value}, this by {new.made_by.get(key)}: that alone changes counts"
        for key, value in old.made_by.items()
        if new.made_by.get(key, value) != value
    ]
    changed = [pair for pair in pairs if abs(pair.ratio - 1) >= 0.005]
    for pair in sorted(changed, key=lambda p: -p.ratio):
        mark = "OVER" if pair in over else "    "
        lines.append(f"  {mark} {pair.ratio:6.2f}  {pair}")
    lines += [f"  GONE         {line}" for line in gone]
    if not pairs:
        gone.append(f"{old.path} has nothing to compare with on {', '.join(platforms)}")
        lines.append("  " + gone[0])
    same = f"{len(pairs) - len(changed)} the same within 0.5 %"
    lines.append(
        f"{len(pairs)} figures compared: {same}, {len(over)} over the limit, {len(gone)} gone"
    )
    return lines, not over and not gone


def _pairs(old, new, platforms):
    for name, then in old.measurements.items():
        now = new.measurements.get(name)
        for kind in SLACK if now else ():
            was, is_now = getattr(then, kind), getattr(now, kind)
            for platform in platforms:
                if platform in was and platform in is_now:
                    yield Pair(name, platform, kind, was[platform], is_now[platform], now.unit)


def _gone(old, new, platforms):
    """Return the names that were measured before and are not measured now."""
    for name, then in old.measurements.items():
        now = new.measurements.get(name)
        for platform in platforms:
            if platform in then.count and (not now or platform not in now.count):
                reason = now.reason.get(platform, "") if now else "no such measurement"
                yield f"{name} on {platform}: {reason or 'no figure'}"
