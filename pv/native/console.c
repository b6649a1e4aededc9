/* SPDX-License-Identifier: MIT */
/*
 * The native console writes to each output that the machine has: a 16550 UART, polled at 115200
 * baud (National PC16550D data sheet), at the first of a PC's four addresses that answers; Bochs's
 * debug port at 0xe9; the text screen of a VGA. Input is the UART's. A machine with none of these
 * runs without a console.
 *
 * Once native_console_listen was called the UART interrupts when it has received 14 bytes, or when
 * four characters' time has passed without another. Hardware interrupts again after it was read
 * empty only; QEMU repeats the interrupt for each piece that it adds, until the FIFO is full.
 */
#include "lib/format.h"
#include "pv/native/io.h"
#include "pv/native/native.h"
#include "pv/native/raw_lock.h"
#include "pv/native/vga.h"

enum {
    UART_DATA = 0, /* divisor, low byte, while LCR_DLAB */
    UART_IER = 1,  /* divisor, high byte, while LCR_DLAB */
    UART_FCR = 2,
    UART_LCR = 3,
    UART_MCR = 4,
    UART_LSR = 5,
    UART_SCRATCH = 7,

    FCR_ENABLE_AND_CLEAR = 0x07,
    FCR_TRIGGER_14 =
        0xc0, /* receive 14 bytes between two interrupts; QEMU passes so many at once */
    LCR_8N1 = 0x03,
    LCR_DLAB = 0x80,
    IER_RECEIVED = 0x01,
    MCR_DTR_RTS = 0x03,
    MCR_OUT2 = 0x08, /* on a PC: connects the interrupt */
    LSR_DATA_READY = 0x01,
    LSR_THR_EMPTY = 0x20,
    LSR_TRANSMITTER_EMPTY = 0x40, /* the shift register too */

    DEBUG_PORT = 0xe9, /* reads as its own number if present */
};

/*
 * How often to look at a busy UART: a second on hardware, where a port read takes 1 us and a byte
 * at 115200 baud 87 us. An emulated one is busy for as long as no program reads what it has sent.
 */
#define UART_SPINS 1000000

/* Written: early, on one CPU. */
static u16 uart; /* its first port; 0: none */
static bool have_debug_port, have_vga;
/* Guarded by: kernel/console.c's lock; a CPU that writes without it has stopped the others. */
static bool uart_stuck; /* busy for UART_SPINS, and since then */
static u64 uart_lost;   /* bytes in that time */
/* Held around the status read and the data read, which are for one byte. Atomic: a raw_lock. */
static bool reading;

static bool scratch_holds(u16 port, u8 value)
{
    outb(port + UART_SCRATCH, value);
    return inb(port + UART_SCRATCH) == value;
}

static u16 find_uart(void)
{
    static const u16 ports[] = {0x3f8, 0x2f8, 0x3e8, 0x2e8}; /* COM1 to COM4 */

    for (u32 i = 0; i < ARRAY_SIZE(ports); i++)
        if (scratch_holds(ports[i], 0x5a) && scratch_holds(ports[i], 0xa5))
            return ports[i];
    return 0;
}

static void uart_init(void)
{
    static const struct {
        u8 offset, value;
    } steps[] = {{UART_IER, 0},
                 {UART_LCR, LCR_DLAB | LCR_8N1},
                 {UART_DATA, 1},
                 {UART_IER, 0},
                 {UART_LCR, LCR_8N1},
                 {UART_FCR, FCR_ENABLE_AND_CLEAR | FCR_TRIGGER_14},
                 {UART_MCR, MCR_DTR_RTS | MCR_OUT2}};

    for (u32 i = 0; i < ARRAY_SIZE(steps); i++)
        outb(uart + steps[i].offset, steps[i].value);
}

/* Initialise the UART once: a second time would drop the bytes that it has yet to send. */
void native_console_init(void)
{
    static bool done; /* Written: early, on one CPU */

    if (done)
        return;
    done = true;
    uart = find_uart();
    if (uart)
        uart_init();
    have_debug_port = inb(DEBUG_PORT) == DEBUG_PORT;
    have_vga = native_vga_init();
}

static bool uart_has(u8 status)
{
    return inb(uart + UART_LSR) & status;
}

/* Do not wait for a UART that is stuck, or each byte would take a second. */
static bool uart_wait(u8 status)
{
    int spins = uart_stuck ? 0 : UART_SPINS;

    while (!uart_has(status) && spins)
        spins--;
    uart_stuck = !spins && !uart_has(status);
    return !uart_stuck;
}

static void uart_put(char c)
{
    if (uart_wait(LSR_THR_EMPTY))
        outb(uart + UART_DATA, (u8)c);
    else
        uart_lost++;
}

/* Once a stuck UART works again, report how many bytes are missing. */
static void uart_report_loss(void)
{
    char text[48];

    if (!uart_lost || !uart_has(LSR_THR_EMPTY))
        return;
    ksnprintf(text, sizeof(text), "\r\n[console: %llu bytes lost]\r\n",
              (unsigned long long)uart_lost);
    uart_lost = 0;
    for (const char *c = text; *c; c++)
        uart_put(*c);
}

static void uart_write(const char *text, size_t len)
{
    uart_report_loss();
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\n')
            uart_put('\r');
        uart_put(text[i]);
    }
}

static void debug_port_write(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\n')
            outb(DEBUG_PORT, '\r');
        outb(DEBUG_PORT, (u8)text[i]);
    }
}

void native_console_write(const char *text, size_t len)
{
    if (uart)
        uart_write(text, len);
    if (have_debug_port)
        debug_port_write(text, len);
    if (have_vga)
        native_vga_write(text, len);
}

/* Wait until the last byte is on the line: a machine that is turned off or reset sends no more. */
void native_console_drain(void)
{
    if (uart)
        uart_wait(LSR_TRANSMITTER_EMPTY);
}

int native_console_read(void)
{
    int byte = -1;
    u64 flags;

    if (!uart)
        return -1;
    flags = raw_lock(&reading);
    if (inb(uart + UART_LSR) & LSR_DATA_READY)
        byte = inb(uart + UART_DATA);
    raw_unlock(&reading, flags);
    return byte;
}

u32 native_console_listen(void)
{
    if (!uart)
        return 0;
    outb(uart + UART_IER, IER_RECEIVED);
    return uart & 0x100 ? 4 : 3; /* COM1 and COM3; COM2 and COM4 */
}

void native_raw_write(const char *text, size_t len)
{
    native_console_init();
    native_console_write(text, len);
}
