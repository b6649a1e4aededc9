/* SPDX-License-Identifier: MIT */
/*
 * A 16550 UART: it is always ready to send, and what is read from standard input is pending until
 * the guest takes it. Its only interrupt is that of input, at once and with any number of bytes.
 */
#include "vmm.h"
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

enum {
    DATA = 0,
    IER = 1,
    IER_RECEIVED = 0x01,
    IIR = 2,
    IIR_NONE = 0xc1, /* FIFOs, no interrupt */
    IIR_RECEIVED = 0xc4,
    LCR = 3,
    LCR_DLAB = 0x80,
    MCR = 4,
    MCR_LOOP = 0x10, /* what is sent is received */
    LSR = 5,
    LSR_READY = 0x01,
    LSR_EMPTY = 0x60, /* nothing is left to send */
    MSR = 6,
    MSR_CONNECTED = 0xb0,
    NR_REGS = 8,
    IRQ = 4,

    IN_SIZE = 4096,
    OUT_SIZE = 1024,
    FLUSH_MS = 20,
};

/* All is under this lock. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t taken = PTHREAD_COND_INITIALIZER;
static uint8_t regs[NR_REGS], ier, in[IN_SIZE], out[OUT_SIZE];
static uint32_t in_first, in_end, out_size;

static void write_out(void)
{
    for (uint32_t done = 0; done < out_size;) {
        const ssize_t written = write(STDOUT_FILENO, out + done, out_size - done);

        if (written <= 0)
            break;
        done += (uint32_t)written;
    }
    out_size = 0;
}

void uart_flush(void)
{
    pthread_mutex_lock(&lock);
    write_out();
    pthread_mutex_unlock(&lock);
}

static int interrupts(void)
{
    return ier & IER_RECEIVED && in_first < in_end;
}

/* Make the interrupt's wire follow what is pending. */
static void update_irq(void)
{
    static int level;

    if (level == interrupts())
        return;
    level = !level;
    set_irq(IRQ, (uint32_t)level);
}

static uint8_t take_byte(void)
{
    if (in_first == in_end)
        return 0;
    pthread_cond_signal(&taken);
    return in[in_first++];
}

static void loop(uint8_t value)
{
    if (in_first == in_end)
        in_first = in_end = 0;
    if (in_end < IN_SIZE)
        in[in_end++] = value;
}

uint8_t uart_read(uint32_t reg)
{
    uint8_t value;

    pthread_mutex_lock(&lock);
    if (reg == DATA && !(regs[LCR] & LCR_DLAB))
        value = take_byte();
    else if (reg == LSR)
        value = LSR_EMPTY | (in_first < in_end ? LSR_READY : 0);
    else if (reg == MSR)
        value = MSR_CONNECTED;
    else if (reg == IER && !(regs[LCR] & LCR_DLAB))
        value = ier;
    else if (reg == IIR)
        value = interrupts() ? IIR_RECEIVED : IIR_NONE;
    else
        value = regs[reg];
    update_irq();
    pthread_mutex_unlock(&lock);
    return value;
}

void uart_write(uint32_t reg, uint8_t value)
{
    pthread_mutex_lock(&lock);
    if (reg == DATA && !(regs[LCR] & LCR_DLAB) && regs[MCR] & MCR_LOOP) {
        loop(value);
    } else if (reg == DATA && !(regs[LCR] & LCR_DLAB)) {
        out[out_size++] = value;
        if (value == '\n' || out_size == OUT_SIZE)
            write_out();
    } else if (reg == IER && !(regs[LCR] & LCR_DLAB)) {
        ier = value;
    } else if (reg < NR_REGS) {
        regs[reg] = value;
    }
    update_irq();
    pthread_mutex_unlock(&lock);
}

/* Write out what has no newline yet, every FLUSH_MS. */
static void *flush_often(void *unused)
{
    (void)unused;
    for (;;) {
        usleep(FLUSH_MS * 1000);
        uart_flush();
    }
    return NULL;
}

/* Pass standard input on, a piece when the guest has taken the one before. */
void uart_serve(void)
{
    struct pollfd input = {STDIN_FILENO, POLLIN, 0};
    uint8_t piece[IN_SIZE];

    start_thread(flush_often, 0);
    for (;;) {
        ssize_t size = poll(&input, 1, -1) > 0 ? read(STDIN_FILENO, piece, sizeof(piece)) : 0;

        if (size <= 0) {
            usleep(FLUSH_MS * 1000); /* the other end is closed for now */
            continue;
        }
        pthread_mutex_lock(&lock);
        while (in_first < in_end)
            pthread_cond_wait(&taken, &lock);
        memcpy(in, piece, (size_t)size);
        in_first = 0;
        in_end = (uint32_t)size;
        update_irq();
        pthread_mutex_unlock(&lock);
    }
}
