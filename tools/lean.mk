# LEAN=1: an image for size. All of the kernel's C is optimised as one piece (LTO), and an op that nobody calls is
# not in it: a first link tells which ops have call sites, tools/trim.py cuts the others out of the tables, and the
# linker then leaves out what only these referred to.
#
# gcc's objects hold their own code too, beside what LTO wants of them, for tools/check_image.py to look at.

ASM_OBJS := $(filter %.S.o,$(OBJS))
LINKED := $(BUILD)/obj/lean/trimmed.o $(ASM_OBJS)
# (gcc keeps most of LTO's debug information in files that are gone after the link.)
LTO := -flto $(if $(filter 0,$(IS_CLANG)),-ffat-lto-objects -g0)
CFLAGS += $(LTO)
LTO_OBJECT := $(BUILD)/obj/lean/whole.o

# Linked as the image will be: what no assembly refers to is the compiler's to change.
$(LTO_OBJECT): $(OBJS) $(WORLD) $(call TABLES,empty) linker.ld
	@mkdir -p $(@D)
	$(call say,LTO)
ifeq ($(IS_CLANG),0)
	$(Q)$(CC) $(CODEGEN) $(LTO) -flto-partition=one -save-temps=obj -no-pie -nostdlib \
		$(LDFLAGS:%=-Wl,%) -Wl,-T,linker.ld -o $(@:.o=.elf) $(OBJS) $(WORLD) $(call TABLES,empty)
	$(Q)$(CC) -c -o $@ $(@:.o=.elf).ltrans0.ltrans.s && rm -f $(@:.o=).elf* $@.res
else
	$(Q)$(LD) $(LDFLAGS) --lto-O2 --plugin-opt=obj-path=$@ -T linker.ld -o $(@:.o=.elf) $(OBJS) $(WORLD) $(call TABLES,empty)
	$(Q)rm -f $(@:.o=.elf)
endif

$(BUILD)/obj/lean/trimmed.o: $(LTO_OBJECT) tools/trim.py tools/sites.py pv/ops.def
	$(call say,TRIM)
	$(Q)$(LD) $(LDFLAGS) --emit-relocs --strip-debug -T linker.ld -o $(@:.o=.elf) $(LTO_OBJECT) $(ASM_OBJS) $(WORLD) $(call TABLES,empty)
	$(Q)$(PYTHON) -B tools/trim.py $(@:.o=.elf) $< $@
