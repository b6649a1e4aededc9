# SPDX-License-Identifier: MIT
# Paravane: one image for bare metal and Xen. `make help` lists the targets.
#
#   make LLVM=1              clang and lld
#   make CC=… LD=…           any other compiler and linker
#   make CROSS_COMPILE=p-    p-gcc, p-ld, p-nm, …
#   make BUILD=dir           somewhere else than build/
#   make V=1                 show the commands
#   make APP=prog.c|folder   also a program from outside of the tree: build/prog.elf, run=app:prog
#   make IMAGE_ONLY=1        leave out the checks of the tree's objects (tools/build/check_objects.py)
#   make WITHOUT="test app"  leave parts out of the image; "names": those of functions; others below

ifeq ($(strip $(BUILD)),)
override BUILD := build
endif
# The version is that of CHANGELOG.md's first entry.
VERSION := $(shell sed -n '/^## /{s/^## \([0-9.]*\).*/\1/p;q}' CHANGELOG.md)
$(if $(VERSION),,$(error CHANGELOG.md: the first heading of the form '## VERSION' is missing))

ifdef LLVM
CC := clang
LD := ld.lld
NM := llvm-nm
OBJCOPY := llvm-objcopy
OBJDUMP := llvm-objdump
else
CC := $(CROSS_COMPILE)gcc
LD := $(CROSS_COMPILE)ld
NM := $(CROSS_COMPILE)nm
OBJCOPY := $(CROSS_COMPILE)objcopy
OBJDUMP := $(CROSS_COMPILE)objdump
endif
# The distribution's Python: where a version manager puts a wrapper of its own first, that takes longer than
# most of the programs called here.
PYTHON ?= $(firstword $(wildcard /usr/bin/python3) python3)
# ccache, if it is installed, keeps objects across build directories and clones (CCACHE= for none).
include tools/build/ccache.mk
# Programs in tools/build/ import from tools/.
TOOL = PYTHONPATH=tools $(PYTHON) -B tools/build
Q := $(if $(V),,@)
say = $(if $(V),,@echo '  $(1)	$(patsubst $(BUILD)/%,%,$@)')
XEN_HEADERS ?= /usr/include/xen

IS_CLANG := $(shell $(CC) --version 2>/dev/null | grep -c clang)

WARNINGS := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wold-style-definition -Wvla -Wundef -Wpointer-arith -Wwrite-strings -Wformat=2 \
	-Wimplicit-fallthrough -Wcast-qual -Wcast-function-type -Wframe-larger-than=1024
# clang 16 and newer: also where the types differ only in ways that the calling convention ignores.
WARNINGS += $(shell $(CC) -Werror -Wcast-function-type-strict -E -x c /dev/null >/dev/null 2>&1 && echo -Wcast-function-type-strict)
# The kernel window is the top 2 GiB; interrupts may come at any instruction, so no red zone; the
# FPU belongs to programs, so general registers only.
OPT ?= -O2
# Each function begins with a check of the stack: kernel/stack_check.S.
ENTRY_CHECKS := $(if $(filter entry-checks,$(WITHOUT)),,-pg -mfentry)
CODEGEN := -std=gnu11 $(OPT) -g -ffreestanding -fno-pie -mcmodel=kernel -mno-red-zone \
	-mgeneral-regs-only -fno-omit-frame-pointer -mno-omit-leaf-frame-pointer \
	-fno-optimize-sibling-calls -fno-stack-protector \
	-fno-asynchronous-unwind-tables -fno-strict-aliasing -fcf-protection=none -fno-common \
	-ffunction-sections -fdata-sections -fdebug-prefix-map='$(CURDIR)=.' \
	$(ENTRY_CHECKS)
# gcc's second scheduling moves accesses before the frame is there, and a backtrace misses the caller.
CODEGEN += $(if $(filter 0,$(IS_CLANG)),-fno-schedule-insns2,--target=x86_64-elf -Wno-unused-command-line-argument)
CPPFLAGS := -I. -fmacro-prefix-map=./= -isystem $(BUILD)/include -D__XEN_INTERFACE_VERSION__=0x00040e00 \
	-DPARAVANE_VERSION='"$(VERSION)"'
CFLAGS := $(CODEGEN) $(WARNINGS)
LDFLAGS := -nostdlib -static --build-id=none -z max-page-size=0x1000 -z noexecstack \
	--gc-sections --fatal-warnings
LDFLAGS += $(if $(findstring lld,$(LD)),,--no-warn-rwx-segments)

DIRS := boot kernel lib mm drivers pv pv/entry pv/patch pv/native pv/xen pv/xen/pv pv/xen/pvh pv/vmware pv/rom pv/kvm pv/hyperv pv/record pv/xen/record pv/stub trace repro repro/kit \
	$(addprefix test/,harness ops kernel mm drivers stress hostile patch bench mutants shell)
DIRS := $(filter-out $(WITHOUT) $(addsuffix /%,$(WITHOUT)),$(DIRS))
# test/libc/ is part of the programs' world, because it needs newlib (tools/build/programs.mk).
SRCS := $(sort $(filter-out $(if $(filter names,$(WITHOUT)),kernel/symtab.c),$(wildcard $(addsuffix /*.c,$(DIRS)) $(addsuffix /*.S,$(DIRS)))))
# Parts that are files: what is left out for each, and the files that take its place.
PARTS := toolstack programs entry-checks
toolstack_FILES := $(addprefix kernel/,balloon.c hotplug.c lifecycle.c standing.c) \
	$(addprefix pv/xen/,console_event.c grant.c peer.c store.c suspend.c pv/growth.c pv/suspend.c pvh/populate.c)
toolstack_INSTEAD := kernel/without_toolstack.c pv/xen/without_toolstack.c
programs_FILES := kernel/app.c kernel/app_console.c kernel/app_input.c kernel/app_stack.c kernel/app_stack_check.S kernel/app_wait.c
entry-checks_FILES := kernel/stack_check.S kernel/app_stack_check.S
SRCS := $(filter-out $(foreach part,$(PARTS),$($(part)_$(if $(filter $(part),$(WITHOUT)),FILES,INSTEAD))),$(SRCS))
# Compiled for what they say about structs, not linked (see pv/asm_offsets.h).
OFFSETS := $(filter %/asm_offsets.c,$(SRCS))
ASM_OFFSETS := $(BUILD)/include/asm-offsets.h
SRCS := $(filter-out $(OFFSETS),$(SRCS))
OBJS := $(patsubst %,$(BUILD)/obj/%.o,$(SRCS))
IMAGE := $(BUILD)/$(if $(APP),$(basename $(notdir $(APP:/=))),paravane)

# A repro from outside of the tree (REPRO=/path/to/my.c REPRO_NAME=my) makes an image of its own, repro-my.elf,
# in which it takes the place of the tree's repro of that name. REPRO_PART is the image's and the object's name,
# so that files of one name do not collide.
ifdef REPRO
REPRO_PART ?= $(REPRO_NAME)
IMAGE := $(BUILD)/repro-$(REPRO_PART)
OBJS := $(filter-out $(BUILD)/obj/repro/$(REPRO_NAME).c.o,$(OBJS)) $(BUILD)/obj/outside/$(REPRO_PART).c.o
endif
FIRST_LINK := $(BUILD)/obj/$(notdir $(IMAGE))
# The contract's text for the monitor's help.
SHELL_HELP := $(if $(filter test/shell,$(DIRS)),$(BUILD)/obj/shell-help.o)
LINKED := $(OBJS) $(SHELL_HELP)
# The tables that symtab.py and sites.py make of an image; $(2): of another for the names, "empty" has none.
TABLES = $(BUILD)/obj/symtab-$(or $(2),$(1)).o $(BUILD)/obj/sites-$(1).o
NAMES := $(if $(filter names,$(WITHOUT)),empty)
CPPFLAGS += $(if $(NAMES),-DWITHOUT_NAMES)

.PHONY: all
all: $(IMAGE).elf ## build the image (build/paravane.elf) and its unstripped twin

# Goals that only remove or print need no build directory; all others report in one line that they cannot create it.
BUILDS := $(if $(MAKECMDGOALS),$(filter-out clean distclean help check docs quotes,$(MAKECMDGOALS)),all)
ifneq ($(BUILDS),)
ifneq ($(shell mkdir -p '$(BUILD)/obj' 2>/dev/null && test -w '$(BUILD)/obj' && echo writable),writable)
$(error cannot write to the build directory $(BUILD); make it writable or choose another with BUILD=DIR)
endif
endif

# The flags are an input of every object: a build with other flags rebuilds everything.
FLAGS_FILE := $(BUILD)/obj/flags
include tools/build/programs.mk
$(if $(BUILDS),$(shell echo '$(CC) $(LD) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS)' | cmp -s - $(FLAGS_FILE) || echo '$(CC) $(LD) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS)' > $(FLAGS_FILE)))

$(BUILD)/include/xen:
	@test -d $(XEN_HEADERS) || { echo "make: no Xen headers in $(XEN_HEADERS): install libxen-dev, or pass XEN_HEADERS=DIR" >&2; exit 1; }
	@mkdir -p $(@D) && ln -sfn $(XEN_HEADERS) $@

$(BUILD)/obj/%.c.o: %.c $(FLAGS_FILE) | $(BUILD)/include/xen
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CCACHE) $(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

# A draft may have warnings, which are shown, and mean what it does to address 0.
$(BUILD)/obj/outside/$(REPRO_PART).c.o: CFLAGS := $(filter-out -Werror,$(CFLAGS)) -fno-delete-null-pointer-checks
$(BUILD)/obj/outside/$(REPRO_PART).c.o: $(REPRO) $(FLAGS_FILE) | $(BUILD)/include/xen
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CCACHE) $(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(OFFSETS:%.c=$(BUILD)/obj/%.s): $(BUILD)/obj/%.s: %.c $(FLAGS_FILE) | $(BUILD)/include/xen
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CCACHE) $(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -S -o $@ $<

$(ASM_OFFSETS): $(OFFSETS:%.c=$(BUILD)/obj/%.s)
	$(call say,GEN)
	$(Q)sed -n 's/.*"->\([A-Z0-9_]* [0-9]*\)".*/#define \1/p' $^ > $@.tmp && test -s $@.tmp && mv $@.tmp $@

$(BUILD)/obj/%.S.o: %.S $(FLAGS_FILE) $(ASM_OFFSETS) | $(BUILD)/include/xen
	@mkdir -p $(@D)
	$(call say,AS)
	$(Q)$(CCACHE) $(CC) $(CPPFLAGS) $(CODEGEN) -D__ASSEMBLY__ -MMD -MP -c -o $@ $<

# Linked twice: the first time with empty tables, to learn where the functions (symtab.py) and the call
# sites of ops (sites.py) are. The tables follow the text, so the second link moves neither;
# --check proves it.
$(BUILD)/obj/symtab-%.o: $(BUILD)/obj/symtab-%.S
	$(call say,AS)
	$(Q)$(CC) $(CODEGEN) -c -o $@ $<

$(BUILD)/obj/sites-%.o: $(BUILD)/obj/sites-%.S
	$(call say,AS)
	$(Q)$(CC) $(CODEGEN) -c -o $@ $<

$(BUILD)/obj/symtab-empty.S: tools/build/symtab.py $(FLAGS_FILE)
	$(call say,GEN)
	$(Q)$(TOOL)/symtab.py < /dev/null > $@

$(BUILD)/obj/sites-empty.S: tools/build/sites.py $(FLAGS_FILE)
	$(call say,GEN)
	$(Q)$(TOOL)/sites.py > $@

$(BUILD)/obj/shell-help.S: tools/build/shell_help.py tools/paravane/optable.py tools/paravane/contract.py pv/ops.def $(wildcard pv/ops/*.def)
	$(call say,GEN)
	$(Q)$(TOOL)/shell_help.py > $@.tmp && mv $@.tmp $@

$(BUILD)/obj/shell-help.o: $(BUILD)/obj/shell-help.S $(FLAGS_FILE)
	$(call say,AS)
	$(Q)$(CC) $(CODEGEN) -c -o $@ $<

# The linker script takes its addresses from the header that C and assembly read.
LINKER_SCRIPT := $(BUILD)/obj/linker.ld
$(LINKER_SCRIPT): linker.ld lib/address_map.h $(FLAGS_FILE)
	@mkdir -p $(@D)
	$(call say,GEN)
	$(Q)$(CC) -E -P -undef -x assembler-with-cpp -I. -o $@ $<

$(FIRST_LINK)-pass1.elf: $(LINKED) $(WORLD) $(call TABLES,empty) $(LINKER_SCRIPT)
	$(call say,LD)
	$(Q)$(LD) $(LDFLAGS) --emit-relocs --strip-debug -T $(LINKER_SCRIPT) -o $@ $(LINKED) $(WORLD) $(call TABLES,empty)

$(BUILD)/obj/symtab-$(notdir $(IMAGE)).S: $(FIRST_LINK)-pass1.elf
	$(call say,GEN)
	$(Q)$(NM) $< | $(TOOL)/symtab.py > $@

$(BUILD)/obj/sites-$(notdir $(IMAGE)).S: $(FIRST_LINK)-pass1.elf
	$(call say,GEN)
	$(Q)$(TOOL)/sites.py $< > $@.tmp && mv $@.tmp $@

# The tree's rules, checked when one of its objects has changed. A repro or a program from outside changes none.
CHECKED := $(BUILD)/obj/checked
$(CHECKED): $(filter-out $(BUILD)/obj/outside/%,$(LINKED) $(PORT_OBJS) $(APP_OBJS)) tools/build/check_objects.py tools/build/shared_state.py
	$(Q)$(TOOL)/check_objects.py --objdump $(OBJDUMP) --nm $(NM) $(BUILD)/obj $(filter %.o,$^) && touch $@

$(IMAGE).debug.elf: $(LINKED) $(WORLD) $(call TABLES,$(notdir $(IMAGE)),$(NAMES)) $(LINKER_SCRIPT) tools/build/check_image.py $(if $(REPRO)$(IMAGE_ONLY),,$(CHECKED) $(WORLD_CHECKED))
	$(call say,LD)
	$(Q)$(LD) $(LDFLAGS) -T $(LINKER_SCRIPT) -o $@.tmp $(LINKED) $(WORLD) $(call TABLES,$(notdir $(IMAGE)),$(NAMES))
	$(if $(NAMES),,$(Q)$(NM) $@.tmp | $(TOOL)/symtab.py --check $(BUILD)/obj/symtab-$(notdir $(IMAGE)).S)
	$(Q)$(TOOL)/sites.py --check $(BUILD)/obj/sites-$(notdir $(IMAGE)).S $@.tmp
	$(Q)$(TOOL)/check_image.py $(if $(REPRO)$(IMAGE_ONLY)$(APP),--any-size) $@.tmp
	$(Q)mv $@.tmp $@

$(IMAGE).elf: $(IMAGE).debug.elf
	$(call say,STRIP)
	$(Q)$(OBJCOPY) --strip-all --remove-section=.coverage $< $@

# Tests run in the order in which a file has them: clang keeps it, and gcc needs an option.
$(BUILD)/obj/test/%.c.o: CFLAGS += $(if $(filter 0,$(IS_CLANG)),-fno-toplevel-reorder)

ifeq ($(filter pv/rom,$(WITHOUT)),)
include tools/build/rom.mk
endif

-include $(OBJS:.o=.d) $(OFFSETS:%.c=$(BUILD)/obj/%.d) $(WORLD_OBJS:.o=.d)

# The tree's files that match patterns: git knows; without git, whatever was not built.
files = $(sort $(shell git ls-files -- $(1:%='%') 2>/dev/null | grep . || find . \( -path ./build -o -path './$(BUILD)' \) -prune \
	-o -type f \( -false $(1:%=-o -path './%') \) -printf '%P\n'))

# What cppcheck found is kept beside what ccache keeps, by file and content; it looks again only at what has
# changed. One at a time uses that folder.
CPPCHECK_KEEPS := $(CCACHE_DIR)/cppcheck
CPPCHECK := $(if $(CCACHE),flock $(CPPCHECK_KEEPS).lock cppcheck --cppcheck-build-dir=$(CPPCHECK_KEEPS),cppcheck)

.PHONY: check docs quotes
check: ## run the linters: clang-format, cppcheck, shellcheck, flake8, mypy, phrases and columns (docs/style.md); are docs/ops.md and the code that docs/ quotes up to date?
	clang-format --dry-run -Werror $(call files,*.c *.h)
	$(Q)$(if $(CCACHE),mkdir -p $(CPPCHECK_KEEPS))
	$(CPPCHECK) -q --std=c11 --error-exitcode=1 --inline-suppr --enable=warning,portability,performance \
		--suppress=missingInclude --suppress=comparePointers --suppress=va_end_missing:kernel/panic.c --suppress=va_end_missing:repro/kit/kit.c \
		-I. -DPARAVANE_VERSION='"x"' -Dbool=_Bool -DPV_NO_SITES $(call files,boot/*.c drivers/*.c kernel/*.c lib/*.c mm/*.c pv/*.c pv/patch/*.c test/*.c repro/*.c)
	shellcheck run.sh .ci/run
	flake8 --config tools/.flake8 tools
	mypy --no-error-summary --config-file tools/mypy.ini --cache-dir $(BUILD)/mypy tools
	$(PYTHON) -B tools/build/prose.py
	$(PYTHON) -B tools/build/columns.py
	@missing=$$(grep -L 'SPDX-License-Identifier: MIT' $(call files,*.c *.h *.S *.inc *.def *.ld *.py *.mk)) || :; \
		test -z "$$missing" || { echo "no line 'SPDX-License-Identifier: MIT': $$missing" >&2; exit 1; }
	$(TOOL)/ops_doc.py --check
	$(TOOL)/quotes.py --check

docs: ## write docs/ops.md from the op table, the tests and docs/ops-2007.tsv
	$(TOOL)/ops_doc.py

quotes: ## write the code that docs/ quotes from the source; read the text around it first
	$(TOOL)/quotes.py

.PHONY: host-test fuzz
host-test: $(BUILD)/include/xen ## run the pure code's tests on this machine, with sanitizers
	@$(MAKE) --no-print-directory -C test/host BUILD=$(abspath $(BUILD)) check
fuzz: $(BUILD)/include/xen ## fuzz the parsers for a bounded number of runs
	@$(MAKE) --no-print-directory -C test/host BUILD=$(abspath $(BUILD)) fuzz

.PHONY: compile_commands.json
quoted = '$(subst ','\'',$(1))'
compile_commands.json: | $(BUILD)/include/xen ## write the compilation database that clangd reads
	$(Q)$(TOOL)/compile_commands.py $(call quoted,$(CC) $(CPPFLAGS) $(filter-out $(ENTRY_CHECKS) -fno-schedule-insns2,$(CFLAGS))) $(filter %.c,$(SRCS)) > $@

# Both compilers' level for the smallest code. clang's -Os keeps more of -O2 than gcc's, so its counterpart is -Oz.
SMALLEST := $(if $(filter 0,$(IS_CLANG)),-Os,-Oz)
.PHONY: bare
bare: ## build the kernel without suite, programs, drivers and what these need, or the backends that are not native or Xen (build/bare/paravane.elf)
	+$(Q)$(MAKE) --no-print-directory WITHOUT="test repro app programs drivers toolstack names trace entry-checks pv/vmware pv/rom pv/kvm pv/hyperv pv/record pv/xen/record pv/stub" OPT=$(SMALLEST) BUILD=$(BUILD)/bare

.PHONY: clean distclean help
clean: ## remove everything that was built
	rm -rf $(BUILD)/obj $(BUILD)/host $(BUILD)/include $(BUILD)/bare $(BUILD)/pycache $(BUILD)/*.elf compile_commands.json

distclean: clean ## and newlib too, which is outside of the tree and takes a minute to build
	$(TOOL)/newlib.py clean

help: ## this text
	@grep -hE '^[a-z_.-]+:.*## ' Makefile | sed -E 's/^([a-z_.-]+):.*## /\1\t/' | expand -t 24
	@sed -n '3,10s/^# *//p' Makefile
