# SPDX-License-Identifier: MIT
"""Measure the rate of this computer's time-stamp counter, which is that of QEMU's CPUs under
-accel tcg."""

import ctypes
import mmap
import time

_READ_TSC = bytes.fromhex("0f31 48c1e220 4809d0 c3")  # rdtsc; shl $32, %rdx; or %rdx, %rax; ret
_SECONDS = 0.05
_SAMPLES = 20


def khz():
    """Return the rate in kHz."""
    code = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code.write(_READ_TSC)
    here = (ctypes.c_char * 1).from_buffer(code)
    read = ctypes.CFUNCTYPE(ctypes.c_uint64)(ctypes.addressof(here))
    first_tsc, first_ns = _sample(read)
    time.sleep(_SECONDS)
    last_tsc, last_ns = _sample(read)
    return (last_tsc - first_tsc) * 1000000 / (last_ns - first_ns)


def _sample(read):
    """Return (ticks, nanoseconds) of one moment: the pair that was read in the shortest time."""
    pairs = []
    for _ in range(_SAMPLES):
        before, ns, after = read(), time.monotonic_ns(), read()
        pairs.append((after - before, before + (after - before) // 2, ns))
    return min(pairs)[1:]
