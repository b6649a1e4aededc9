# SPDX-License-Identifier: MIT
"""The host side of Paravane: boots the image on every platform and judges what it prints.

The modules of a command are in a folder of its name, those that several commands share in run/ and
here. In reading order: cli and commands (what was asked), run/platforms (how each machine is made),
run/machine (one QEMU from start to end), run/console and run/ktap (what the guest said),
run/verdict (what we believe of it), suite/suite and suite/matrix (all platforms side by side).
"""
