/* SPDX-License-Identifier: MIT */
/*
 * Console input of programs (kernel/services.h, libc_console_read).
 *
 * Without input= on the command line a person types at the console, and each byte is taken as it
 * arrives. With it the other end is ./run.sh, which sends frames (lib/input_frame.h) and only those
 * that this file requests: Xen's console drops what exceeds its buffer of 128 bytes, and a UART
 * what exceeds its FIFO. docs/input.md describes the exchange.
 *
 * A request is sent again if no answer arrives, so a lost or damaged frame or request costs time
 * only. Each request names the offset of the byte that is wanted next, so a frame that arrives
 * twice is recognized by its offset.
 */
#include "kernel/app_input.h"

#include "kernel/app_console.h"
#include "kernel/console.h"
#include "kernel/kernel.h"
#include "kernel/panic.h"
#include "kernel/services.h"
#include "kernel/time.h"
#include "lib/input_frame.h"
#include "lib/string.h"
#include "pv/pv.h"

#define POLL_NS (50 * NS_PER_US)
#define SPIN_NS (2 * NS_PER_MS) /* a frame is answered within microseconds to milliseconds */

/* Written: early, in app_input_init. */
static enum libc_console console_kind;

/* Guarded by: the caller of libc_console_read, which is one thread at a time. */
static struct {
    struct input_reader reader;
    u64 received;                    /* bytes of the stream in whole frames */
    u32 taken;                       /* bytes of the reader's data that the program has */
    u32 available;                   /* bytes of the reader's data */
    bool ended, silent;              /* the stream has ended; the other end does not answer */
    struct libc_interrupt interrupt; /* of the libc_console_read in progress */
} input;

void app_input_init(void)
{
    app_console_listen();
    if (!strcmp(cmdline.input, "pipe"))
        console_kind = LIBC_CONSOLE_PIPE;
    else if (!strcmp(cmdline.input, "terminal"))
        console_kind = LIBC_CONSOLE_LINES;
    else if (cmdline.input[0])
        finish(VERDICT_ERROR, "input=%s: the value must be pipe or terminal", cmdline.input);
}

enum libc_console libc_console_kind(void)
{
    return console_kind;
}

static void request_frame(void)
{
    char request[INPUT_REQUEST_LEN];

    input_request(request, input.received);
    console_write(request, sizeof(request));
}

/*
 * Wait for a byte of a frame until the deadline, and return it or -1: in the first moment without
 * giving up the CPU, because frames follow quickly. The console is not read in that moment, because
 * each read of an emulated UART holds the lock that its emulator needs to receive a byte.
 */
static int wait_for_byte(u64 since, u64 deadline)
{
    const u64 now = pv_clock_ns();

    if (now - since > SPIN_NS)
        return app_console_wait(input.interrupt, deadline);
    while (pv_clock_ns() - now < POLL_NS)
        __builtin_ia32_pause();
    return -1;
}

static bool is_interrupted(void)
{
    return input.interrupt.word &&
           __atomic_load_n(input.interrupt.word, __ATOMIC_SEQ_CST) & input.interrupt.bits;
}

/* Return the next byte, or -1 if the read is interrupted before it. */
static int wait_for_key(void)
{
    int c = app_console_read();

    while (c < 0 && !is_interrupted())
        c = app_console_wait(input.interrupt, UINT64_MAX);
    return c;
}

/*
 * Read until a frame is whole or broken, no byte of one was read for so long, or the read is
 * interrupted.
 */
static enum input_event read_frame(u64 patience)
{
    u64 since = pv_clock_ns();

    while (!is_interrupted()) {
        enum input_event event;
        int c = app_console_read();

        if (c < 0)
            c = wait_for_byte(since, since + patience);
        event = c < 0 ? INPUT_NONE : input_feed(&input.reader, (u8)c);
        if (event != INPUT_NONE)
            return event;
        if (c >= 0 && input.reader.inside)
            since = pv_clock_ns();
        else if (pv_clock_ns() - since >= patience)
            return INPUT_NONE;
    }
    return INPUT_NONE;
}

/* Accept a frame if it is the one that is wanted next. An empty one ends the stream. */
static bool accept_frame(void)
{
    if (input.reader.offset != (input.received & INPUT_OFFSET_MASK))
        return false;
    input.ended = !input.reader.data_len;
    input.available = input.reader.data_len;
    input.taken = 0;
    input.received += input.available;
    return true;
}

/*
 * Request frames until the next one is here, the stream has ended, the other end is silent, or the
 * read is interrupted: the next read requests the frame again.
 */
static void receive_frame(void)
{
    struct input_wait wait;

    input_wait_begin(&wait, pv_clock_ns());
    request_frame();
    while (!input_wait_is_over(&wait, pv_clock_ns())) {
        const enum input_event event = read_frame(wait.patience);

        if ((event == INPUT_WHOLE && accept_frame()) || is_interrupted())
            return;
        if (event == INPUT_NOTHING_TO_SEND) {
            input_wait_answered(&wait, pv_clock_ns());
        } else if (event != INPUT_WHOLE) {
            input_wait_repeat(&wait);
            request_frame();
        }
    }
    input.silent = true;
    log_error(
        "input=%s: no frame of input for %llu s; is ./run.sh at the other end of the console?",
        cmdline.input, (unsigned long long)(INPUT_SILENCE_NS / NS_PER_S));
}

static int read_stream(char *to, size_t len)
{
    if (input.taken == input.available && !input.ended && !input.silent)
        receive_frame();
    if (input.silent)
        return LIBC_CONSOLE_SILENT;
    if (input.ended)
        return 0;
    if (input.taken == input.available)
        return LIBC_CONSOLE_INTERRUPTED;
    len = MIN(len, input.available - input.taken);
    memcpy(to, input.reader.data + input.taken, len);
    input.taken += (u32)len;
    return (int)len;
}

static int read_key(char *to)
{
    const int key = wait_for_key();

    if (key < 0)
        return LIBC_CONSOLE_INTERRUPTED;
    *to = (char)key;
    return 1;
}

int libc_console_read_interruptible(void *to, size_t len, struct libc_interrupt interrupt)
{
    if (!len)
        return 0;
    input.interrupt = interrupt;
    return console_kind == LIBC_CONSOLE_KEYS ? read_key(to)
                                             : read_stream(to, MIN(len, INPUT_DATA_MAX));
}

int libc_console_read(void *to, size_t len)
{
    return libc_console_read_interruptible(to, len, (struct libc_interrupt){NULL, 0});
}
