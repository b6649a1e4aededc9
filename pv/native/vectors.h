/*
 * Who owns which vector of the IDT. A higher number is served first: the classes are 16 vectors
 * (Intel SDM vol. 3, section 11.8.3.1). 32 to 47 are where the 8259s would send what must not come.
 */
#ifndef PV_NATIVE_VECTORS_H
#define PV_NATIVE_VECTORS_H

enum {
    VECTOR_8259 = 0x20,
    VECTOR_LINES = 0x30,
    NR_LINES = 0x50,
    VECTOR_SOFTWARE = 0x80,  /* from here to the next: for int from user mode, if opened */
    VECTOR_XEN_EVENT = 0xd3, /* PVH; not in the highest class, which no task priority holds back */
    VECTOR_IPIS = 0xe0,      /* one for each kind */
    VECTOR_FLUSH = 0xe8,     /* of the TLB, asked for by another CPU */
    VECTOR_TIMER = 0xef,
    VECTOR_SPURIOUS_OTHER = 0xfe, /* the APIC's own while an interrupt at 0xff is ended */
    VECTOR_SPURIOUS = 0xff,       /* the APIC's own: no owner, and no EOI (section 11.9) */
};

#endif
