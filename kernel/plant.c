/* See kernel/plant.h. */
#include "kernel/plant.h"
#include "kernel/kernel.h"
#include "kernel/named.h"

extern const struct plant _faults_start[], _faults_end[];

/* For an image without the suite. */
__weak const char *mutate(const char *what)
{
    (void)what;
    return "there is no suite in this image that could notice";
}

__weak const char *check_ops(const char *what)
{
    (void)what;
    return "there is no suite in this image that could check";
}

void plant_wild_write(void)
{
    *(volatile u64 *)0xffffff7fdead0000 = 1;
}

PLANT(early, PLANT_EARLY, plant_wild_write);

const struct plant *plant_wanted(enum plant_stage stage)
{
    const struct plant *p = NULL;

    if (cmdline.plant[0])
        p = find_named("fault to plant", _faults_start, _faults_end, sizeof(*p), cmdline.plant);
    return p && p->stage == stage ? p : NULL;
}
