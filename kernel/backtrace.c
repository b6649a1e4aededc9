/*
 * Backtraces by frame pointers: [rbp] is the caller's rbp, [rbp + 8] the return address. Nothing is
 * dereferenced that is not mapped in the kernel's half of the address space, and the chain must
 * ascend.
 */
#include "kernel/console.h"
#include "kernel/panic.h"
#include "kernel/symtab.h"
#include "mm/space.h"

#define BACKTRACE_MAX 24 /* lines */

extern const char _data_start[], _image_end[];

/* Before mm/ has made tables of its own, only the image is known to be there. */
static bool readable_frame(u64 rbp)
{
    struct mm_mapping m;

    if (rbp % 16)
        return false;
    if (!mm_kernel.live)
        return rbp >= (u64)_data_start && rbp <= (u64)_image_end - 16;
    return rbp >= DIRECT_MAP_BASE && mm_query(&mm_kernel, rbp, &m);
}

static void print_address(int depth, u64 addr)
{
    char name[SYMTAB_NAME_MAX];
    u64 offset;

    if (symtab_lookup(&kernel_symtab, addr, name, &offset))
        print("  #%d %s+0x%lx\n", depth, name, offset);
    else
        print("  #%d %016lx\n", depth, addr);
}

static void print_repeats(u32 repeats)
{
    if (repeats)
        print("  ... the same, %u more times\n", repeats);
}

/* A return address may be the first byte of the next function, so the byte before it is looked up.
 */
void backtrace_print(u64 rip, u64 rbp)
{
    u64 last = ~rip;
    u32 repeats = 0;

    for (int lines = 0, depth = 0; lines < BACKTRACE_MAX; depth++) {
        const u64 *frame = (const u64 *)rbp;

        if (rip == last) {
            repeats++;
        } else {
            print_repeats(repeats);
            repeats = 0;
            print_address(depth, rip);
            lines++;
        }
        if (!readable_frame(rbp) || !frame[1])
            break;
        last = rip;
        rip = frame[1] - 1;
        rbp = frame[0] > rbp ? frame[0] : 0;
    }
    print_repeats(repeats);
}
