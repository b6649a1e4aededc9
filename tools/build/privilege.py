# SPDX-License-Identifier: MIT
"""Which instructions are privileged."""

import re

# Intel SDM vol. 3, section 5.9, and what a hypervisor intercepts or a PV guest must ask for.
_PRIVILEGED = re.compile(
    r"^(cli|sti|hlt|lgdt|lidt|lldt|ltr|lmsw|clts|invd|wbinvd|invlpg|invpcid|wrmsr|rdmsr|rdpmc"
    r"|swapgs|sysret[lq]?|iret[lq]?|in[bwl]?|out[bwl]?|ins[bwl]|outs[bwl]|vmcall|vmmcall|syscall"
    r"|sysenter|xsetbv|str|sgdt|sidt|sldt"
    r"|(wr|rd)(fs|gs)base[lq]?|pushf[lq]?|popf[lq]?|monitor|mwait|stac|clac|cpuid|rdtscp?)$"
)
# Of these, what any process may execute. popf is not among them: a process cannot disable
# interrupts by it, and code at the kernel's privilege can. syscall and sysenter lead to no kernel.
_OF_PROCESSES = re.compile(r"^(cpuid|rdtscp?|pushf[lq]?|sgdt|sidt|sldt|str)$")
_CONTROL_REGISTER = re.compile(r"%(cr[0-8]|dr[0-7]|db[0-7])\b")


def is_privileged(mnemonic, operands, in_world=False):
    """Return whether code outside of boot/ and pv/ may not have an instruction; in_world: code of a
    program or of libc, which may do what a process may."""
    if in_world and _OF_PROCESSES.match(mnemonic):
        return False
    return bool(
        _PRIVILEGED.match(mnemonic)
        or _CONTROL_REGISTER.search(operands)
        or "hypercall_page" in operands
    )
