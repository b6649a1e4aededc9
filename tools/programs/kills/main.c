/* SPDX-License-Identifier: MIT */
/*
 * Kill SQLite at random points of its work on files, and check that what it leaves is consistent.
 *
 *     kills SEED KILLS
 *
 * A database has accounts, among which transactions move money, and a log with one row for each
 * transaction. The cache is small, so pages reach the file before a transaction's end. SQLite is
 * killed in one of its system calls: before it, after it, or after the half of a write. The files
 * as they are then are copied, and the copy is opened as after a restart: SQLite rolls back what
 * the journal has. Then the database must be intact, the money complete, and the log must end with
 * the last transaction that was committed, or with the one that was being committed. The next
 * transactions continue on the copy.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sqlite3.h"

#define ACCOUNTS        400
#define MONEY           1000 /* of each account in the beginning */
#define CALLS_MAX       400  /* until a kill */
#define DESCRIPTORS_MAX 64

enum when { BEFORE, AFTER, HALF, NR_WHEN };

static jmp_buf killed;
static int calls_left;
static enum when when;
static bool is_open[DESCRIPTORS_MAX];
static uint64_t random_state;

static unsigned int random_below(unsigned int limit)
{
    random_state = random_state * 6364136223846793005 + 1442695040888963407;
    return (unsigned int)(random_state >> 33) % limit;
}

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

/* Report what SQLite refuses, and end the program. */
static void require(sqlite3 *db, int result, const char *what)
{
    if (result == SQLITE_OK)
        return;
    printf("%s: %s\n", what, db ? sqlite3_errmsg(db) : sqlite3_errstr(result));
    exit(EXIT_FAILURE);
}

static void execute(sqlite3 *db, const char *sql)
{
    require(db, sqlite3_exec(db, sql, NULL, NULL, NULL), sql);
}

/* Return the one number or text that a query gives: a text, in memory that the next call reuses. */
static const char *query(sqlite3 *db, const char *sql)
{
    static char text[200];
    sqlite3_stmt *statement;

    require(db, sqlite3_prepare_v2(db, sql, -1, &statement, NULL), sql);
    if (sqlite3_step(statement) != SQLITE_ROW)
        snprintf(text, sizeof(text), "%s", sqlite3_errmsg(db));
    else
        snprintf(text, sizeof(text), "%s", (const char *)sqlite3_column_text(statement, 0));
    sqlite3_finalize(statement);
    return text;
}

static sqlite3 *open_bank(const char *path, const char *journal_mode)
{
    char sql[64];
    sqlite3 *db;

    require(NULL, sqlite3_open(path, &db), path);
    snprintf(sql, sizeof(sql), "PRAGMA journal_mode=%s", journal_mode);
    if (strcmp(query(db, sql), journal_mode)) {
        printf("the journal's mode %s is not taken\n", journal_mode);
        exit(EXIT_FAILURE);
    }
    execute(db, "PRAGMA cache_size=5");
    return db;
}

static void create_bank(const char *path, const char *journal_mode)
{
    char sql[300];
    sqlite3 *db = open_bank(path, journal_mode);

    snprintf(sql, sizeof(sql),
             "CREATE TABLE account(id INTEGER PRIMARY KEY, money INTEGER, note TEXT);"
             "CREATE TABLE log(id INTEGER PRIMARY KEY, note TEXT);"
             "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)"
             "INSERT INTO account SELECT i, %d, hex(zeroblob(60)) FROM n",
             ACCOUNTS, MONEY);
    execute(db, sql);
    sqlite3_close(db);
}

/* Move money among some accounts, and log that by the number of the transaction. */
static void transact(sqlite3 *db, int number)
{
    unsigned int moves = 1 + random_below(60);
    char sql[200];

    execute(db, "BEGIN");
    for (unsigned int i = 0; i < moves; i++) {
        unsigned int from = 1 + random_below(ACCOUNTS), to = 1 + random_below(ACCOUNTS);

        snprintf(sql, sizeof(sql),
                 "UPDATE account SET money = money - %u WHERE id = %u;"
                 "UPDATE account SET money = money + %u WHERE id = %u",
                 i, from, i, to);
        execute(db, sql);
    }
    snprintf(sql, sizeof(sql), "INSERT INTO log VALUES(%d, hex(zeroblob(%u)))", number,
             random_below(3000));
    execute(db, sql);
    execute(db, "COMMIT");
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
        require(NULL, SQLITE_CANTOPEN, to);
    while ((size = read(in, bytes, sizeof(bytes))) > 0)
        if (write(out, bytes, (size_t)size) != size)
            require(NULL, SQLITE_FULL, to);
    if (size || ftruncate(in, 0))
        require(NULL, SQLITE_IOERR, from);
    close(in);
    close(out);
}

/* Return what is wrong in a database after a kill, or NULL; set the last transaction that it has.
 */
static const char *what_is_wrong(const char *path, const char *journal_mode, int *last)
{
    static char text[300];
    sqlite3 *db = open_bank(path, journal_mode);
    bool is_intact = !strcmp(query(db, "PRAGMA integrity_check"), "ok");
    int money = atoi(query(db, "SELECT sum(money) FROM account"));
    int rows = atoi(query(db, "SELECT count(*) FROM log")), before = *last;

    *last = atoi(query(db, "SELECT max(id) FROM log"));
    sqlite3_close(db);
    if (is_intact && money == ACCOUNTS * MONEY && rows == *last &&
        (*last == before || *last == before + 1))
        return NULL;
    snprintf(text, sizeof(text),
             "intact: %d, money %d of %d, %d rows up to transaction %d, committed were %d",
             is_intact, money, ACCOUNTS * MONEY, rows, *last, before);
    return text;
}

/* Kill SQLite so many times in this mode of its journal; return what is wrong then, or NULL. */
static const char *kill_often(const char *journal_mode, int kills)
{
    static char path[2][40], journal[2][50], text[400];
    static int committed; /* static: it survives longjmp() */
    const char *wrong = NULL;

    committed = 0;
    snprintf(path[0], sizeof(path[0]), "%s-0.db", journal_mode);
    create_bank(path[0], journal_mode);
    for (int i = 0; i < kills && !wrong; i++) {
        int old = i % 2, new = !old;

        snprintf(path[old], sizeof(path[old]), "%s-%d.db", journal_mode, i);
        snprintf(path[new], sizeof(path[new]), "%s-%d.db", journal_mode, i + 1);
        for (int j = 0; j < 2; j++)
            snprintf(journal[j], sizeof(journal[j]), "%s-journal", path[j]);
        if (!setjmp(killed)) {
            sqlite3 *db = open_bank(path[old], journal_mode);

            when = (enum when)random_below(NR_WHEN);
            calls_left = 1 + (int)random_below(CALLS_MAX);
            for (;;) {
                transact(db, committed + 1);
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

    random_state = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    replace_calls();
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        const char *wrong = kill_often(modes[i], argc > 2 ? atoi(argv[2]) : 100);

        printf("case %s: %s%s\n", modes[i], wrong ? "failed: " : "passed", wrong ? wrong : "");
        failed = failed || wrong;
    }
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
