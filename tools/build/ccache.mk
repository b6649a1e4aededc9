# SPDX-License-Identifier: MIT
# ccache, which keeps compiled objects across build directories and clones, where it is installed and has a
# folder to write to. Its folder is the project's own, beside newlib's.
#
#   make CCACHE=     compile without it

export CCACHE_DIR ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/paravane/ccache
export CCACHE_MAXSIZE ?= 1G
# Two clones share objects: -fdebug-prefix-map and ccache's base directory keep the tree's path out of them.
export CCACHE_BASEDIR ?= $(abspath $(dir $(lastword $(MAKEFILE_LIST)))../..)
CCACHE ?= $(shell mkdir -p '$(CCACHE_DIR)' 2>/dev/null && test -w '$(CCACHE_DIR)' && command -v ccache)
