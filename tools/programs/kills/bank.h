/* SPDX-License-Identifier: MIT */
/*
 * The database of kills: accounts, among which transactions move money, and a log with one row for
 * each of the last transactions. The cache is small, so pages reach the file before a transaction's
 * end. What SQLite refuses ends the program.
 */
#ifndef BANK_H
#define BANK_H

#include <stdbool.h>
#include <stdint.h>

#include "sqlite3.h"

extern uint64_t random_state; /* the seed, at first */
unsigned int random_below(unsigned int limit);

/* Report a result other than SQLITE_OK, and end the program. */
void bank_require(sqlite3 *db, int result, const char *what);

sqlite3 *bank_open(const char *path, const char *journal_mode);
bool bank_exists(const char *path, const char *journal_mode);
void bank_create(const char *path, const char *journal_mode);

/* Move money among some accounts, and log that by the number of the transaction. */
void bank_transact(sqlite3 *db, int number);

/*
 * Return what is wrong in a database, or NULL: it must be intact, the money complete, and the last
 * rows of the log without a gap. Set the last transaction that it has.
 */
const char *bank_fault(const char *path, const char *journal_mode, int *last);

/* Work on the database on the disk /dev/xvda until the machine ends (disk.c). */
int work_on_disk(unsigned int seed);

#endif
