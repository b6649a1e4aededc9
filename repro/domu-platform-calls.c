/* SPDX-License-Identifier: MIT */
/*
 * Calls for the control domain, made by an unprivileged one.
 *
 * @title     platform_op and sysctl of a domU: -EPERM
 * @affected  a fact of the ABI, no bug
 * @platforms domu-pv domu-pvh
 * @expect    4=good
 *
 * Background: by platform_op and sysctl a control domain asks about the host as a whole, such as
 * the load of its CPUs and the content of its firmware's tables, and changes it.
 *
 * Mechanism: do_platform_op() and do_sysctl() in Xen check the version of the interface first and
 * then the caller, by xsm_platform_op() and xsm_sysctl(). Only the second check distinguishes the
 * domains, so the versions have to be right here. XENPF_get_cpuinfo and XEN_SYSCTL_physinfo only
 * read.
 *
 * Verdicts: good: -EPERM for both. bad: another result, such as the answer.
 *
 * Cannot tell: in dom0, which may make both calls; or if Xen has another version of the sysctl
 * interface than all that this repro tries.
 */
#include "pv/xen/xen.h"
#include "repro/kit.h"

/* xen/sysctl.h, which is not for guests: the head of struct xen_sysctl. */
struct sysctl {
    u32 cmd, interface_version;
    u8 arguments[256];
};
#define SYSCTL_PHYSINFO      3
#define SYSCTL_VERSION_FIRST 0x10
#define SYSCTL_VERSION_LAST  0x20

static long ask_platform(void)
{
    struct xen_platform_op op = {.cmd = XENPF_get_cpuinfo,
                                 .interface_version = XENPF_INTERFACE_VERSION};

    return hc_platform_op(&op);
}

/* A version that Xen does not have is refused with -EACCES before anything else. */
static long ask_sysctl(void)
{
    long result = -EACCES;

    for (u32 v = SYSCTL_VERSION_FIRST; result == -EACCES && v <= SYSCTL_VERSION_LAST; v++) {
        struct sysctl op = {.cmd = SYSCTL_PHYSINFO, .interface_version = v};

        result = hc_sysctl(&op);
    }
    return result;
}

REPRO("domu-platform-calls")
{
    long platform = KIT_NOT_MADE, sysctl = KIT_NOT_MADE;

    kit_needs(KIT_XEN);
    if (xen_is_dom0())
        cannot_tell("this is dom0, which may make these calls");
    STEP
    {
        platform = ask_platform();
        sysctl = ask_sysctl();
    }
    if (sysctl == -EACCES)
        cannot_tell("no version of the sysctl interface is Xen's");
    EVIDENCE(platform != KIT_NOT_MADE && sysctl != KIT_NOT_MADE);
    if (platform != -EPERM || sysctl != -EPERM)
        bad("platform_op %ld, sysctl %ld", platform, sysctl);
    good("-EPERM for both");
}
