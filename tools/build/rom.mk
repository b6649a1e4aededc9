# SPDX-License-Identifier: MIT
# Op ROMs (pv/rom/): build/op.rom, and three older ones for docs/api-or-abi.md. A ROM is compiled with
# nothing of the kernel's but pv/rom/abi.h, and is not part of the image.

ROM_FLAGS := -std=gnu11 -O2 -ffreestanding -fpie -mno-red-zone -mgeneral-regs-only -fomit-frame-pointer \
	-fno-stack-protector -fno-asynchronous-unwind-tables -fcf-protection=none -ffunction-sections \
	$(WARNINGS) $(if $(filter 0,$(IS_CLANG)),,--target=x86_64-elf -Wno-unused-command-line-argument) -I.
ROM_LDFLAGS := -nostdlib -static -z noexecstack -z norelro --emit-relocs --build-id=none --fatal-warnings \
	-T pv/rom/image/rom.ld $(if $(findstring lld,$(LD)),,--no-warn-rwx-segments)
ROM_OBJS := $(addprefix $(BUILD)/rom/,head.S.o calls.c.o)

# What each ROM has beside the calls, and the major version that it claims.
ROMS := op old old-argument old-meaning
ROM_MAJOR_old := 1
ROM_MORE_old := $(addprefix $(BUILD)/rom/,old-argument.c.o old-meaning.c.o)
ROM_MORE_old-argument := $(BUILD)/rom/old-argument.c.o
ROM_MORE_old-meaning := $(BUILD)/rom/old-meaning.c.o

.PHONY: roms
roms: $(ROMS:%=$(BUILD)/%.rom) ## build the op ROMs (build/op.rom; old ones, for docs/api-or-abi.md)
all: roms

$(BUILD)/rom/%.o: pv/rom/image/% $(FLAGS_FILE)
	@mkdir -p $(@D)
	$(call say,ROM)
	$(Q)$(CC) $(ROM_FLAGS) $(if $(filter %.S,$<),-D__ASSEMBLY__) -MMD -MP -c -o $@ $<

.SECONDEXPANSION:
$(ROMS:%=$(BUILD)/%.rom): $(BUILD)/%.rom: $(ROM_OBJS) $$(ROM_MORE_$$*) pv/rom/image/rom.ld tools/build/rom.py
	$(call say,ROM)
	$(Q)$(LD) $(ROM_LDFLAGS) --defsym=rom_major=$(or $(ROM_MAJOR_$*),2) -o $(BUILD)/rom/$*.elf $(filter %.o,$^)
	$(Q)$(TOOL)/rom.py $(BUILD)/rom/$*.elf $@

-include $(ROM_OBJS:.o=.d)
