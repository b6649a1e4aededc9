/* For C and assembly: the vector at which events arrive. */
#ifndef PV_XEN_EVENT_VECTOR_H
#define PV_XEN_EVENT_VECTOR_H

/*
 * On PVH a vector of the IDT, in the highest class of priority but one (Intel SDM vol. 3, section
 * 11.8.3.1); on PV only a number in the frame that tells an event from an exception.
 */
#define XEN_EVENT_VECTOR 0xf3

#endif
