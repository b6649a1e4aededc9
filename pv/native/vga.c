/* SPDX-License-Identifier: MIT */
/*
 * The text screen of a VGA: 80 by 25 cells of a character and its colours, in memory at 0xb8000 of
 * the machine's own bus (IBM VGA technical reference; FreeVGA project, "Accessing the VGA
 * Registers"). Firmware that starts in a graphics mode, as UEFI does, has none.
 */
#include "lib/address_map.h"
#include "lib/string.h"
#include "pv/native/io.h"
#include "pv/native/vga.h"

enum {
    VGA_MISC_READ = 0x3cc,
    MISC_COLOUR = 0x01, /* the CRT controller is at 0x3d4 */

    VGA_GRAPHICS_INDEX = 0x3ce,
    VGA_GRAPHICS_DATA = 0x3cf,
    GRAPHICS_MISC = 0x06,
    GRAPHICS_MODE = 0x01,
    GRAPHICS_MEMORY = 0x0c,
    GRAPHICS_MEMORY_B8000 = 0x0c,

    VGA_CRT_INDEX = 0x3d4,
    VGA_CRT_DATA = 0x3d5,
    CRT_COLUMNS = 0x01, /* minus one */
    CRT_START_HIGH = 0x0c,
    CRT_START_LOW = 0x0d,
    CRT_CURSOR_HIGH = 0x0e,
    CRT_CURSOR_LOW = 0x0f,

    COLUMNS = 80,
    ROWS = 25,
    LIGHT_GREY = 0x0700,
    BLANK = LIGHT_GREY | ' ',
};

/*
 * Guarded by: kernel/console.c's lock. A CPU in a panic writes without the lock, after it has
 * stopped the others, possibly in the middle of a write. So row and column are within the screen at
 * every instruction.
 */
static bool present;
static u32 column, row;
static u16 cells[ROWS][COLUMNS]; /* what the screen shows: reading its memory is slow */

static u8 read_indexed(u16 index_port, u8 index)
{
    outb(index_port, index);
    return inb(index_port + 1);
}

static void write_crt(u8 index, u8 value)
{
    outb(VGA_CRT_INDEX, index);
    outb(VGA_CRT_DATA, value);
}

/* A port that no device answers reads as ones. */
static bool in_text_mode(void)
{
    const u8 misc = inb(VGA_MISC_READ), mode = read_indexed(VGA_GRAPHICS_INDEX, GRAPHICS_MISC);

    return misc != 0xff && misc & MISC_COLOUR && !(mode & GRAPHICS_MODE) &&
           (mode & GRAPHICS_MEMORY) == GRAPHICS_MEMORY_B8000 &&
           read_indexed(VGA_CRT_INDEX, CRT_COLUMNS) == COLUMNS - 1;
}

static void show_rows(u32 first, u32 end)
{
    volatile u16 *const screen = (volatile u16 *)(DIRECT_MAP_BASE + VGA_TEXT_BASE);

    for (u32 i = first * COLUMNS; i < end * COLUMNS; i++)
        screen[i] = cells[i / COLUMNS][i % COLUMNS];
}

static void blank_row(u32 which)
{
    for (u32 i = 0; i < COLUMNS; i++)
        cells[which][i] = BLANK;
}

static void new_line(void)
{
    WRITE_ONCE(column, 0);
    if (row + 1 < ROWS) {
        WRITE_ONCE(row, row + 1);
        return;
    }
    memmove(cells[0], cells[1], sizeof(cells) - sizeof(cells[0]));
    blank_row(ROWS - 1);
    show_rows(0, ROWS);
}

bool native_vga_init(void)
{
    if (present || !in_text_mode())
        return present;
    present = true;
    write_crt(CRT_START_HIGH, 0);
    write_crt(CRT_START_LOW, 0);
    for (u32 i = 0; i < ROWS; i++)
        blank_row(i);
    show_rows(0, ROWS);
    return true;
}

void native_vga_write(const char *text, size_t len)
{
    const u32 first = row;

    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\r')
            column = 0;
        if (text[i] == '\n')
            new_line();
        if ((u8)text[i] < ' ')
            continue;
        cells[row][column] = LIGHT_GREY | (u8)text[i];
        if (column + 1 == COLUMNS)
            new_line();
        else
            WRITE_ONCE(column, column + 1);
    }
    show_rows(MIN(first, row), row + 1);
    write_crt(CRT_CURSOR_HIGH, (u8)((row * COLUMNS + column) >> 8));
    write_crt(CRT_CURSOR_LOW, (u8)(row * COLUMNS + column));
}
