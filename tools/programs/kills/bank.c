/* SPDX-License-Identifier: MIT */
#include "bank.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ACCOUNTS 400
#define MONEY    1000 /* of each account in the beginning */
#define KEPT     300  /* rows of the log */

uint64_t random_state;

unsigned int random_below(unsigned int limit)
{
    random_state = random_state * 6364136223846793005 + 1442695040888963407;
    return (unsigned int)(random_state >> 33) % limit;
}

void bank_require(sqlite3 *db, int result, const char *what)
{
    if (result == SQLITE_OK)
        return;
    printf("%s: %s\n", what, db ? sqlite3_errmsg(db) : sqlite3_errstr(result));
    exit(EXIT_FAILURE);
}

static void execute(sqlite3 *db, const char *sql)
{
    bank_require(db, sqlite3_exec(db, sql, NULL, NULL, NULL), sql);
}

/* Return the one number or text that a query gives: a text, in memory that the next call reuses. */
static const char *query(sqlite3 *db, const char *sql)
{
    static char text[200];
    sqlite3_stmt *statement;

    bank_require(db, sqlite3_prepare_v2(db, sql, -1, &statement, NULL), sql);
    if (sqlite3_step(statement) != SQLITE_ROW)
        snprintf(text, sizeof(text), "%s", sqlite3_errmsg(db));
    else
        snprintf(text, sizeof(text), "%s", (const char *)sqlite3_column_text(statement, 0));
    sqlite3_finalize(statement);
    return text;
}

sqlite3 *bank_open(const char *path, const char *journal_mode)
{
    char sql[64];
    sqlite3 *db;

    bank_require(NULL, sqlite3_open(path, &db), path);
    snprintf(sql, sizeof(sql), "PRAGMA journal_mode=%s", journal_mode);
    if (strcmp(query(db, sql), journal_mode)) {
        printf("the journal's mode %s is not taken\n", journal_mode);
        exit(EXIT_FAILURE);
    }
    execute(db, "PRAGMA cache_size=5");
    return db;
}

void bank_create(const char *path, const char *journal_mode)
{
    char sql[300];
    sqlite3 *db = bank_open(path, journal_mode);

    snprintf(sql, sizeof(sql),
             "BEGIN;"
             "CREATE TABLE account(id INTEGER PRIMARY KEY, money INTEGER, note TEXT);"
             "CREATE TABLE log(id INTEGER PRIMARY KEY, note TEXT);"
             "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)"
             "INSERT INTO account SELECT i, %d, hex(zeroblob(60)) FROM n;"
             "COMMIT",
             ACCOUNTS, MONEY);
    execute(db, sql);
    sqlite3_close(db);
}

void bank_transact(sqlite3 *db, int number)
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
    snprintf(sql, sizeof(sql), "DELETE FROM log WHERE id <= %d", number - KEPT);
    execute(db, sql);
    execute(db, "COMMIT");
}

bool bank_exists(const char *path, const char *journal_mode)
{
    sqlite3 *db = bank_open(path, journal_mode);
    bool exists = atoi(query(db, "SELECT count(*) FROM sqlite_master WHERE name = 'log'")) == 1;

    sqlite3_close(db);
    return exists;
}

const char *bank_fault(const char *path, const char *journal_mode, int *last)
{
    static char text[300];
    sqlite3 *db = bank_open(path, journal_mode);
    bool is_intact = !strcmp(query(db, "PRAGMA integrity_check"), "ok");
    int money = atoi(query(db, "SELECT sum(money) FROM account"));
    int rows = atoi(query(db, "SELECT count(*) FROM log"));

    *last = atoi(query(db, "SELECT max(id) FROM log"));
    sqlite3_close(db);
    if (is_intact && money == ACCOUNTS * MONEY && rows == (*last < KEPT ? *last : KEPT))
        return NULL;
    snprintf(text, sizeof(text), "intact: %d, money %d of %d, %d rows up to transaction %d",
             is_intact, money, ACCOUNTS * MONEY, rows, *last);
    return text;
}
