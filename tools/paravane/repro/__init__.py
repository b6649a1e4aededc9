# SPDX-License-Identifier: MIT
"""`./run.sh repro`: suspected hypervisor bugs, the heads of their files, and the known-bad
hypervisors."""
