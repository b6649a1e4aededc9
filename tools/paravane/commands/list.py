# SPDX-License-Identifier: MIT
"""List what there is to run, and on what."""

import shutil

from .. import payloads
from ..commandline import nothing_more
from ..common import EXIT_PASS
from ..repro import controls, proofs, repros
from ..run import emulators, packaged, platforms, xen


def run(args, _caller):
    if args == ["--repros"]:
        known = list(controls.load().values())
        print("\n".join(repros.listing(repros.all_repros(), lambda one: proofs.of(one, known))))
        return EXIT_PASS
    nothing_more("list", args)
    print("platforms:")
    for platform in platforms.PLATFORMS.values():
        state = platforms.lacking(platform)
        print(f"  {platform.name:9} {platform.backend:8} {platform.how}")
        if state:
            print(f"  {'':9} not here: {state}")
    print("hypervisors:")
    hypervisors = xen.installed()
    for name, path in hypervisors.items():
        print(f"  Xen {name:13} {path}")
    for version, path in packaged.cached().items():
        print(f"  Xen {version:13} {path}")
    if not hypervisors and not packaged.cached():
        print("  none; ./run.sh setup installs one")
    print("emulators:")
    own = emulators.version_of(emulators.default())
    print(f"  QEMU {own:12} {shutil.which(emulators.default())}" if own
          else "  none; ./run.sh setup installs one")
    for version, path in emulators.cached().items():
        print(f"  QEMU {version:12} {path}")
    print("payloads:")
    for name in payloads.names():
        print(f"  {name}")
    print("  repro:NAME    (./run.sh list --repros)")
    return EXIT_PASS
