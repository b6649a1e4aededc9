/* SPDX-License-Identifier: MIT */
/* Files and directories that programs make: what test/host/test_fs.c does not reach, descriptors
 * and stdio. */
#include "kernel/services.h"
#include "test/harness/test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#define EXPECT_ERRNO(call, error) \
    ({ \
        errno = 0; \
        EXPECT((call) == -1); \
        EXPECT_EQ(errno, error); \
    })

TEST(libc_writing, files_keep_what_was_written)
{
    char text[32] = "";
    int fd = open("/tmp/kept", O_RDWR | O_CREAT | O_EXCL, 0600);

    REQUIRE(fd >= 0);
    EXPECT_EQ(write(fd, "one two", 7), 7);
    EXPECT_EQ(lseek(fd, 4, SEEK_SET), 4);
    EXPECT_EQ(write(fd, "2 three", 7), 7);
    EXPECT_EQ(pread(fd, text, sizeof(text), 0), 11);
    EXPECT(!memcmp(text, "one 2 three", 11));
    EXPECT_EQ(pwrite(fd, "ONE", 3, 0), 3);
    EXPECT_EQ(lseek(fd, 0, SEEK_CUR), 11);
    EXPECT_EQ(ftruncate(fd, 5), 0);
    EXPECT_EQ(lseek(fd, 0, SEEK_END), 5);
    EXPECT_EQ(close(fd), 0);
    EXPECT_ERRNO(open("/tmp/kept", O_RDWR | O_CREAT | O_EXCL, 0600), EEXIST);
    fd = open("/tmp/kept", O_RDONLY);
    EXPECT_EQ(read(fd, text, sizeof(text)), 5);
    EXPECT(!memcmp(text, "ONE 2", 5));
    EXPECT_ERRNO(write(fd, "x", 1), EBADF);
    EXPECT_ERRNO(ftruncate(fd, 0), EINVAL);
    close(fd);
    EXPECT_EQ(truncate("/tmp/kept", 1), 0);
    EXPECT_EQ(remove("/tmp/kept"), 0);
    EXPECT_ERRNO(remove("/tmp/kept"), ENOENT);
}

TEST(libc_writing, duplicates_share_a_position)
{
    int fd = open("/tmp/shared", O_RDWR | O_CREAT | O_TRUNC, 0600), copy = dup(fd), high;
    int other;
    char byte;

    REQUIRE(fd >= 0 && copy > fd);
    EXPECT_EQ(write(fd, "abc", 3), 3);
    EXPECT_EQ(lseek(copy, 1, SEEK_SET), 1);
    EXPECT_EQ(read(fd, &byte, 1), 1);
    EXPECT_EQ(byte, 'b');
    EXPECT_EQ(close(fd), 0);
    other = open("/tmp/other", O_RDWR | O_CREAT, 0600); /* must not become what copy refers to */
    EXPECT_EQ(other, fd);
    EXPECT_EQ(read(copy, &byte, 1), 1);
    EXPECT_EQ(byte, 'c');
    close(other);
    unlink("/tmp/other");
    high = fcntl(copy, F_DUPFD, 50);
    EXPECT_EQ(high, 50);
    EXPECT_EQ(dup2(high, 60), 60);
    EXPECT_EQ(dup2(high, high), high);
    EXPECT_EQ(lseek(60, 0, SEEK_CUR), 3);
    EXPECT_ERRNO(dup2(high, 5000), EBADF);
    EXPECT_ERRNO(dup(fd), EBADF);
    close(copy);
    close(high);
    close(60);
    unlink("/tmp/shared");
}

/* Each write of two descriptors with O_APPEND goes to the end. */
TEST(libc_writing, appending_goes_to_the_end)
{
    int one = open("/tmp/log", O_WRONLY | O_CREAT | O_APPEND, 0600);
    int two = open("/tmp/log", O_RDWR | O_APPEND);
    char text[8];

    EXPECT(write(one, "ab", 2) == 2 && write(two, "cd", 2) == 2 && write(one, "ef", 2) == 2);
    EXPECT_EQ(fcntl(one, F_GETFL) & O_APPEND, O_APPEND);
    EXPECT_EQ(pread(two, text, 8, 0), 6);
    EXPECT(!memcmp(text, "abcdef", 6));
    close(one);
    close(two);
    unlink("/tmp/log");
}

TEST(libc_writing, streams_write_and_temporary_files_disappear)
{
    FILE *file = fopen("/tmp/stream", "w+");
    char line[32];
    struct stat s;
    int number;

    REQUIRE(file);
    for (int i = 0; i < 3000; i++)
        fprintf(file, "line %d\n", i);
    EXPECT_EQ(fseek(file, 0, SEEK_SET), 0);
    EXPECT(fgets(line, sizeof(line), file) && fscanf(file, "line %d", &number) == 1 && number == 1);
    fclose(file);
    EXPECT(!stat("/tmp/stream", &s) && s.st_size == 10 * 7 + 90 * 8 + 900 * 9 + 2000 * 10);
    unlink("/tmp/stream");
    file = tmpfile();
    REQUIRE(file);
    EXPECT(fputs("temporary", file) != EOF && !fseek(file, 0, SEEK_SET));
    EXPECT(fgets(line, sizeof(line), file) && !strcmp(line, "temporary"));
    EXPECT_EQ(fclose(file), 0);
}

TEST(libc_writing, directories_are_listed)
{
    const char *const wanted[] = {".", "..", "file", "sub"};
    struct dirent *entry;
    DIR *directory;
    char path[64];
    int n = 0;

    REQUIRE(!mkdir("/tmp/dir", 0777) && !mkdir("/tmp/dir/file", 0777) && !rmdir("/tmp/dir/file"));
    close(open("/tmp/dir/file", O_CREAT | O_WRONLY, 0666));
    EXPECT_EQ(mkdir("/tmp/dir/sub", 0777), 0);
    directory = opendir("/tmp/dir");
    REQUIRE(directory);
    for (; (entry = readdir(directory)) && n < 4; n++)
        EXPECT(!strcmp(entry->d_name, wanted[n]) && entry->d_type == (n == 2 ? DT_REG : DT_DIR));
    EXPECT(n == 4 && !entry);
    rewinddir(directory);
    EXPECT(!strcmp(readdir(directory)->d_name, "."));
    EXPECT_EQ(closedir(directory), 0);
    errno = 0;
    EXPECT(!opendir("/tmp/dir/file") && errno == ENOTDIR);
    EXPECT_ERRNO(rmdir("/tmp/dir"), ENOTEMPTY);
    EXPECT_EQ(chdir("/tmp/dir/sub"), 0);
    EXPECT(getcwd(path, sizeof(path)) && !strcmp(path, "/tmp/dir/sub"));
    EXPECT_EQ(rename("../file", "inside"), 0);
    EXPECT_EQ(access("/tmp/dir/sub/inside", F_OK), 0);
    EXPECT_EQ(chdir("/"), 0);
    EXPECT(!unlink("/tmp/dir/sub/inside") && !rmdir("/tmp/dir/sub") && !rmdir("/tmp/dir"));
}

TEST(libc_writing, glob_finds_names_by_patterns)
{
    static const char *const files[] = {"/tmp/glob/b1", "/tmp/glob/a1", "/tmp/glob/a2"};
    glob_t found;

    REQUIRE(!mkdir("/tmp/glob", 0777));
    for (int i = 0; i < 3; i++)
        close(open(files[i], O_CREAT | O_WRONLY, 0666));
    EXPECT_EQ(glob("/tmp/g*/[a-z]1", 0, NULL, &found), 0);
    REQUIRE(found.gl_pathc == 2);
    EXPECT(!strcmp(found.gl_pathv[0], files[1]) && !strcmp(found.gl_pathv[1], files[0]));
    globfree(&found);
    EXPECT_EQ(glob("/tmp/glob/c*", GLOB_NOCHECK, NULL, &found), 0);
    EXPECT(found.gl_pathc == 1 && !strcmp(found.gl_pathv[0], "/tmp/glob/c*"));
    globfree(&found);
    EXPECT_EQ(setenv("HOME", "/tmp/glob", 1), 0);
    EXPECT_EQ(glob("~/a2", GLOB_TILDE, NULL, &found), 0);
    EXPECT(found.gl_pathc == 1 && !strcmp(found.gl_pathv[0], files[2]));
    globfree(&found);
    unsetenv("HOME");
    EXPECT_EQ(glob("~user/a2", GLOB_TILDE | GLOB_NOCHECK, NULL, &found), 0);
    globfree(&found);
    for (int i = 0; i < 3; i++)
        EXPECT_EQ(unlink(files[i]), 0);
    EXPECT_EQ(rmdir("/tmp/glob"), 0);
}

/* Threads that append to one descriptor, and create and remove files at once. */
enum { THREADS = 4, TURNS = 200 };

static void *write_turns(void *fd)
{
    const int number = *(int *)fd;
    char path[32];

    for (int i = 0; i < TURNS; i++) {
        snprintf(path, sizeof(path), "/tmp/turn%d", i % 3);
        close(open(path, O_CREAT | O_WRONLY, 0600));
        if (write(number, "12345678\n", 9) != 9)
            return fd;
        unlink(path);
    }
    return NULL;
}

TEST(libc_writing, threads_write_one_file)
{
    int fd = open("/tmp/turns", O_RDWR | O_CREAT, 0600);
    pthread_t threads[THREADS];
    char line[9];
    int whole = 0;
    void *failed;

    for (int i = 0; i < THREADS; i++)
        REQUIRE(!pthread_create(&threads[i], NULL, write_turns, &fd));
    for (int i = 0; i < THREADS; i++) {
        EXPECT_EQ(pthread_join(threads[i], &failed), 0);
        EXPECT(!failed);
    }
    lseek(fd, 0, SEEK_SET);
    while (read(fd, line, 9) == 9)
        whole += !memcmp(line, "12345678\n", 9);
    EXPECT_EQ(whole, THREADS * TURNS);
    close(fd);
    EXPECT_EQ(unlink("/tmp/turns"), 0);
}

TEST(libc_writing, times_can_be_set_and_devices_have_no_controls)
{
    const struct timeval times[2] = {{.tv_sec = 5}, {.tv_sec = 77}};
    struct stat s;

    close(open("/tmp/timed", O_CREAT | O_WRONLY, 0600));
    EXPECT(!utimes("/tmp/timed", times) && !lstat("/tmp/timed", &s) && s.st_mtime == 77);
    EXPECT(!utimes("/tmp/timed", NULL) && !stat("/tmp/timed", &s) && s.st_mtime > 77);
    EXPECT_ERRNO(utimes("/tmp/missing", NULL), ENOENT);
    EXPECT(!chown("/tmp/timed", geteuid(), getegid()) && !fchown(1, (uid_t)-1, (gid_t)-1));
    EXPECT_ERRNO(chown("/tmp/timed", 5, 0), EPERM);
    EXPECT_ERRNO(fchown(99, 0, 0), EBADF);
    EXPECT_ERRNO(ioctl(1, 0), ENOTTY);
    EXPECT_ERRNO(ioctl(99, 0), EBADF);
    unlink("/tmp/timed");
}

TEST(libc_writing, locks_of_the_only_process_are_free)
{
    int fd = open("/tmp/locked", O_RDWR | O_CREAT, 0600);
    struct flock wanted = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    EXPECT_EQ(fcntl(fd, F_SETLK, &wanted), 0);
    EXPECT_EQ(fcntl(fd, F_GETLK, &wanted), 0);
    EXPECT_EQ(wanted.l_type, F_UNLCK);
    EXPECT_EQ(fsync(fd), 0);
    close(fd);
    EXPECT_ERRNO(fsync(fd), EBADF);
    unlink("/tmp/locked");
}
