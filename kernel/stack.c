/* See kernel/stack.h. */
#include "kernel/stack.h"
#include "kernel/panic.h"

extern const char boot_stack[];

u64 stack_limit = (u64)boot_stack + STACK_RESERVE;

void stack_overflow(const struct trap_frame *frame)
{
    panic_frame(frame, "stack overflow: less than %d bytes left at the entry of a function",
                STACK_RESERVE);
}
