/* SPDX-License-Identifier: MIT */
/* Disks as files of programs: /dev/xvda and so on (lib/newlib/disks.c). */
#include "test/harness/ram_disk.h"
#include "test/harness/test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Return whether a file is a scratch disk that can be written. */
static bool is_scratch(int fd)
{
    char start[sizeof(SCRATCH_MARK)] = "", byte;

    return pread(fd, start, sizeof(start) - 1, 0) > 0 && !strcmp(start, SCRATCH_MARK) &&
           pread(fd, &byte, 1, 5000) == 1 && pwrite(fd, &byte, 1, 5000) == 1;
}

/* Open the first scratch disk of the host's, or without one a disk in memory. */
static int scratch_open(void)
{
    char path[] = "/dev/xvda";

    for (; path[8] <= 'p'; path[8]++) {
        const int fd = open(path, O_RDWR);

        if (fd >= 0 && is_scratch(fd))
            return fd;
        if (fd >= 0)
            close(fd);
    }
    ram_disk_attach();
    return open("/dev/" RAM_DISK_NAME, O_RDWR);
}

static void scratch_close(const int *fd)
{
    EXPECT_EQ(close(*fd), 0);
    ram_disk_detach();
}

#define SCRATCH_FILE(fd) \
    const int fd __attribute__((cleanup(scratch_close))) = scratch_open(); \
    REQUIRE(fd >= 0)

TEST(libc_disk, a_disk_is_a_file_with_a_size)
{
    struct stat s;
    off_t size;

    SCRATCH_FILE(fd);
    EXPECT_EQ(fstat(fd, &s), 0);
    EXPECT(S_ISBLK(s.st_mode));
    size = lseek(fd, 0, SEEK_END);
    EXPECT(size >= 8192);
    EXPECT_EQ(s.st_size, size);
    EXPECT_EQ(lseek(fd, -100, SEEK_END), size - 100);
    EXPECT(!isatty(fd));
}

TEST(libc_disk, what_is_written_is_read_and_the_position_advances)
{
    char text[700], read_back[700];

    SCRATCH_FILE(fd);
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (char)(i * 3);
    EXPECT_EQ(lseek(fd, 5001, SEEK_SET), 5001);
    EXPECT_EQ(write(fd, text, 300), 300);
    EXPECT_EQ(write(fd, text + 300, 400), 400);
    EXPECT_EQ(lseek(fd, 0, SEEK_CUR), 5701);
    EXPECT_EQ(fsync(fd), 0);
    EXPECT_EQ(fdatasync(fd), 0);
    EXPECT_EQ(lseek(fd, 5001, SEEK_SET), 5001);
    EXPECT_EQ(read(fd, read_back, sizeof(read_back)), sizeof(read_back));
    EXPECT(!memcmp(read_back, text, sizeof(text)));
    EXPECT_EQ(pread(fd, read_back, 100, 5101), 100);
    EXPECT(!memcmp(read_back, text + 100, 100));
}

TEST(libc_disk, a_disk_ends)
{
    char bytes[1024];
    off_t size;

    SCRATCH_FILE(fd);
    memset(bytes, 0x5a, sizeof(bytes));
    size = lseek(fd, 0, SEEK_END);
    EXPECT_EQ(read(fd, bytes, sizeof(bytes)), 0);
    EXPECT_EQ(pwrite(fd, bytes, sizeof(bytes), size - 24), 24);
    errno = 0;
    EXPECT_EQ(write(fd, bytes, 1), -1);
    EXPECT_EQ(errno, ENOSPC);
    EXPECT_EQ(pread(fd, bytes, sizeof(bytes), size - 24), 24);
    errno = 0;
    EXPECT_EQ(ftruncate(fd, 0), -1);
    EXPECT_EQ(errno, EINVAL);
}

TEST(libc_disk, a_disk_is_listed_as_a_block_device)
{
    struct dirent *e;
    u32 found = 0;
    DIR *dir;

    SCRATCH_FILE(fd);
    dir = opendir("/dev");
    REQUIRE(dir);
    while ((e = readdir(dir)))
        found += e->d_type == DT_BLK;
    EXPECT(found > 0);
    EXPECT_EQ(closedir(dir), 0);
}

TEST(libc_disk, a_disk_that_is_detached_and_attached_again_is_reached)
{
    char byte = 1;
    int fd;

    ram_disk_attach();
    fd = open("/dev/" RAM_DISK_NAME, O_RDWR);
    REQUIRE(fd >= 0);
    ram_disk_detach();
    errno = 0;
    EXPECT_EQ(read(fd, &byte, 1), -1);
    EXPECT_EQ(errno, ENXIO);
    errno = 0;
    EXPECT_EQ(write(fd, &byte, 1), -1);
    EXPECT_EQ(errno, ENXIO);
    errno = 0;
    EXPECT_EQ(fsync(fd), -1);
    EXPECT_EQ(errno, ENXIO);
    EXPECT_EQ(lseek(fd, 0, SEEK_END), 0);
    ram_disk_attach();
    EXPECT_EQ(lseek(fd, 0, SEEK_END), RAM_DISK_SIZE);
    EXPECT_EQ(pread(fd, &byte, 1, 0), 1);
    EXPECT_EQ(byte, SCRATCH_MARK[0]);
    ram_disk_detach();
    EXPECT_EQ(close(fd), 0);
}
