/* SPDX-License-Identifier: MIT */
/* Files, devices and time of newlib's port, and the errors that POSIX gives them. */
#include "kernel/services.h"
#include "test/harness/cpus.h"
#include "test/harness/step.h"
#include "test/harness/test.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define EXPECT_ERRNO(call, error) \
    ({ \
        errno = 0; \
        EXPECT((call) == -1); \
        EXPECT_EQ(errno, error); \
    })

/*
 * Return whether the module is that of tools/paravane/run/module.py. If ./run.sh boots the suite it
 * is: boot.module_is_delivered fails otherwise.
 */
static bool have_module(void)
{
    return access("/testmodule", R_OK) == 0;
}

/* Return whether the module is not an archive: then a path may fail with an error of its own. */
static bool module_is_damaged(void)
{
    errno = 0;
    return access("/nowhere", R_OK) == -1 && errno == EIO;
}

TEST(libc_files, files_of_the_module_can_be_read)
{
    char text[64], bytes[2000];
    int fd;

    if (!have_module())
        SKIP("the module is not the suite's");
    fd = open("/folder//./bytes", O_RDONLY);
    REQUIRE(fd >= 3);
    EXPECT_EQ(lseek(fd, 250, SEEK_SET), 250);
    EXPECT_EQ(read(fd, text, 10), 10);
    for (int i = 0; i < 10; i++)
        EXPECT_EQ((u8)text[i], (250 + i) & 0xff);
    EXPECT_EQ(lseek(fd, -4, SEEK_END), 1020);
    EXPECT_EQ(read(fd, bytes, sizeof(bytes)), 4);
    EXPECT_EQ(read(fd, bytes, sizeof(bytes)), 0);
    EXPECT_EQ(lseek(fd, 5000, SEEK_SET), 5000);
    EXPECT_EQ(read(fd, bytes, sizeof(bytes)), 0);
    EXPECT_ERRNO(lseek(fd, -1, SEEK_SET), EINVAL);
    EXPECT_ERRNO(lseek(fd, 0, 9), EINVAL);
    EXPECT_EQ(close(fd), 0);
    EXPECT_ERRNO(close(fd), EBADF);
    EXPECT_ERRNO(read(fd, text, 1), EBADF);
}

TEST(libc_files, streams_read_and_seek_in_a_file)
{
    char line[64];
    FILE *file;
    int lines = 0;

    if (!have_module())
        SKIP("the module is not the suite's");
    file = fopen("testmodule", "r");
    REQUIRE(file);
    while (fgets(line, sizeof(line), file))
        lines += !strcmp(line, "paravane test module\n");
    EXPECT_EQ(lines, 300);
    EXPECT(feof(file) && !ferror(file));
    EXPECT_EQ(fseek(file, 21, SEEK_SET), 0);
    EXPECT_EQ(fgetc(file), 'p');
    EXPECT_EQ(ftell(file), 22);
    rewind(file);
    EXPECT_EQ(fputc('x', file), EOF);
    EXPECT_EQ(fclose(file), 0);
    file = fopen("/folder/answer", "r");
    REQUIRE(file);
    EXPECT(fscanf(file, "%d", &lines) == 1 && lines == 42);
    fclose(file);
}

TEST(libc_files, missing_and_forbidden_files_are_refused)
{
    struct stat s;
    char name[400];
    int fd;

    if (module_is_damaged())
        SKIP("the loader's module is not an archive");
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    EXPECT_ERRNO(open("/nowhere", O_RDONLY), ENOENT);
    EXPECT_ERRNO(open("", O_RDONLY), ENOENT);
    EXPECT_ERRNO(open(name, O_RDONLY), ENAMETOOLONG);
    EXPECT_ERRNO(open("/dev", O_WRONLY), EISDIR);
    EXPECT_ERRNO(open("/dev/null", O_RDONLY | O_DIRECTORY), ENOTDIR);
    EXPECT_ERRNO(open("/dev/null/x", O_RDONLY), ENOTDIR);
    EXPECT_ERRNO(stat("/dev/null/", &s), ENOTDIR);
    EXPECT_ERRNO(stat("/nowhere/at/all", &s), ENOENT);
    EXPECT_ERRNO(mkdir("/dev", 0777), EEXIST);
    EXPECT_ERRNO(mkdir("/nowhere/new", 0777), ENOENT);
    EXPECT_ERRNO(unlink("/nowhere"), ENOENT);
    EXPECT_ERRNO(fstat(99, &s), EBADF);
    EXPECT_ERRNO(write(-1, "x", 1), EBADF);
    fd = open("/dev", O_RDONLY);
    EXPECT_ERRNO(read(fd, name, 1), EISDIR);
    close(fd);
    if (!have_module())
        SKIP("only part of the test ran: the module is not the suite's");
    EXPECT_ERRNO(open("/testmodule", O_RDONLY | O_CREAT | O_EXCL), EEXIST);
    EXPECT_ERRNO(open("/testmodule/x", O_RDONLY), ENOTDIR);
    EXPECT_ERRNO(rmdir("/testmodule"), ENOTDIR);
    fd = open("/testmodule", O_RDONLY);
    EXPECT_ERRNO(write(fd, "x", 1), EBADF);
    close(fd);
}

TEST(libc_files, too_many_open_files_are_refused)
{
    int fds[256], count = 0;

    while (count < 256 && (fds[count] = open("/dev/null", O_RDWR)) >= 0)
        count++;
    EXPECT_EQ(errno, EMFILE);
    EXPECT(count > 100 && count < 256);
    EXPECT_ERRNO(dup(fds[0]), EMFILE);
    while (count > 0)
        close(fds[--count]);
}

TEST(libc_files, stat_reports_file_types)
{
    struct stat s, same;

    EXPECT(!stat("/", &s) && S_ISDIR(s.st_mode) && (s.st_mode & 0777) == 0755);
    EXPECT(!stat("/dev/zero", &s) && S_ISCHR(s.st_mode));
    EXPECT(!fstat(1, &s) && S_ISCHR(s.st_mode));
    EXPECT(isatty(1));
    if (!have_module())
        SKIP("only part of the test ran: the module is not the suite's");
    EXPECT(!stat("/testmodule", &s) && S_ISREG(s.st_mode) && s.st_size == 6300);
    EXPECT(s.st_blocks == 13 && (s.st_mode & 0777) == 0644);
    EXPECT(!stat("folder/../testmodule", &same) && s.st_ino == same.st_ino);
    EXPECT(!stat("/folder", &s) && S_ISDIR(s.st_mode));
    EXPECT(!stat("/empty", &s) && s.st_size == 0);
    EXPECT(s.st_mtime == 1700000000);
}

TEST(libc_files, descriptors_report_how_they_were_opened)
{
    char byte;
    int fd = open("/dev/null", O_WRONLY);

    EXPECT_EQ(fcntl(fd, F_GETFL), O_WRONLY);
    EXPECT_EQ(fcntl(fd, F_GETFD), 0);
    EXPECT_ERRNO(fcntl(fd, 999), EINVAL);
    EXPECT_ERRNO(read(fd, &byte, 1), EBADF);
    close(fd);
    EXPECT_ERRNO(fcntl(fd, F_GETFL), EBADF);
    EXPECT_ERRNO(lseek(1, 0, SEEK_SET), ESPIPE);
    EXPECT_EQ(access("/dev", R_OK | X_OK), 0);
    EXPECT_EQ(access("/dev", W_OK), 0);
    EXPECT_EQ(access("/dev/null", R_OK | W_OK), 0);
    EXPECT_ERRNO(access("/dev/null", X_OK), EACCES);
}

TEST(libc_files, the_only_process_answers_for_itself)
{
    EXPECT_EQ(sysconf(_SC_PAGESIZE), 4096);
    EXPECT(sysconf(_SC_NPROCESSORS_ONLN) == (long)smp_online_count());
    EXPECT_ERRNO(sysconf(-1), EINVAL);
    EXPECT_EQ(pathconf("/tmp", _PC_NAME_MAX), NAME_MAX);
    EXPECT_EQ(fpathconf(1, _PC_PATH_MAX), PATH_MAX);
    EXPECT_ERRNO(pathconf("/nowhere", _PC_NAME_MAX), module_is_damaged() ? EIO : ENOENT);
    EXPECT_ERRNO(fpathconf(99, _PC_NAME_MAX), EBADF);
    EXPECT_ERRNO(pathconf("/tmp", -1), EINVAL);
    EXPECT_EQ(kill(getpid(), 0), 0);
    EXPECT_EQ(kill(-1, 0), 0);
    EXPECT_EQ(kill(0, SIGCHLD), 0);
    EXPECT_ERRNO(kill(getpid() + 1, 0), ESRCH);
    EXPECT_ERRNO(kill(getpid(), NSIG), EINVAL);
    EXPECT_ERRNO(kill(getpid(), -1), EINVAL);
    EXPECT_ERRNO(wait(NULL), ECHILD);
}

TEST(libc_files, zero_null_and_urandom_can_be_read_and_written)
{
    char zeros[100], random[64] = {0}, again[64] = {0}, most[256];
    int fd = open("/dev/zero", O_RDWR);

    memset(zeros, 1, sizeof(zeros));
    EXPECT_EQ(read(fd, zeros, sizeof(zeros)), sizeof(zeros));
    for (size_t i = 0; i < sizeof(zeros); i++)
        REQUIRE(zeros[i] == 0);
    EXPECT_EQ(write(fd, zeros, 10), 10);
    EXPECT(!isatty(fd) && errno == ENOTTY);
    close(fd);
    fd = open("/dev/null", O_RDWR);
    EXPECT_EQ(write(fd, zeros, 10), 10);
    EXPECT_EQ(read(fd, zeros, 10), 0);
    close(fd);
    fd = open("/dev/urandom", O_RDONLY);
    EXPECT_EQ(read(fd, random, sizeof(random)), sizeof(random));
    EXPECT_EQ(getentropy(again, sizeof(again)), 0);
    EXPECT_EQ(getentropy(most, sizeof(most)), 0);
    EXPECT(memcmp(random, again, sizeof(random)));
    EXPECT_ERRNO(getentropy(again, 257), EIO);
    close(fd);
}

TEST(libc_files, time_advances)
{
    struct timespec before, after, pause = {.tv_nsec = 5000000};
    struct tm *date;
    struct tms used;
    time_t now;
    clock_t ticks = clock();

    REQUIRE(!clock_gettime(CLOCK_MONOTONIC, &before));
    EXPECT_EQ(nanosleep(&pause, NULL), 0);
    REQUIRE(!clock_gettime(CLOCK_MONOTONIC, &after));
    EXPECT((after.tv_sec - before.tv_sec) * 1000000000ll + after.tv_nsec - before.tv_nsec >=
           5000000);
    EXPECT(clock() > ticks);
    EXPECT(times(&used) != (clock_t)-1);
    pause.tv_nsec = 1000000000;
    EXPECT_ERRNO(nanosleep(&pause, NULL), EINVAL);
    EXPECT_ERRNO(clock_gettime((clockid_t)99, &after), EINVAL);
    now = time(NULL);
    date = gmtime(&now);
    EXPECT(date && date->tm_year >= 70 && mktime(date) == now); /* the zone is UTC */
    EXPECT((uint64_t)now <= libc_wallclock_ns() / 1000000000 &&
           libc_wallclock_ns() / 1000000000 < (uint64_t)now + 60);
}

TEST(libc_files, environment_can_be_changed)
{
    EXPECT_EQ(setenv("PARAVANE", "tow", 1), 0);
    EXPECT(getenv("PARAVANE") && !strcmp(getenv("PARAVANE"), "tow"));
    EXPECT_EQ(unsetenv("PARAVANE"), 0);
    EXPECT(!getenv("PARAVANE"));
    EXPECT_EQ(getpid(), 1);
}

TEST(libc_files, there_is_one_process)
{
    char name[] = "sh", *const arguments[] = {name, NULL};
    int status;

    EXPECT_ERRNO(fork(), ENOSYS);
    EXPECT_ERRNO(execve("/bin/sh", arguments, environ), ENOSYS);
    EXPECT_ERRNO(execv("/bin/sh", arguments), ENOSYS);
    EXPECT_ERRNO(execvp("sh", arguments), ENOSYS);
    EXPECT_ERRNO(execl("/bin/sh", "sh", (char *)NULL), ENOSYS);
    EXPECT_ERRNO(execlp("sh", "sh", (char *)NULL), ENOSYS);
    EXPECT_ERRNO(execle("/bin/sh", "sh", (char *)NULL, environ), ENOSYS);
    EXPECT_ERRNO(wait(&status), ECHILD);
    EXPECT_ERRNO(waitpid(2, &status, WNOHANG), ECHILD);
}

/*
 * Two threads seek in one file at once, the second at every other instruction of the first one's
 * call: neither move is lost, and each starts where the other did not. From a read of the position
 * to the write there are two at least.
 */
static struct {
    int fd;
    u32 (*move)(void); /* by one; return the position before */
    u32 act_at, moves_wanted, moves;
    u32 positions; /* the sum of those before the moves. Atomic */
    bool over;
} seekers;

static void move_once(void *argument)
{
    (void)argument;
    __atomic_fetch_add(&seekers.positions, seekers.move(), __ATOMIC_SEQ_CST);
}

static void *move_when_wanted(void *argument)
{
    while (!READ_ONCE(seekers.over)) {
        if (READ_ONCE(seekers.moves) < READ_ONCE(seekers.moves_wanted)) {
            move_once(NULL);
            __atomic_fetch_add(&seekers.moves, 1, __ATOMIC_SEQ_CST);
        }
        sched_yield();
    }
    return argument;
}

/* The other thread may run on another CPU, or on this one after the yield. */
static void let_other_move(struct steps *steps, struct trap_frame *frame)
{
    const u64 end = pv_clock_ns() + (smp_online_count() > 1 ? 2 * NS_PER_MS : 0);

    if (steps->count < seekers.act_at || !step_may_yield(frame))
        return;
    seekers.act_at = steps->count;
    __atomic_fetch_add(&seekers.moves_wanted, 1, __ATOMIC_SEQ_CST);
    while (READ_ONCE(seekers.moves) < seekers.moves_wanted && pv_clock_ns() < end)
        __builtin_ia32_pause();
    step_yield(steps, frame);
    steps->over = true;
}

static u32 move_by_lseek(void)
{
    return (u32)lseek(seekers.fd, 1, SEEK_CUR) - 1;
}

/* The value of a byte of this file is its position. */
static u32 move_by_read(void)
{
    u8 byte = 0;

    EXPECT_EQ(read(seekers.fd, &byte, 1), 1);
    return byte;
}

/* Return false if the call has fewer instructions. */
static bool both_move_once(void)
{
    struct steps steps = {.between = let_other_move};
    const u32 wanted = seekers.moves_wanted;

    EXPECT_EQ(lseek(seekers.fd, 0, SEEK_SET), 0);
    seekers.positions = 0;
    step_through(&steps, move_once, NULL);
    while (READ_ONCE(seekers.moves) < seekers.moves_wanted)
        sched_yield();
    return seekers.moves_wanted > wanted && EXPECT_EQ(lseek(seekers.fd, 0, SEEK_CUR), 2) &&
           EXPECT_EQ(seekers.positions, 0 + 1);
}

static void move_from_two_threads(const char *path, u32 (*move)(void))
{
    pthread_t other;
    u32 rounds = 0;

    memset(&seekers, 0, sizeof(seekers));
    seekers.move = move;
    seekers.fd = open(path, O_RDONLY);
    REQUIRE(seekers.fd >= 3);
    REQUIRE(pthread_create(&other, NULL, move_when_wanted, NULL) == 0);
    while (rounds < 2000 && both_move_once()) {
        seekers.act_at += 2;
        rounds++;
    }
    WRITE_ONCE(seekers.over, true);
    EXPECT_EQ(pthread_join(other, NULL), 0);
    EXPECT(rounds > 20 && rounds < 2000);
    EXPECT_EQ(close(seekers.fd), 0);
    print("# moved at %u instructions\n", rounds);
}

TEST(libc_files, seeks_of_two_threads_are_not_lost)
{
    move_from_two_threads("/dev/zero", move_by_lseek);
}

TEST(libc_files, two_threads_read_at_once)
{
    if (!have_module())
        SKIP("the module is not the suite's");
    move_from_two_threads("/folder/bytes", move_by_read);
}
