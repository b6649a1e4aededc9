"""How long things take: wall-clock for a feeling, instructions for a comparison.

Wall-clock is noisy (a factor of two on a busy computer) and no test may depend on it. With
QEMU's -icount the TSC counts instructions, one a tick, and two runs give the same figure; it leaves
out what caches and TLBs cost.
"""

import dataclasses
import statistics

RUNS = 3
COUNTED = ("qemu", "xen-pv", "xen-pvh")

# What an image that prints one line takes on each platform, from start to that line, in seconds.
REFERENCE = {
    "qemu": "0.10-0.17",
    "microvm": "0.05",
    "grub": "0.6-0.7",
    "uefi": "4-6",
    "xen-pv": "1.2-1.9",
    "xen-pvh": "1.4-2.1",
    "xen-grub": "2.1-2.5",
}


def run(directory, platforms, options):
    """Prints the figures, and returns them as a document."""
    rows = [_platform(directory, platform, options) for platform in platforms]
    print(f"seconds, median of {RUNS} (noisy: up to 2x); reference: a bare image to its first line")
    print(f"{'':9}  {'first line':>10}  {'reference':>10}  {'to verdict':>10}  {'process':>8}")
    for row in rows:
        if "skipped" in row:
            print(f"{row['platform']:9}  {row['skipped']}")
            continue
        print(
            f"{row['platform']:9}  {row['first_line']:10.3f}  {row['reference']:>10}  "
            f"{row['guest']:10.3f}  {row['process']:8.3f}"
        )
    print("\ninstructions from entry to verdict (-icount, one CPU, two runs)")
    for row in rows:
        if "instructions" in row:
            print(f"{row['platform']:9}  {' / '.join(str(n) for n in row['instructions'])}")
    return {"ok": all(row["ok"] for row in rows), "platforms": rows}


def _platform(directory, platform, options):
    timed = [directory.run(platform, options, label=f"-{i}") for i in range(RUNS)]
    if not timed[0].ran:
        return {"platform": platform.name, "skipped": timed[0].reason, "ok": True}
    row = {
        "platform": platform.name,
        "first_line": _median(timed, "first_seconds"),
        "guest": _median(timed, "guest_seconds"),
        "process": _median(timed, "seconds"),
        "reference": REFERENCE[platform.name],
        "ok": all(result.status == "PASS" for result in timed),
    }
    if platform.name in COUNTED:
        counting = dataclasses.replace(options, icount=True, smp=1)
        counted = [directory.run(platform, counting, label=f"-count{i}") for i in range(2)]
        row["instructions"] = [result.ticks for result in counted]
        row["ok"] = row["ok"] and all(result.status == "PASS" for result in counted)
    return row


def _median(results, name):
    return statistics.median(getattr(result, name) for result in results)
