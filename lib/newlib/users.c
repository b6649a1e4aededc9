/* SPDX-License-Identifier: MIT */
/*
 * The database of users, which is empty: getuid() is 0, and no user has a name or a home. newlib's
 * glob asks it about patterns that begin with ~ if HOME is not set.
 */
#include <errno.h>
#include <pwd.h>
#include <unistd.h>

struct passwd *getpwnam(const char *name)
{
    (void)name;
    return NULL;
}

struct passwd *getpwuid(uid_t user)
{
    (void)user;
    return NULL;
}

char *getlogin(void)
{
    errno = ENXIO; /* POSIX: there is no controlling terminal */
    return NULL;
}

int issetugid(void)
{
    return 0;
}
