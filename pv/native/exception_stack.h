/* For C and assembly: the stacks for #DB, NMI, #DF and #MC. Those of the boot CPU lie in the image.
 */
#ifndef PV_NATIVE_EXCEPTION_STACK_H
#define PV_NATIVE_EXCEPTION_STACK_H

#define EXCEPTION_STACKS     4
#define EXCEPTION_STACK_SIZE 8192
#define BOOT_STACK_STRIDE    (EXCEPTION_STACK_SIZE + 4096) /* its guard page comes first */

#endif
