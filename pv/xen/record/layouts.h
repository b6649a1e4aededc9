/* SPDX-License-Identifier: MIT */
/* The words of layouts.def. */
#ifndef PV_XEN_RECORD_LAYOUTS_H
#define PV_XEN_RECORD_LAYOUTS_H

#include "pv/record/record.h"
#include <xen/xen.h>
#include <xen/callback.h>
#include <xen/event_channel.h>
#include <xen/grant_table.h>
#include <xen/memory.h>
#include <xen/physdev.h>
#include <xen/platform.h>
#include <xen/sched.h>
#include <xen/vcpu.h>
#include <xen/version.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>

enum {
    RECORD_IN = 1,
    RECORD_OUT = 2,
    RECORD_INOUT = RECORD_IN | RECORD_OUT,

    /* In place of the number of an argument. */
    RECORD_ONE = 0xff,
    RECORD_UNTIL_ZERO = 0xfe,
    RECORD_GDT_FRAMES = 0xfd,
};

#define RECORD_ANY 0xffffffffu /* in place of a command */

#endif
