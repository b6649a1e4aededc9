/*
 * The native console: a 16550 UART at 0x3f8, 115200 baud, polled (National PC16550D data sheet),
 * and Bochs's debug port at 0xe9 where it answers. Output goes to each that is there, input comes
 * from the UART.
 */
#include "pv/native/io.h"
#include "pv/native/native.h"

enum {
    UART = 0x3f8,
    UART_DATA = 0, /* divisor, low byte, while LCR_DLAB */
    UART_IER = 1,  /* divisor, high byte, while LCR_DLAB */
    UART_FCR = 2,
    UART_LCR = 3,
    UART_MCR = 4,
    UART_LSR = 5,
    UART_SCRATCH = 7,

    FCR_ENABLE_AND_CLEAR = 0x07,
    LCR_8N1 = 0x03,
    LCR_DLAB = 0x80,
    MCR_DTR_RTS = 0x03,
    LSR_DATA_READY = 0x01,
    LSR_THR_EMPTY = 0x20,

    DEBUG_PORT = 0xe9, /* reads as its own number if present */
};

/* At 115200 baud a byte takes 87 us; a port read takes 1 us or so on real hardware. */
#define UART_SPINS 100000

static bool have_uart, have_debug_port;

static bool uart_present(void)
{
    outb(UART + UART_SCRATCH, 0x5a);
    if (inb(UART + UART_SCRATCH) != 0x5a)
        return false;
    outb(UART + UART_SCRATCH, 0xa5);
    return inb(UART + UART_SCRATCH) == 0xa5;
}

static void uart_init(void)
{
    static const struct {
        u8 offset, value;
    } steps[] = {{UART_IER, 0},          {UART_LCR, LCR_DLAB | LCR_8N1},
                 {UART_DATA, 1},         {UART_IER, 0},
                 {UART_LCR, LCR_8N1},    {UART_FCR, FCR_ENABLE_AND_CLEAR},
                 {UART_MCR, MCR_DTR_RTS}};

    for (u32 i = 0; i < ARRAY_SIZE(steps); i++)
        outb(UART + steps[i].offset, steps[i].value);
}

/* Idempotent: a second selection of the backend calls it again. */
bool native_console_init(void)
{
    have_uart = uart_present();
    if (have_uart)
        uart_init();
    have_debug_port = inb(DEBUG_PORT) == DEBUG_PORT;
    return have_uart || have_debug_port;
}

static void uart_put(char c)
{
    for (int spins = 0; spins < UART_SPINS && !(inb(UART + UART_LSR) & LSR_THR_EMPTY); spins++)
        barrier();
    outb(UART + UART_DATA, (u8)c);
}

static void put(char c)
{
    if (have_uart)
        uart_put(c);
    if (have_debug_port)
        outb(DEBUG_PORT, (u8)c);
}

void native_console_write(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\n')
            put('\r');
        put(text[i]);
    }
}

int native_console_read(void)
{
    if (!have_uart || !(inb(UART + UART_LSR) & LSR_DATA_READY))
        return -1;
    return inb(UART + UART_DATA);
}
