# SPDX-License-Identifier: MIT
"""What make calls: the image's tables and checks, newlib, and generated pages. make sets PYTHONPATH
to tools/."""
