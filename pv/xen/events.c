/* Events: Xen's interrupts. */
#include "pv/xen/xen.h"

void xen_event_upcall(struct trap_frame *frame)
{
    (void)frame;
}
