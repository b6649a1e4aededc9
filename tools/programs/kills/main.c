/* SPDX-License-Identifier: MIT */
/*
 * Kill SQLite at random points of its work on files, and check that what it leaves is consistent.
 *
 *     kills SEED KILLS    on files in memory
 *     kills disk SEED     on a disk, until the machine ends (disk.c)
 *
 * SQLite works on a database (bank.h), and is killed in one of its system calls: before it, after
 * it, or after the half of a write. The files as they are then are copied, and the copy is opened
 * as after a restart: SQLite rolls back what the journal has. Then the database must be as bank.h
 * says, and end with the last transaction that was committed, or with the one that was being
 * committed. The next transactions continue on the copy.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bank.h"

#define CALLS_MAX       400 /* until a kill */
#define DESCRIPTORS_MAX 64

enum when { BEFORE, AFTER, HALF, NR_WHEN };

static jmp_buf killed;
static int calls_left;
static enum when when;
static bool is_open[DESCRIPTORS_MAX];

/* Return whether this call is the one in which SQLite is killed. Kill it if that is before it. */
static bool is_last(void)
{
    if (!calls_left || --calls_left)
        return false;
    if (when == BEFORE)
        longjmp(killed, 1);
    return true;
}

static void kill_if(bool last)
{
    if (last)
        longjmp(killed, 1);
}

static int open_file(const char *path, int flags, int mode)
{
    bool last = is_last();
    int fd = open(path, flags, mode);
    if (fd >= 0 && fd < DESCRIPTORS_MAX)
        is_open[fd] = true;
    kill_if(last);
    return fd;
}

static int close_file(int fd)
{
    bool last = is_last();

    int error = close(fd);

    if (fd >= 0 && fd < DESCRIPTORS_MAX)
        is_open[fd] = false;
    kill_if(last);
    return error;
}

static ssize_t write_file(int fd, const void *bytes, size_t size)
{
    bool last = is_last();
    ssize_t written = write(fd, bytes, last && when == HALF ? size / 2 : size);
    kill_if(last);
    return written;
}

static int truncate_file(int fd, off_t size)
{
    bool last = is_last();
    int error = ftruncate(fd, size);
    kill_if(last);
    return error;
}

static int remove_file(const char *path)
{
    bool last = is_last();
    int error = unlink(path);
    kill_if(last);
    return error;
}

static void replace_calls(void)
{
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);

    vfs->xSetSystemCall(vfs, "open", (sqlite3_syscall_ptr)open_file);
    vfs->xSetSystemCall(vfs, "close", (sqlite3_syscall_ptr)close_file);
    vfs->xSetSystemCall(vfs, "write", (sqlite3_syscall_ptr)write_file);
    vfs->xSetSystemCall(vfs, "ftruncate", (sqlite3_syscall_ptr)truncate_file);
    vfs->xSetSystemCall(vfs, "unlink", (sqlite3_syscall_ptr)remove_file);
}

static void close_all(void)
{
    for (int fd = 0; fd < DESCRIPTORS_MAX; fd++) {
        if (is_open[fd])
            close(fd);
        is_open[fd] = false;
    }
}

/* Copy a file, if it exists, and empty the old one: SQLite still has it among its open files. */
static void move_bytes(const char *from, const char *to)
{
    static char bytes[65536];
    int in = open(from, O_RDWR), out;
    ssize_t size;

    if (in < 0)
        return;
    if ((out = open(to, O_RDWR | O_CREAT | O_TRUNC, 0600)) < 0)
        bank_require(NULL, SQLITE_CANTOPEN, to);
    while ((size = read(in, bytes, sizeof(bytes))) > 0)
        if (write(out, bytes, (size_t)size) != size)
            bank_require(NULL, SQLITE_FULL, to);
    if (size || ftruncate(in, 0))
        bank_require(NULL, SQLITE_IOERR, from);
    close(in);
    close(out);
}

/* As bank_fault; also, that no transaction is lost and none is there that was not started. */
static const char *what_is_wrong(const char *path, const char *journal_mode, int *last)
{
    static char text[400];
    const int before = *last;
    const char *wrong = bank_fault(path, journal_mode, last);

    if (!wrong && (*last == before || *last == before + 1))
        return NULL;
    snprintf(text, sizeof(text), "%s; the last transaction is %d, committed were %d",
             wrong ? wrong : "intact", *last, before);
    return text;
}

/* Kill SQLite so many times in this mode of its journal; return what is wrong then, or NULL. */
static const char *kill_often(const char *journal_mode, int kills)
{
    static char path[2][40], journal[2][50], text[450];
    static int committed; /* static: it survives longjmp() */
    const char *wrong = NULL;

    committed = 0;
    snprintf(path[0], sizeof(path[0]), "%s-0.db", journal_mode);
    bank_create(path[0], journal_mode);
    for (int i = 0; i < kills && !wrong; i++) {
        int old = i % 2, new = !old;

        snprintf(path[old], sizeof(path[old]), "%s-%d.db", journal_mode, i);
        snprintf(path[new], sizeof(path[new]), "%s-%d.db", journal_mode, i + 1);
        for (int j = 0; j < 2; j++)
            snprintf(journal[j], sizeof(journal[j]), "%s-journal", path[j]);
        if (!setjmp(killed)) {
            sqlite3 *db = bank_open(path[old], journal_mode);

            when = (enum when)random_below(NR_WHEN);
            calls_left = 1 + (int)random_below(CALLS_MAX);
            for (;;) {
                bank_transact(db, committed + 1);
                committed++;
            }
        }
        close_all();
        move_bytes(path[old], path[new]);
        move_bytes(journal[old], journal[new]);
        if ((wrong = what_is_wrong(path[new], journal_mode, &committed))) {
            snprintf(text, sizeof(text), "kill %d: %s", i, wrong);
            wrong = text;
        }
    }
    printf("%s: %d transactions\n", journal_mode, committed);
    return wrong;
}

int main(int argc, char **argv)
{
    static const char *const modes[] = {"delete", "truncate", "persist"};
    bool failed = false;

    if (argc > 2 && !strcmp(argv[1], "disk"))
        return work_on_disk((unsigned int)atoi(argv[2]));
    random_state = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    replace_calls();
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        const char *wrong = kill_often(modes[i], argc > 2 ? atoi(argv[2]) : 100);

        printf("case %s: %s%s\n", modes[i], wrong ? "failed: " : "passed", wrong ? wrong : "");
        failed = failed || wrong;
    }
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
