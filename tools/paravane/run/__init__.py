# SPDX-License-Identifier: MIT
"""One run of the image on one machine: how the machine is made and started, what the guest prints,
and the verdict."""
