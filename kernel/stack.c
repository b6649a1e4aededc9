/* See kernel/stack.h. */
#include "kernel/stack.h"
#include "kernel/cpu.h"
#include "kernel/panic.h"
#include "kernel/thread.h"

void stack_overflow(const struct trap_frame *frame)
{
    panic_frame(frame, "stack overflow in thread %s: too little is left at the entry of a function",
                this_thread()->name);
}
