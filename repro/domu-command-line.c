/* SPDX-License-Identifier: MIT */
/*
 * Xen's command line, asked for by an unprivileged domain.
 *
 * @title     XENVER_commandline of a domU: "<denied>" since 4.7
 * @affected  a fact of the ABI, no bug; since a2fc8d514d
 * @platforms domu-pv domu-pvh
 * @expect    4=good
 *
 * Background: Xen's command line says where the host's consoles and devices are and which
 * protections are off. That is for the control domain.
 *
 * Mechanism: DO(xen_version) in Xen (common/kernel.c) asks xsm_xen_version() once for all
 * subfunctions. Those that describe the host give other domains the text "<denied>", or -EPERM
 * where the answer is not a text, as for XENVER_build_id.
 *
 * Verdicts: good if the command line is "<denied>" and the build ID is -EPERM. bad if either is the
 * host's.
 *
 * Cannot tell: in dom0, which may read both.
 */
#include "pv/xen/xen.h"
#include "repro/kit.h"

REPRO("domu-command-line")
{
    char *text = kit_page();
    long result = KIT_NOT_MADE, build_id = KIT_NOT_MADE;

    kit_needs(KIT_XEN);
    if (xen_is_dom0())
        cannot_tell("this is dom0, which may read the command line");
    STEP
    {
        result = hc_xen_version(XENVER_commandline, text);
        build_id = hc_xen_version(XENVER_build_id, kit_page());
    }
    EVIDENCE(result != KIT_NOT_MADE && *text);
    if (strcmp(text, "<denied>"))
        bad("result %ld, \"%.40s\"", result, text);
    if (build_id != -EPERM)
        bad("the build ID: %ld", build_id);
    good("\"%s\", and -EPERM for the build ID", text);
}
