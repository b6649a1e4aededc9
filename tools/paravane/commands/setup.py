# SPDX-License-Identifier: MIT
"""Install and fetch what is missing."""

from .. import libc_sources, setup
from ..commandline import Parser
from ..common import EXIT_PASS, Trouble
from ..dom0 import image as dom0_image, shape as dom0_shape
from ..kvm import image as kvm_image, shape as kvm_shape
from ..outer import saved
from ..repro import controls
from ..run import emulators, packaged, platforms


def run(args, _caller):
    parser = Parser("setup")
    parser.add_argument("--xen", nargs="+", action="extend", default=[])
    parser.add_argument("--qemu", nargs="+", action="extend", default=[])
    parser.add_argument("--dom0", nargs="+", action="extend", default=[],
                        choices=dom0_image.RELEASES)
    parser.add_argument("--controls", nargs="*")
    parser.add_argument("--packages", action="store_true")
    asked = parser.parse_args(args)
    if asked.packages:
        setup.ensure()
    for what, fetch, versions in (
        ("Xen", packaged.fetch, asked.xen),
        ("QEMU", emulators.fetch, asked.qemu),
    ):
        for wish in versions:
            version, path = fetch(wish)
            print(f"{what} {version}: {path}", flush=True)
    for release in asked.dom0:
        folder = dom0_image.setup(release).kernel.parent
        print(f"a dom0 with the toolstack of Xen {release}: {folder}", flush=True)
    if asked.controls is not None:
        controls.setup(asked.controls, say=lambda line: print(line, flush=True))
    if args:
        return EXIT_PASS
    setup.ensure()
    setup.ensure_optional()
    libc_sources.ensure(retry=True)
    _setup_outer("a dom0 for domU guests", dom0_image, dom0_shape)
    _setup_outer("a Linux with KVM", kvm_image, kvm_shape)
    print("everything that Paravane needs is installed")
    return EXIT_PASS


def _setup_outer(what, image, shape):
    """Assemble a machine in which guests run, boot it and save it, or print why not."""
    try:
        assembled = image.setup()
        saved.folder(shape.Shape.of(platforms.DEFAULT_MEM))
        print(f"{what}: {assembled.kernel.parent}", flush=True)
    except Trouble as trouble:
        print(f"optional and not there: {what}: {trouble}", flush=True)
