# SPDX-License-Identifier: MIT
"""A machine with a Linux of the distribution's packages, in which guests run: its assembly, its
saved state, and what runs in it. tools/paravane/dom0/ and tools/paravane/kvm/ are the two kinds."""
