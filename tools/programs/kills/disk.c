/* SPDX-License-Identifier: MIT */
/*
 * SQLite's database and its journal on one disk, /dev/xvda, as two files of a fixed place each. A
 * file's first sector has its length, and whether it exists. It is written after the bytes that
 * make the file longer, and durable after xSync, as they are.
 *
 * The program checks what the disk has, then commits transactions until the machine is ended, and
 * prints the number of each. The next boot is the check.
 */
#include "bank.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DISK   "/dev/xvda"
#define SECTOR 512
#define PLACE  (2 << 20) /* bytes from one file to the next */
#define MAGIC  0x6b6e6162

enum { DATABASE, JOURNAL, NR_FILES };

struct head {
    uint32_t magic, exists;
    int64_t size;
};

struct disk_file {
    sqlite3_file base;
    int which;
};

static struct head heads[NR_FILES];
static int disk;

static off_t place(int which)
{
    return (off_t)which * PLACE;
}

static int store_head(int which)
{
    char sector[SECTOR] = {0};

    heads[which].magic = MAGIC;
    memcpy(sector, &heads[which], sizeof(heads[which]));
    return pwrite(disk, sector, SECTOR, place(which)) == SECTOR ? SQLITE_OK : SQLITE_IOERR_WRITE;
}

static int which_of(sqlite3_file *file)
{
    return ((struct disk_file *)file)->which;
}

static int disk_close(sqlite3_file *file)
{
    (void)file;
    return SQLITE_OK;
}

static int disk_read(sqlite3_file *file, void *to, int count, sqlite3_int64 at)
{
    const int which = which_of(file);
    const sqlite3_int64 left = heads[which].size - at;
    const int some = left < 0 ? 0 : left < count ? (int)left : count;

    if (some && pread(disk, to, (size_t)some, place(which) + SECTOR + at) != some)
        return SQLITE_IOERR_READ;
    memset((char *)to + some, 0, (size_t)(count - some));
    return some == count ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

static int disk_write(sqlite3_file *file, const void *from, int count, sqlite3_int64 at)
{
    const int which = which_of(file);

    if (at + count > PLACE - SECTOR)
        return SQLITE_FULL;
    if (pwrite(disk, from, (size_t)count, place(which) + SECTOR + at) != count)
        return SQLITE_IOERR_WRITE;
    if (at + count <= heads[which].size)
        return SQLITE_OK;
    heads[which].size = at + count;
    return store_head(which);
}

static int disk_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    heads[which_of(file)].size = size;
    return store_head(which_of(file));
}

static int disk_sync(sqlite3_file *file, int flags)
{
    (void)file, (void)flags;
    return fsync(disk) ? SQLITE_IOERR_FSYNC : SQLITE_OK;
}

static int disk_size(sqlite3_file *file, sqlite3_int64 *size)
{
    *size = heads[which_of(file)].size;
    return SQLITE_OK;
}

static int disk_lock(sqlite3_file *file, int lock)
{
    (void)file, (void)lock;
    return SQLITE_OK;
}

static int disk_is_reserved(sqlite3_file *file, int *result)
{
    (void)file;
    *result = 0;
    return SQLITE_OK;
}

static int disk_control(sqlite3_file *file, int operation, void *argument)
{
    (void)file, (void)operation, (void)argument;
    return SQLITE_NOTFOUND;
}

static int disk_sector(sqlite3_file *file)
{
    (void)file;
    return SECTOR;
}

static int disk_properties(sqlite3_file *file)
{
    (void)file;
    return 0;
}

static int disk_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out)
{
    static const sqlite3_io_methods methods = {
        .iVersion = 1,
        .xClose = disk_close,
        .xRead = disk_read,
        .xWrite = disk_write,
        .xTruncate = disk_truncate,
        .xSync = disk_sync,
        .xFileSize = disk_size,
        .xLock = disk_lock,
        .xUnlock = disk_lock,
        .xCheckReservedLock = disk_is_reserved,
        .xFileControl = disk_control,
        .xSectorSize = disk_sector,
        .xDeviceCharacteristics = disk_properties,
    };
    const int which = flags & SQLITE_OPEN_MAIN_DB ? DATABASE : JOURNAL;

    (void)vfs, (void)name;
    if (!(flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_MAIN_JOURNAL)) ||
        (!heads[which].exists && !(flags & SQLITE_OPEN_CREATE)))
        return SQLITE_CANTOPEN;
    *(struct disk_file *)file = (struct disk_file){{&methods}, which};
    if (out)
        *out = flags;
    if (heads[which].exists)
        return SQLITE_OK;
    heads[which] = (struct head){.exists = 1};
    return store_head(which);
}

static int file_of_name(const char *name)
{
    return strstr(name, "-journal") ? JOURNAL : DATABASE;
}

static int disk_delete(sqlite3_vfs *vfs, const char *name, int is_durable)
{
    const int which = file_of_name(name);
    int error;

    (void)vfs;
    if (!heads[which].exists)
        return SQLITE_IOERR_DELETE_NOENT;
    heads[which] = (struct head){0};
    error = store_head(which);
    return error || !is_durable ? error : disk_sync(NULL, 0);
}

static int disk_access(sqlite3_vfs *vfs, const char *name, int flags, int *result)
{
    (void)vfs, (void)flags;
    *result = !strstr(name, "-wal") && heads[file_of_name(name)].exists;
    return SQLITE_OK;
}

static int disk_path(sqlite3_vfs *vfs, const char *name, int size, char *out)
{
    (void)vfs;
    snprintf(out, (size_t)size, "%s", name);
    return SQLITE_OK;
}

/* Return 0, or 1 after a message. */
static int attach(void)
{
    static sqlite3_vfs vfs;

    disk = open(DISK, O_RDWR);
    for (int i = 0; i < NR_FILES; i++) {
        char sector[SECTOR];

        if (disk < 0 || pread(disk, sector, SECTOR, place(i)) != SECTOR) {
            perror(DISK);
            return 1;
        }
        memcpy(&heads[i], sector, sizeof(heads[i]));
        if (heads[i].magic != MAGIC)
            heads[i] = (struct head){0};
    }
    vfs = *sqlite3_vfs_find(NULL);
    vfs.zName = "disk";
    vfs.szOsFile = sizeof(struct disk_file);
    vfs.xOpen = disk_open;
    vfs.xDelete = disk_delete;
    vfs.xAccess = disk_access;
    vfs.xFullPathname = disk_path;
    return sqlite3_vfs_register(&vfs, 1) != SQLITE_OK;
}

int work_on_disk(unsigned int seed)
{
    static const char *const modes[] = {"delete", "truncate", "persist"};
    const char *mode = modes[seed % 3], *wrong;
    sqlite3 *db;
    int last = 0;

    random_state = seed;
    if (attach())
        return 1;
    if (!bank_exists("bank", mode))
        bank_create("bank", mode);
    wrong = bank_fault("bank", mode, &last);
    if (wrong) {
        printf("disk: wrong: %s\n", wrong);
        return 1;
    }
    printf("disk: right, %d transactions, journal %s\n", last, mode);
    for (db = bank_open("bank", mode);; last++) {
        bank_transact(db, last + 1);
        printf("disk: committed %d\n", last + 1);
        fflush(stdout);
    }
}
