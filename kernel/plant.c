/* See kernel/plant.h. */
#include "kernel/plant.h"
#include "kernel/console.h"
#include "kernel/kernel.h"
#include "kernel/verdict.h"
#include "lib/string.h"

extern const struct plant _faults_start[], _faults_end[];

/* For an image without the suite. */
__weak const char *mutate(const char *what)
{
    (void)what;
    return "there is no suite in this image that could notice";
}

void plant_wild_write(void)
{
    *(volatile u64 *)0xffffff7fdead0000 = 1;
}

PLANT(early, PLANT_EARLY, plant_wild_write);

static const struct plant *find(void)
{
    for (const struct plant *p = _faults_start; p < _faults_end; p++)
        if (!strcmp(p->name, cmdline.plant))
            return p;
    return NULL;
}

const struct plant *plant_wanted(enum plant_stage stage)
{
    const struct plant *p = find();

    return p && p->stage == stage ? p : NULL;
}

void plant_check(void)
{
    if (!cmdline.plant[0] || find())
        return;
    print("# plant= knows:");
    for (const struct plant *p = _faults_start; p < _faults_end; p++)
        print(" %s", p->name);
    print("\n");
    finish(VERDICT_ERROR, "no fault to plant is called \"%s\"", cmdline.plant);
}
