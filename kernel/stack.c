/* See kernel/stack.h. */
#include "kernel/stack.h"
#include "kernel/panic.h"

void stack_overflow(const struct trap_frame *frame)
{
    panic_frame(frame, "stack overflow: less than %d bytes left at the entry of a function",
                STACK_RESERVE);
}
