# SPDX-License-Identifier: MIT
"""Network interfaces of a guest: what --net asks for. Each is on dom0's bridge, which has the
address 10.0.0.1/24 (dom0/files/init)."""

import re

from ..common import usage

MAX = 4  # interfaces of a guest
_BRIDGE = "xenbr0"


def checked(count):
    """Return how many interfaces --net asks for; Raise Trouble if there are too many."""
    if count > MAX:
        raise usage(f"--net: a guest has at most {MAX} interfaces")
    return count


def address(guest, number):
    """Return the MAC address of an interface of the guest named guestN."""
    which = int(re.sub(r"\D", "", guest) or 0)
    return f"00:16:3e:00:{which:02x}:{number:02x}"


def config(guest, count):
    """Return the lines of the guest's xl configuration."""
    if not count:
        return []
    specs = (f'"mac={address(guest, number)},bridge={_BRIDGE}"' for number in range(count))
    return [f"vif = [{', '.join(specs)}]"]
