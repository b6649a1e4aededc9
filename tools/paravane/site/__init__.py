# SPDX-License-Identifier: MIT
"""`./run.sh docs`: the documents, and a page for each op, as one offline web site."""
