# SPDX-License-Identifier: MIT
"""Recordings, and the layouts of their calls, for the tests of replay and minimise."""

from paravane.trace import events, layouts, text

RECORDING = """\
1 0 0 call event_channel_op cmd=EVTCHNOP_alloc_unbound arg=0xffff0000 arg.dom=SELF \
arg.remote_dom=SELF arg.port=0
2 5 0 return event_channel_op of=1 result=0 arg.dom=SELF arg.remote_dom=SELF arg.port=9
3 6 0 call event_channel_op cmd=EVTCHNOP_send arg=0xffff0000 arg.port=9
4 7 0 return event_channel_op of=3 result=0
5 8 0 call mmu_update req=0x1000 count=1 done=0 domid=SELF req[0].ptr=0x1000 req[0].val=0
6 9 0 return mmu_update of=5 result=0
7 10 0 code code32 rax=0xc rbx=0xdead000000000006 rcx=0xdead000000123000 rsi=0x77 code=hex:0f01d9 \
memory=hex:00000000f07f
"""


def known():
    """Return Layouts with what the recording needs."""
    found = layouts.Layouts()
    found.values = {"event_channel_op": {6: "EVTCHNOP_alloc_unbound", 4: "EVTCHNOP_send"},
                    "memory_op": {6: "XENMEM_populate_physmap"},
                    "grant_table_op": {2: "GNTTABOP_setup_table"}}
    found.calls = {
        32: layouts.Call(32, "event_channel_op", [("cmd", "event_channel_op"), ("arg", "pointer")],
                         [(6, layouts.Arg(1, 8, 255, 3, "alloc")),
                          (4, layouts.Arg(1, 4, 255, 1, "send"))]),
        12: layouts.Call(12, "memory_op", [("cmd", "memory_op"), ("arg", "pointer")],
                         [(6, layouts.Arg(1, 40, 255, 1, "reservation"))]),
        1: layouts.Call(1, "mmu_update", []),
        20: layouts.Call(20, "grant_table_op", [("cmd", "grant_table_op"), ("ops", "pointer"),
                                                ("count", "dec")],
                         [(2, layouts.Arg(1, 24, 2, 3, "setup"))],
                         [(2, layouts.Arg(1, 8, 255, 2, "xen_pfn_t", "frame_list"))]),
    }
    found.fields = {"alloc": [layouts.Field("dom", "domid", 0, 2),
                              layouts.Field("remote_dom", "domid", 2, 2),
                              layouts.Field("port", "port", 4, 4)],
                    "send": [layouts.Field("port", "port", 0, 4)],
                    "setup": [layouts.Field("nr_frames", "dec", 4, 4),
                              layouts.Field("frame_list", "pointer", 16, 8)]}
    return found


def joined(lines=RECORDING):
    return events.join([text.parse_line(line) for line in lines.splitlines()])


# A guest with frames 0x100 to 0x1ff: 0x101 is its root, 0x102 a table of level 1 of its image, and
# 0x103 one that it makes. 0x150 is a page of the image, 0xfee00 a device's.
TABLES = """\
1 0 0 frames guest pfn=0 mfn=0x100 count=256
2 0 0 table level1 mfn=0x102 va=0xffffffff80000000 pinned=0 entry[1]=0x8000000000150067
3 0 0 table level4 mfn=0x101 va=0 pinned=1 entry[256]=0x777027 entry[511]=0x102067
4 0 0 table level1 mfn=0x103 va=0x200000 pinned=0 entry[0]=0x8000000000150067 \
entry[4]=0x8000000000110163 entry[4].count=3 entry[9]=0x80000000fee0027b entry[10]=0x5000
5 0 0 call mmu_update req=0x1000 count=2 done=0 domid=SELF req[0].ptr=0x103028 \
req[0].val=0x8000000000150063 req[1].ptr=0x103031 req[1].val=0x7
6 0 0 return mmu_update of=5 result=0
7 0 0 call update_va_mapping va=0xffffffff80001000 val=0x8000000000150061 flags=2
8 0 0 return update_va_mapping of=7 result=0
9 0 0 table level4 mfn=0x104 va=0 pinned=0 entry[511]=0x102067
10 0 0 call mmuext_op ops=0x1000 count=2 done=0 domid=SELF ops[0].cmd=MMUEXT_NEW_BASEPTR \
ops[0].arg1.mfn=0x104 ops[0].arg2.src_mfn=0 ops[1].cmd=MMUEXT_INVLPG_LOCAL \
ops[1].arg1.mfn=0x103000 ops[1].arg2.src_mfn=0
11 0 0 return mmuext_op of=10 result=0
12 0 0 call update_va_mapping va=0x1000 val=0 flags=2
13 0 0 return update_va_mapping of=12 result=0
14 0 1 call update_va_mapping va=0x1000 val=0 flags=2
15 0 1 return update_va_mapping of=14 result=0
"""


def known_tables():
    """Return Layouts with the calls that change page tables."""
    found = known()
    pair = layouts.Arg(0, 16, 1, 1, "update")
    found.calls[1] = layouts.Call(
        1, "mmu_update", [("req", "pointer"), ("count", "dec"), ("done", "pointer"),
                          ("domid", "domid")], [(layouts.ANY, pair)])
    found.calls[26] = layouts.Call(
        26, "mmuext_op", [("ops", "pointer"), ("count", "dec"), ("done", "pointer"),
                          ("domid", "domid")],
        [(layouts.ANY, layouts.Arg(0, 24, 1, 1, "ext"))])
    found.calls[14] = layouts.Call(
        14, "update_va_mapping", [("va", "va"), ("val", "pte"), ("flags", "hex")])
    found.values["mmuext"] = {5: "MMUEXT_NEW_BASEPTR", 7: "MMUEXT_INVLPG_LOCAL"}
    found.fields["update"] = [layouts.Field("ptr", "maddr", 0, 8),
                              layouts.Field("val", "pte", 8, 8)]
    found.fields["ext"] = [layouts.Field("cmd", "mmuext", 0, 4),
                           layouts.Field("arg1.mfn", "mmuext_arg1", 8, 8),
                           layouts.Field("arg2.src_mfn", "mmuext_arg2", 16, 8)]
    return found
