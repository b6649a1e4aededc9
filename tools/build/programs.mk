# SPDX-License-Identifier: MIT
# Programs: newlib, its port (lib/newlib/), lwIP for sockets, app/, test/libc/ and a program named by APP=.
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
# Without musl's sources: no long double functions, and newlib 3.3.0 in place of 4.5.
IS_PLAIN := $(filter %-plain,$(NEWLIB))
OUTSIDE := $(patsubst %/,%,$(APP))
OUTSIDE_NAME := $(basename $(notdir $(OUTSIDE)))
# An image with a program from outside has a world of its own, so building it leaves the plain image as it is.
WORLD_NAME := $(BUILD)/obj/world$(if $(OUTSIDE),-$(OUTSIDE_NAME))
WORLD := $(WORLD_NAME).o
# By its place too: another program of the same name is another one.
OUTSIDE_OBJ := $(BUILD)/obj/outside/$(OUTSIDE_NAME)-$(firstword $(shell echo '$(abspath $(OUTSIDE))' | cksum))
# One file, or the sources of a folder and of its subfolders, without hidden ones; then those in C++.
OUTSIDE_FOLDER := $(patsubst %/,%,$(if $(wildcard $(OUTSIDE)/.),$(OUTSIDE),$(dir $(OUTSIDE))))
OUTSIDE_SRCS := $(if $(OUTSIDE),$(sort $(shell find -L $(OUTSIDE) -name '.?*' -prune -o -type f \( -name '*.c' -o -name '*.[sS]' \) -print)))
OUTSIDE_CXX := $(if $(OUTSIDE),$(sort $(shell find -L $(OUTSIDE) -name '.?*' -prune -o -type f \( -name '*.cc' -o -name '*.cpp' -o -name '*.cxx' -o -name '*.C' \) -print)))
OUTSIDE_SRCS += $(OUTSIDE_CXX)
ifneq ($(and $(BUILDS),$(OUTSIDE_CXX)),)
# libstdc++'s headers are this machine's. What of it is compiled in its library does not exist here (lib/newlib/cxx.c).
PROGRAM_CXX := $(if $(filter 0,$(IS_CLANG)),$(CROSS_COMPILE)g++,clang++)
CXX_HEADERS := $(shell $(PROGRAM_CXX) -E -x c++ -v /dev/null 2>&1 | sed -n 's|^ \(/.*/c++/.*\)|-isystem \1|p')
ifeq ($(CXX_HEADERS),)
$(error $(firstword $(OUTSIDE_CXX)) is in C++, and this machine has no $(PROGRAM_CXX) with headers of libstdc++: install g++)
endif
endif
# Without lwIP's sources programs have no sockets.
LWIP := $(if $(IS_PLAIN),,$(shell $(TOOL)/lwip.py path --cc $(NEWLIB_CC)))
NEEDS_LWIP := app/httpd.c test/libc/sockets.c test/libc/socket_names.c
AVAILABLE = $(filter-out $(if $(LWIP),,$(NEEDS_LWIP)),$(wildcard $(1)))
APPS ?= $(patsubst app/%.c,%,$(call AVAILABLE,app/*.c))
PROGRAMS := $(sort $(APPS) $(OUTSIDE_NAME))

# The compiler's own headers, then the port's and newlib's, and no others.
COMPILER_HEADERS := $(if $(filter 0,$(IS_CLANG)),$(shell $(CC) -print-file-name=include),$(shell $(CC) -print-resource-dir)/include)
# $(BUILD)/include: for asm-offsets.h.
WORLD_CPPFLAGS := -I. -nostdinc -Ilib/newlib/include -isystem $(COMPILER_HEADERS) -isystem $(NEWLIB)/include \
	-isystem $(BUILD)/include -imacros lib/newlib/config.h -imacros lib/newlib/posix.h $(if $(IS_PLAIN),,-imacros lib/newlib/musl.h) -D__paravane__ \
	-Ulinux -Uunix -U__linux -U__unix -U__linux__ -U__unix__ -U__gnu_linux__
# Programs may use the FPU. Their stack checks are put into the compiler's assembly text.
WORLD_CODEGEN := $(filter-out -mgeneral-regs-only -ffreestanding $(ENTRY_CHECKS),$(CODEGEN)) -ftls-model=local-exec
WORLD_WARNINGS := $(filter-out -Wframe-larger-than=%,$(WARNINGS))
APP_CFLAGS ?=
# C++ without exceptions and RTTI.
CXX_FLAGS := -Ilib/newlib/include/cxx $(CXX_HEADERS) $(filter-out -I.,$(WORLD_CPPFLAGS)) $(filter-out -std=%,$(WORLD_CODEGEN)) -std=gnu++17 \
	-fno-exceptions -fno-rtti -w

LIBC_TESTS := $(if $(filter test,$(WITHOUT)),,$(filter-out $(if $(IS_PLAIN),test/libc/math.c),$(call AVAILABLE,test/libc/*.c)))
SOCKET_SRCS := $(if $(LWIP),$(wildcard lib/newlib/sockets/*.c))
PORT_SRCS := $(filter-out lib/newlib/entry.c $(if $(IS_PLAIN),lib/newlib/complex.c),$(wildcard lib/newlib/*.c lib/newlib/*.S lib/newlib/fs/*.c)) $(SOCKET_SRCS) $(LIBC_TESTS)
PORT_OBJS := $(PORT_SRCS:%=$(BUILD)/obj/%.o)
ENTRY_OBJS := $(PROGRAMS:%=$(BUILD)/obj/entry/%.o)
PROGRAM_OBJS := $(patsubst %,$(BUILD)/obj/program/%.o,$(filter-out $(OUTSIDE_NAME),$(PROGRAMS))) \
	$(if $(OUTSIDE),$(OUTSIDE_OBJ)/program.o)
outside_object = $(OUTSIDE_OBJ)/$(1:$(OUTSIDE_FOLDER)/%=%).o
OUTSIDE_OBJS := $(foreach s,$(OUTSIDE_SRCS),$(call outside_object,$(s)))
APP_OBJS := $(patsubst %,$(BUILD)/obj/%.o,$(call AVAILABLE,app/*.c))
WORLD_OBJS := $(PORT_OBJS) $(APP_OBJS) $(OUTSIDE_OBJS)

# A program's name as a part of a symbol's.
prefix = app_$(subst -,_,$(subst .,_,$(1)))
symbol = $(prefix)_$(2)
ENDS := constructors constructors_end destructors destructors_end
# Make one object $(2) of the objects $(3) of program $(1). Only what lib/newlib/entry.c names stays global.
define link_program
$(Q)$(LD) -r -T tools/build/program.ld -o $(2).link $(3)
$(Q)$(OBJCOPY) --redefine-sym main=$(call symbol,$(1),main) \
	$(foreach e,$(ENDS),--redefine-sym program_$(e)=$(call symbol,$(1),$(e))) $(2).link $(2).tmp
$(Q)$(OBJCOPY) $(foreach e,main $(ENDS),--keep-global-symbol=$(call symbol,$(1),$(e))) $(2).tmp $(2) && rm $(2).link $(2).tmp
endef
# List what a program's objects and the world do not define, each once.
SYMBOLS = $(Q)$(TOOL)/program_symbols.py --nm $(NM) --program $(OUTSIDE)

# musl's functions come before newlib's, which has some of them too.
LIBRARIES := $(if $(LWIP),$(LWIP)/liblwip.a) $(if $(IS_PLAIN),,$(NEWLIB)/lib/libmath.a) $(NEWLIB)/lib/libc.a $(NEWLIB)/lib/libm.a $(NEWLIB)/lib/libgcc.a
# Built together, if any is missing (newlib.py, used()).
NEWLIB_FILES := $(NEWLIB)/include/stdio.h $(filter $(NEWLIB)/%,$(LIBRARIES))
$(NEWLIB_FILES) &:
	$(Q)$(TOOL)/newlib.py build --cc $(NEWLIB_CC)

# As lwip.py, used().
LWIP_FILES := $(if $(LWIP),$(LWIP)/include/lwip/init.h $(LWIP)/liblwip.a)
ifneq ($(LWIP),)
$(LWIP_FILES) &: | $(NEWLIB_FILES)
	$(Q)$(TOOL)/lwip.py build --cc $(NEWLIB_CC)
endif
$(SOCKET_SRCS:%=$(BUILD)/obj/%.o): EXTRA := -Ilib/newlib/sockets/lwip -isystem $(LWIP)/include
$(SOCKET_SRCS:%=$(BUILD)/obj/%.o): | $(LWIP_FILES)

# Flags are inputs, and so is the list of what is linked.
keep = $(if $(and $(BUILDS),$(1)),$(shell mkdir -p $(dir $(1)) && { echo '$(2)' | cmp -s - $(1) || echo '$(2)' > $(1); }))
WORLD_FLAGS := $(BUILD)/obj/world-flags
WORLD_LIST := $(WORLD_NAME)-list
OUTSIDE_FLAGS := $(if $(OUTSIDE),$(OUTSIDE_OBJ)/flags)
$(call keep,$(WORLD_FLAGS),$(CC) $(WORLD_CPPFLAGS) $(WORLD_CODEGEN))
$(call keep,$(WORLD_LIST),$(PROGRAMS) $(OUTSIDE_OBJ) $(LIBC_TESTS) $(NEWLIB) $(LWIP))
$(call keep,$(OUTSIDE_FLAGS),$(APP_CFLAGS))

$(WORLD_OBJS): $(WORLD_FLAGS) | $(NEWLIB_FILES) $(BUILD)/include/xen
# The compiler's list of what an object includes has no system header, and asm-offsets.h is included as one.
$(filter %.S.o,$(PORT_OBJS)): $(ASM_OFFSETS)
# Compile $(1), which is in C, C++ or assembly, to $(2) with the flags $(3), by the compiler $(4) or $(CC).
compile = $(Q)$(if $(filter %.s %.S,$(1)),$(CCACHE) $(CC) $(3) -MMD -MP -c -o $(2) $(1),$(compile_c))
# clang warns of its own text: some files have a checksum there and some have none.
compile_c = $(CCACHE) $(or $(4),$(CC)) $(3) -MMD -MP -MF $(2:.o=.d) -MT $(2) -S -o $(2).s $(1) && \
	$(if $(ENTRY_CHECKS),$(TOOL)/stack_checks.py $(2).s &&) $(CCACHE) $(CC) $(filter --target=%,$(WORLD_CODEGEN)) -Wa,--no-warn -c -o $(2) $(2).s && rm $(2).s
$(WORLD_OBJS): tools/build/stack_checks.py
$(PORT_OBJS): $(BUILD)/obj/%.o: %
	@mkdir -p $(@D)
	$(call say,CC)
	$(call compile,$<,$@,$(WORLD_CPPFLAGS) -DPARAVANE_VERSION='"$(VERSION)"' $(WORLD_CODEGEN) $(WORLD_WARNINGS) $(EXTRA))

$(BUILD)/obj/app/%.c.o: app/%.c
	@mkdir -p $(@D)
	$(call say,CC)
	$(call compile,$<,$@,$(WORLD_CPPFLAGS) $(WORLD_CODEGEN) $(WORLD_WARNINGS))

# Code of other projects is compiled without our warnings.
.SECONDARY: $(WORLD_OBJS)
define outside_rule
$(call outside_object,$(1)): $(1)
	@mkdir -p $$(@D)
	$$(call say,$(if $(filter %.c,$(1)),CC,$(if $(filter $(OUTSIDE_CXX),$(1)),CXX,AS)))
	$$(call compile,$$<,$$@,$(if $(filter $(OUTSIDE_CXX),$(1)),$$(CXX_FLAGS),$$(filter-out -I.,$$(WORLD_CPPFLAGS)) $$(WORLD_CODEGEN) -w) -I$(OUTSIDE_FOLDER) $$(APP_CFLAGS),$(if $(filter $(OUTSIDE_CXX),$(1)),$(PROGRAM_CXX)))
endef
$(foreach s,$(OUTSIDE_SRCS),$(eval $(call outside_rule,$(s))))

$(BUILD)/obj/program/%.o: $(BUILD)/obj/app/%.c.o tools/build/program.ld
	@mkdir -p $(@D)
	$(call link_program,$*,$@,$<)

ifneq ($(OUTSIDE_NAME),)
$(OUTSIDE_OBJ)/program.o: $(OUTSIDE_OBJS) $(OUTSIDE_FLAGS) tools/build/program.ld
	@mkdir -p $(@D)
	$(SYMBOLS) --main $(OUTSIDE_OBJS)
	$(call link_program,$(OUTSIDE_NAME),$@,$(OUTSIDE_OBJS))
endif

$(BUILD)/obj/entry/%.o: lib/newlib/entry.c lib/newlib/start.h kernel/services.h $(WORLD_FLAGS) | $(NEWLIB_FILES)
	@mkdir -p $(@D)
	$(Q)$(CCACHE) $(CC) $(WORLD_CPPFLAGS) $(WORLD_CODEGEN) $(WORLD_WARNINGS) -DAPP_NAME='"$*"' \
		-DAPP_PREFIX=$(call prefix,$*) -c -o $@ $<

$(OUTSIDE_OBJS): $(OUTSIDE_FLAGS)
# newlib's functions of which the port has a stricter one (lib/newlib/locales.c).
WRAPPED := setlocale __loadlocale
$(WORLD): $(PORT_OBJS) $(PROGRAM_OBJS) $(ENTRY_OBJS) $(WORLD_LIST) | $(LWIP_FILES)
	$(call say,LD)
	$(Q)$(LD) -r -z noexecstack $(WRAPPED:%=--wrap=%) -o $@.tmp $(filter %.o,$^) --start-group $(LIBRARIES) --end-group
	$(if $(OUTSIDE),$(SYMBOLS) --world $@.tmp --port $(PORT_OBJS) --libraries $(LIBRARIES) -- $(OUTSIDE_OBJS))
	$(Q)$(OBJCOPY) --keep-global-symbol=nothing $@.tmp $@ && rm $@.tmp

WORLD_CHECKED := $(WORLD:%.o=%-checked)
$(WORLD_CHECKED): $(WORLD) tools/build/check_world.py
	$(Q)$(TOOL)/check_world.py --objdump $(OBJDUMP) $< && touch $@

# It is the library that is asked, not what the compiler knows of it.
$(LIBC_TESTS:%=$(BUILD)/obj/%.o): EXTRA := -fno-builtin $(if $(filter 0,$(IS_CLANG)),-fno-toplevel-reorder)
endif
