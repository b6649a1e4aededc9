/* Waiting for a lock natively: every CPU runs, so its holder will be done soon (forms.S). */
#include "pv/native/native.h"

const struct pv_lock_ops native_lock_ops = {
    .lock_wait = native_lock_wait,
    .lock_kick = native_lock_kick,
    .vcpu_is_preempted = native_vcpu_is_preempted,
};
