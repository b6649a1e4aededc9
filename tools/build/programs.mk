# SPDX-License-Identifier: MIT
# Programs: newlib, its port (lib/newlib/), app/, test/libc/ and a program named by APP=.
#
# All of it is linked into one object, world.o, in which every name is local: libc's memcpy does not meet
# the kernel's, nor a program's panic() the kernel's. It finds the kernel by kernel/services.h, and
# the kernel finds it by linker sections (.apps, .tests). A program is made one object the same way
# first, with main() renamed, so that programs do not collide either.
#
# Without newlib's source package there is no world.o, and the image says so when it is asked for a program.

NEWLIB_CC ?= $(CROSS_COMPILE)gcc
ifeq ($(filter app,$(WITHOUT)),)
NEWLIB := $(shell $(TOOL)/newlib.py path --cc $(NEWLIB_CC))
endif

ifneq ($(NEWLIB),)
OUTSIDE := $(patsubst %/,%,$(APP))
OUTSIDE_NAME := $(basename $(notdir $(OUTSIDE)))
# An image with a program from outside has a world of its own, so building it leaves the plain image as it is.
WORLD_NAME := $(BUILD)/obj/world$(if $(OUTSIDE),-$(OUTSIDE_NAME))
WORLD := $(WORLD_NAME).o
# By its place too: another program of the same name is another one.
OUTSIDE_OBJ := $(BUILD)/obj/outside/$(OUTSIDE_NAME)-$(firstword $(shell echo '$(abspath $(OUTSIDE))' | cksum))
OUTSIDE_SRCS := $(if $(OUTSIDE),$(if $(filter %.c,$(OUTSIDE)),$(OUTSIDE),$(wildcard $(OUTSIDE)/*.c)))
APPS ?= $(patsubst app/%.c,%,$(wildcard app/*.c))
PROGRAMS := $(sort $(APPS) $(OUTSIDE_NAME))

# The compiler's own headers, then newlib's, and no others. The macros make newlib's headers declare what
# the port has.
COMPILER_HEADERS := $(if $(filter 0,$(IS_CLANG)),$(shell $(CC) -print-file-name=include),$(shell $(CC) -print-resource-dir)/include)
# $(BUILD)/include: for asm-offsets.h.
WORLD_CPPFLAGS := -I. -nostdinc -isystem $(COMPILER_HEADERS) -isystem $(NEWLIB)/include -isystem $(BUILD)/include \
	-D__DYNAMIC_REENT__ -D_POSIX_THREADS=200809L -D_POSIX_TIMEOUTS=200809L -D_UNIX98_THREAD_MUTEX_ATTRIBUTES=1 \
	-DPTHREAD_STACK_MIN=32768 -D_POSIX_TIMERS=1 -D_POSIX_MONOTONIC_CLOCK=200112L -D_POSIX_CPUTIME=1 -D__paravane__ \
	-Ulinux -Uunix -U__linux -U__unix -U__linux__ -U__unix__ -U__gnu_linux__
# Programs may use the FPU.
WORLD_CODEGEN := $(filter-out -mgeneral-regs-only -ffreestanding,$(CODEGEN)) \
	$(if $(filter 0,$(IS_CLANG)),-include lib/newlib/entry_check.h) -ftls-model=local-exec
WORLD_WARNINGS := $(filter-out -Wframe-larger-than=%,$(WARNINGS))
APP_CFLAGS ?=

LIBC_TESTS := $(if $(filter test,$(WITHOUT)),,$(wildcard test/libc/*.c))
PORT_SRCS := $(filter-out lib/newlib/entry.c,$(wildcard lib/newlib/*.c lib/newlib/*.S)) $(LIBC_TESTS)
PORT_OBJS := $(PORT_SRCS:%=$(BUILD)/obj/%.o)
ENTRY_OBJS := $(PROGRAMS:%=$(BUILD)/obj/entry/%.o)
PROGRAM_OBJS := $(patsubst %,$(BUILD)/obj/program/%.o,$(filter-out $(OUTSIDE_NAME),$(PROGRAMS))) \
	$(if $(OUTSIDE),$(OUTSIDE_OBJ)/program.o)
OUTSIDE_OBJS := $(foreach s,$(OUTSIDE_SRCS),$(OUTSIDE_OBJ)/$(notdir $(s)).o)
WORLD_OBJS := $(PORT_OBJS) $(patsubst %,$(BUILD)/obj/%.o,$(wildcard app/*.c)) $(OUTSIDE_OBJS)

# A program's name as a part of a symbol's.
symbol = app_$(subst -,_,$(subst .,_,$(1)))_main
LOCAL_BUT = $(OBJCOPY) --keep-global-symbol=$(1)

$(NEWLIB)/lib/libc.a:
	$(Q)$(TOOL)/newlib.py build --cc $(NEWLIB_CC)

# Flags are inputs, and so is the list of what is linked.
keep = $(if $(and $(BUILDS),$(1)),$(shell mkdir -p $(dir $(1)) && { echo '$(2)' | cmp -s - $(1) || echo '$(2)' > $(1); }))
WORLD_FLAGS := $(BUILD)/obj/world-flags
WORLD_LIST := $(WORLD_NAME)-list
OUTSIDE_FLAGS := $(if $(OUTSIDE),$(OUTSIDE_OBJ)/flags)
$(call keep,$(WORLD_FLAGS),$(CC) $(WORLD_CPPFLAGS) $(WORLD_CODEGEN))
$(call keep,$(WORLD_LIST),$(PROGRAMS) $(OUTSIDE_OBJ) $(LIBC_TESTS) $(NEWLIB))
$(call keep,$(OUTSIDE_FLAGS),$(APP_CFLAGS))

$(WORLD_OBJS): $(WORLD_FLAGS) | $(NEWLIB)/lib/libc.a $(BUILD)/include/xen
# The compiler's list of what an object includes has no system header, and asm-offsets.h is included as one.
$(filter %.S.o,$(PORT_OBJS)): $(ASM_OFFSETS)
$(PORT_OBJS): $(BUILD)/obj/%.o: %
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(WORLD_CPPFLAGS) -DPARAVANE_VERSION='"$(VERSION)"' $(WORLD_CODEGEN) $(WORLD_WARNINGS) $(EXTRA) -MMD -MP -c -o $@ $<

$(BUILD)/obj/app/%.c.o: app/%.c
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(WORLD_CPPFLAGS) $(WORLD_CODEGEN) $(WORLD_WARNINGS) -MMD -MP -c -o $@ $<

# Code of other projects is compiled without our warnings.
.SECONDARY: $(WORLD_OBJS)
define outside_rule
$(OUTSIDE_OBJ)/$(notdir $(1)).o: $(1)
	@mkdir -p $$(@D)
	$$(call say,CC)
	$$(Q)$$(CC) $$(filter-out -I.,$$(WORLD_CPPFLAGS)) $$(WORLD_CODEGEN) -w $$(APP_CFLAGS) -MMD -MP -c -o $$@ $$<
endef
$(foreach s,$(OUTSIDE_SRCS),$(eval $(call outside_rule,$(s))))

$(BUILD)/obj/program/%.o: $(BUILD)/obj/app/%.c.o
	@mkdir -p $(@D)
	$(Q)$(OBJCOPY) --redefine-sym main=$(call symbol,$*) $< $@.tmp
	$(Q)$(call LOCAL_BUT,$(call symbol,$*)) $@.tmp $@ && rm $@.tmp

ifneq ($(OUTSIDE_NAME),)
$(OUTSIDE_OBJ)/program.o: $(OUTSIDE_OBJS) $(OUTSIDE_FLAGS)
	@mkdir -p $(@D)
	$(Q)$(LD) -r -o $@.link $(OUTSIDE_OBJS)
	$(Q)$(OBJCOPY) --redefine-sym main=$(call symbol,$(OUTSIDE_NAME)) $@.link $@.tmp
	$(Q)$(call LOCAL_BUT,$(call symbol,$(OUTSIDE_NAME))) $@.tmp $@ && rm $@.link $@.tmp
endif

$(BUILD)/obj/entry/%.o: lib/newlib/entry.c lib/newlib/start.h kernel/services.h $(WORLD_FLAGS) | $(NEWLIB)/lib/libc.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(WORLD_CPPFLAGS) $(WORLD_CODEGEN) $(WORLD_WARNINGS) -DAPP_NAME='"$*"' -DAPP_MAIN=$(call symbol,$*) -c -o $@ $<

$(OUTSIDE_OBJS): $(OUTSIDE_FLAGS)
$(WORLD): $(PORT_OBJS) $(PROGRAM_OBJS) $(ENTRY_OBJS) $(WORLD_LIST)
	$(call say,LD)
	$(Q)$(LD) -r -z noexecstack -o $@.tmp $(filter %.o,$^) --start-group $(NEWLIB)/lib/libc.a $(NEWLIB)/lib/libm.a --end-group
	$(Q)$(call LOCAL_BUT,nothing) $@.tmp $@ && rm $@.tmp

# It is the library that is asked, not what the compiler knows of it.
$(LIBC_TESTS:%=$(BUILD)/obj/%.o): EXTRA := -fno-builtin $(if $(filter 0,$(IS_CLANG)),-fno-toplevel-reorder)
endif
