/* SPDX-License-Identifier: MIT */
/* Records of callbacks: what replaces the kernel's table of them. */
#include "pv/record/record.h"

/* Written: by record_start, on one CPU. */
static const struct pv_callbacks *real_callbacks;
static bool records_callbacks; /* Written: as real_callbacks. Else it only filters. */

static void record_callback(enum record_callback id, u64 a, u64 b, u64 c, u64 d)
{
    struct record_slot slot;

    if (record_open(&slot, RECORD_CALLBACK, id, 4 * sizeof(u64))) {
        slot.words[0] = a;
        slot.words[1] = b;
        slot.words[2] = c;
        slot.words[3] = d;
    }
    record_close(&slot);
}

/* The recorder's code without this file, and of it the functions in C (linker.ld). */
extern const u8 _record_text_start[], _record_text_end[];
extern const u8 _record_c_start[], _record_c_end[];

/* Return whether the word at this address is a return address in the recorder's C. */
static bool returns_to_recorder(u64 address)
{
    u64 caller;

    return !record_copy(&caller, (const void *)address, sizeof(caller)) &&
           caller - (u64)_record_c_start < (u64)(_record_c_end - _record_c_start);
}

/*
 * Return whether a function of the recorder has called the one that the frame interrupted, which
 * has its frame pointer or (as __fentry__) not.
 */
static bool is_called_by_recorder(const struct trap_frame *frame)
{
    return !from_user(frame) &&
           (returns_to_recorder(frame->rbp + sizeof(u64)) || returns_to_recorder(frame->rsp));
}

/*
 * Return whether this is a debug exception in the recorder or in a function that it has called. A
 * test that steps, or has a breakpoint in such a function, steps and counts what is recorded.
 */
static bool is_step_of_recorder(const struct trap_frame *frame)
{
    const u64 offset = frame->rip - (u64)_record_text_start;

    return frame->vector == VECTOR_DB &&
           (offset < (u64)(_record_text_end - _record_text_start) || is_called_by_recorder(frame));
}

/* The fault of a copy for a record is the recorder's own, not the guest's. */
static void on_exception(struct trap_frame *frame, u64 fault_address)
{
    if (is_step_of_recorder(frame)) {
        frame->rflags |= RFLAGS_RF; /* a breakpoint's instruction is executed now */
        return;
    }
    if (records_callbacks && frame->rip != (u64)record_copy_instruction)
        record_callback(RECORD_EXCEPTION, frame->vector, frame->error, frame->rip, fault_address);
    real_callbacks->exception(frame, fault_address);
}

static void on_nmi(struct trap_frame *frame)
{
    record_callback(RECORD_NMI, frame->rip, 0, 0, 0);
    real_callbacks->nmi(frame);
}

static void on_syscall(struct trap_frame *frame)
{
    record_callback(RECORD_SYSCALL, frame->vector, frame->rip, frame->rax, 0);
    real_callbacks->syscall(frame);
}

static void on_failsafe(struct trap_frame *frame)
{
    record_callback(RECORD_FAILSAFE, frame->rip, 0, 0, 0);
    real_callbacks->failsafe(frame);
}

static void on_interrupt(struct trap_frame *frame, u32 line)
{
    record_callback(RECORD_INTERRUPT, line, frame->rip, 0, 0);
    real_callbacks->interrupt(frame, line);
}

static void on_timer(struct trap_frame *frame)
{
    record_callback(RECORD_TIMER, frame->rip, 0, 0, 0);
    real_callbacks->timer(frame);
}

static void on_ipi(struct trap_frame *frame, enum pv_ipi kind)
{
    record_callback(RECORD_IPI, kind, frame->rip, 0, 0);
    real_callbacks->ipi(frame, kind);
}

static void on_unclaimed(u8 vector)
{
    record_callback(RECORD_UNCLAIMED, vector, 0, 0, 0);
    real_callbacks->unclaimed(vector);
}

static void on_suspend(void)
{
    record_callback(RECORD_SUSPEND, 0, 0, 0, 0);
    real_callbacks->suspend();
}

static void on_resume(bool cancelled)
{
    record_callback(RECORD_RESUME, cancelled, 0, 0, 0);
    real_callbacks->resume(cancelled);
}

static void replace_others(struct pv_callbacks *table)
{
    table->nmi = on_nmi;
    table->syscall = on_syscall;
    table->failsafe = on_failsafe;
    table->interrupt = on_interrupt;
    table->timer = on_timer;
    table->ipi = on_ipi;
    table->unclaimed = on_unclaimed;
    table->suspend = on_suspend;
    table->resume = on_resume;
}

void record_callbacks_start(bool record)
{
    /* Written: here, on one CPU, before pv_set_callbacks. */
    static struct pv_callbacks recording;

    real_callbacks = pv_callbacks;
    records_callbacks = record;
    recording = *real_callbacks;
    recording.exception = on_exception;
    if (record)
        replace_others(&recording);
    pv_set_callbacks(&recording);
}
