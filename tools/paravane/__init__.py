"""The host side of Paravane: boots the image on every platform and judges what it prints.

The story in reading order: cli (what was asked), platforms (how each machine is made), machine
(one QEMU from start to end), console and ktap (what the guest said), verdict (what we believe of
it), suite and matrix (all platforms side by side).
"""
