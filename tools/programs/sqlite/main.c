/* SPDX-License-Identifier: MIT */
/*
 * Runs a file of SQL on a database in memory and prints each row. Without an operating system
 * (SQLITE_OS_OTHER) SQLite has no files at all; it still needs a source of time and of
 * random numbers.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "sqlite3.h"

#if SQLITE_OS_OTHER
static int no_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out)
{
    (void)vfs, (void)name, (void)flags, (void)out;
    file->pMethods = NULL;
    return SQLITE_CANTOPEN;
}

static int no_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
    (void)vfs, (void)name, (void)sync;
    return SQLITE_IOERR_DELETE;
}

static int no_access(sqlite3_vfs *vfs, const char *name, int flags, int *result)
{
    (void)vfs, (void)name, (void)flags;
    *result = 0;
    return SQLITE_OK;
}

static int same_path(sqlite3_vfs *vfs, const char *name, int size, char *out)
{
    (void)vfs;
    snprintf(out, (size_t)size, "%s", name);
    return SQLITE_OK;
}

static int randomness(sqlite3_vfs *vfs, int size, char *out)
{
    (void)vfs;
    return getentropy(out, (size_t)(size > 256 ? 256 : size)) ? 0 : size;
}

static int sleep_us(sqlite3_vfs *vfs, int us)
{
    (void)vfs;
    usleep((useconds_t)us);
    return us;
}

/* Milliseconds of the Julian day. */
static int now(sqlite3_vfs *vfs, sqlite3_int64 *out)
{
    (void)vfs;
    *out = 210866760000000 + (sqlite3_int64)time(NULL) * 1000;
    return SQLITE_OK;
}

static int now_days(sqlite3_vfs *vfs, double *out)
{
    sqlite3_int64 ms;

    now(vfs, &ms);
    *out = (double)ms / 86400000.0;
    return SQLITE_OK;
}

int sqlite3_os_init(void)
{
    static sqlite3_vfs vfs = {
        .iVersion = 2,
        .szOsFile = sizeof(sqlite3_file),
        .mxPathname = 256,
        .zName = "none",
        .xOpen = no_open,
        .xDelete = no_delete,
        .xAccess = no_access,
        .xFullPathname = same_path,
        .xRandomness = randomness,
        .xSleep = sleep_us,
        .xCurrentTime = now_days,
        .xCurrentTimeInt64 = now,
    };

    return sqlite3_vfs_register(&vfs, 1);
}

int sqlite3_os_end(void)
{
    return SQLITE_OK;
}
#endif

static char *read_all(const char *path)
{
    static char text[65536];
    FILE *file = fopen(path, "r");

    if (!file)
        return NULL;
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    fclose(file);
    return text;
}

static void print_row(sqlite3_stmt *statement)
{
    for (int i = 0; i < sqlite3_column_count(statement); i++) {
        const unsigned char *text = sqlite3_column_text(statement, i);

        printf("%s%s", i ? "|" : "", text ? (const char *)text : "NULL");
    }
    printf("\n");
}

static void run(sqlite3 *db, const char *sql)
{
    while (*sql) {
        sqlite3_stmt *statement;

        if (sqlite3_prepare_v2(db, sql, -1, &statement, &sql) == SQLITE_OK && !statement)
            continue;
        while (statement && sqlite3_step(statement) == SQLITE_ROW)
            print_row(statement);
        if (sqlite3_finalize(statement) != SQLITE_OK || !statement) {
            printf("error: %s\n", sqlite3_errmsg(db));
            if (!statement) /* a syntax error: what follows cannot be parsed */
                return;
        }
    }
}

int main(int argc, char **argv)
{
    char *sql = argc > 1 ? read_all(argv[1]) : NULL;
    sqlite3 *db;

    if (!sql || sqlite3_open(":memory:", &db) != SQLITE_OK) {
        fprintf(stderr, "cannot read %s or open a database\n", argc > 1 ? argv[1] : "nothing");
        return 1;
    }
    printf("SQLite %s\n", sqlite3_libversion());
    run(db, sql);
    return sqlite3_close(db) == SQLITE_OK ? 0 : 1;
}
