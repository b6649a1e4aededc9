# SPDX-License-Identifier: MIT
"""The text that `./run.sh help` prints; {platforms} becomes the list of platforms."""

HELP = """\
Paravane: one kernel image, every platform, one suite.

./run.sh         set up what is missing, build, run the suite on every platform, print the matrix
./run.sh test    all that CI runs, two steps more side by side than there are CPUs
                 [--only GLOB]... steps by name; [--quick] those for every commit; [--jobs N]; [--junit FILE]
                 --soak [NAME...] [--hours N]  what takes a night, each for N hours (1) if it has no end of its own:
                 {soaks}
./run.sh boot    [--on PLATFORM] [--run PAYLOAD | --app FILE|FOLDER] [--module TAR|FOLDER] [--gdb] ...
                 [--rom FILE]  on the platform rom: another op ROM than build/op.rom
                 boot once, the console on the terminal; app:NAME runs a program
./run.sh shell   [--on PLATFORM] [--smp N] ...  the monitor: call any op and see what it returns and costs, walk page
                 tables, trace, break things (docs/shell.md); < FILE: a script
                 --commands 'A; B': these commands; --counted: cost in instructions, which two runs count the same
                 --fuzz N | --soak S [--seed N]: N random lines, or S seconds of them, which it has to survive
./run.sh lab     list | start NAME | check NAME | solution NAME | answer NAME OP  [--in FOLDER]
                 exercises: write a function that was cut out, find what is wrong with an image, cut a recording down;
                 prove [NAME...]: try the labs themselves, or (--cut) these and the others' cut versions; docs/labs.md
./run.sh suite   [--on P,P...] [--filter GLOB[,GLOB...]] [--jobs N] [--junit FILE] [--json FILE] [--verbose] ...
                 [--ops FILE]  also write what was seen of each op on each platform, as Markdown
                 [--rom FILE]  as for boot
                 [--soak S]  let tests that can repeat what they do share S seconds
                 several --qemu: a column for each
                 --machines [sample]  on many CPUs and machines, or a few, each with what should happen there;
                 --filter picks them by name
./run.sh op      [NAME] [--on P,P...]  one op: contract, backends, a call site before and after patching, cost, tests,
                 mutants, repros; without NAME the list of all
./run.sh repro   NAME|FILE.c|FOLDER...|--all [--on P,P...] [--xen FILE|VERSION]...  is the bug there?
                 [--json FILE] [--junit FILE] [--xen-append WORDS] [--gdb]
                 [--bundle FILE.tar.gz]: source, image, logs, commands, hashes and versions, for a report
                 --controls [NAME...]: do the repros report bad on the Xens that setup --controls built?
                 --skipped: do the repros report "cannot tell" when the step under suspicion is left out?
./run.sh trace   FILE [--calls] [--errors] [--cpu N]... [--op GLOB]... [--last N] [--full] [--summary]
                 [--chrome FILE] [--html FILE]  read a recording (docs/trace.md): each hypercall, op and callback
./run.sh replay  FILE [--on P] [--xen V]... [--first|--all]  make a recording's hypercalls: which results differ?
                 Several --xen: which differ between them?
./run.sh minimise FILE [--until bad|NAME.FIELD==VALUE] [--on P] [--xen V] [--jobs N] [--out NAME] [--pad N [--seed S]]
                 shrink a recording to the calls that matter, as NAME.trace and a repro, NAME.c
./run.sh bench   [--on P,P...] [--counted [--once]] [--json FILE] [--svg FILE]
                 [--against FILE [--limit RATIO]]
                 instructions of each op, counted without noise, and times, which are noisy
                 --recorded: what recording adds to each op, in instructions (docs/trace.md)
                 --linux: Lua's and SQLite's instructions, as a unikernel and as a Linux process in QEMU
                 --linux-domu: the kernel and a Linux, both a domU: start, disk, TCP, pings
                 --sizes: how big the image is, stripped, with more and with less in it
./run.sh programs [NAME,NAME...] [--on P,P...]  Lua, SQLite, zlib, QuickJS and their tests, guest against host
                 posix-threads, posix-semaphores, posix-signals, posix-time: cases of the Open POSIX Test Suite
./run.sh hostile [--on P,P...] [--cases N] [--seed N] [--case K]  random user code: does the kernel survive it, and
                 is the outcome the same on each platform? --case decodes one
                 --smp N: on each CPU its share, while interrupts, switches and shoot-downs arrive;
                 --shared: in one space;  --frames: random frames of the kernel's own instead
./run.sh operations [--on domu-pv,domu-pvh] [--smp N] [--ops N] [--seed N] [--runs N] [--hours H] [--image FILE]
                 [--only KIND,KIND...] [--xen X] [--counted]  random operations of xl on a busy domU: is anything lost, is each refusal expected? (docs/domu.md)
./run.sh mutants [--on P,P...] [--ops REGEX] [--filter GLOB[,GLOB...]] [--jobs N] [--json FILE] ...
                 make each op wrong: the suite, or these tests, must fail
                 --source [--files GLOB] [--json FILE [--resume]]  make the wrong edits of test/mutants/source/, whose
                 tests must fail; --resume continues an interrupted run
./run.sh iso     make build/paravane.iso, which GRUB boots by BIOS or UEFI
./run.sh list    platforms, hypervisors and payloads; --repros: the bugs
./run.sh docs    build and check the web site build/site/, to be read offline: the documents, a page for each op
./run.sh doctor  what this computer has, what it lacks, which versions have known problems, and what to do
./run.sh setup   install the distribution's packages that are missing, assemble the dom0 of domu-pv and domu-pvh and the Linux of kvm;
                 --packages: the first alone;
                 --xen VERSION... --qemu VERSION...:
                 get those of other releases of the distribution, for --xen and --qemu (nothing is installed);
                 --dom0 RELEASE...: assemble dom0s with the toolstacks of other releases of Xen, for --on domu-pv --xen;
                 --controls [NAME...]: build known-bad Xens from the distribution's source (minutes)
./run.sh clean   remove what was built, and all logs
./run.sh help    this text

Also for boot, suite, repro and bench:
  --smp N             virtual CPUs (default 1); the image uses 64 at most, and reports what it leaves off
  --pcpus N           physical CPUs below Xen or KVM (default: as --smp, a virtual CPU each); with 1 the virtual CPUs take turns
  --mem MIB           the guest's memory (default 256; on Xen this is dom0_mem)
  --maxmem MIB        a domU's memory up to which it may grow (default: as --mem)
  --xl LINE           one more line of a domU's xl configuration; may be repeated
  --disk FILE|SIZE[:ro]  a domU's disk, xvda, then xvdb and so on: a copy of a file, or an empty one (8M) that the
                      suite's tests may overwrite; may be repeated; what the guest writes ends with the run
  --net               a network interface of a domU, on dom0's bridge (10.0.0.1/24); may be repeated
  --vmm OPTION        what a guest of KVM sees of KVM (tools/paravane/kvm/vmm/vmm.c); may be repeated
  --xen FILE|VERSION  which Xen: a file (ELF or gzip) or an installed version such as 4.17
  --append WORDS      more words for the image's command line, such as "log=debug"
  --timeout S         time limit of each run (default 60; 0: none), beyond twice the time of --soak; the time that
                      QEMU waits for a CPU of this computer does not count
  --image FILE        boot this ELF file and build nothing

For boot, suite and repro:
  --qemu FILE|VERSION the emulator: a file or a version such as 10.0 (see list)
  --cpu MODEL         QEMU's -cpu in place of the platform's; what begins with + or - is added: --cpu -nx,+la57
  --machine OPTIONS   QEMU's -machine options on top of the platform's (--machine hpet=off,acpi=off), or another
                      type with its options in place of the platform's (--machine microvm,pit=off). Whatever
                      QEMU refuses is status 2

For boot, suite and repro, on QEMU:
  --record FILE       write what the guest asked of its hypervisor and of the machine, for ./run.sh trace;
                      several runs write FILE with the name of each in it
  --record-ops WHICH  calls (hypercalls only), hypercalls (and callbacks), ops (also ops, but for those that are called
                      all the time; default) or all
  --record-policy P   where the guest is faster than the recorder: wait (default), or lose records and count them

Exit codes: 0 pass; 1 fail, also a crash or a time-out; 125 skipped or cannot tell; 2 usage;
130 interrupted. Environment: BUILD=DIR (build directory), QEMU=FILE (which QEMU).
Platforms: {platforms}
(domu-pv, domu-pvh: domains of a Linux dom0, docs/domu.md; kvm: a guest of KVM in an emulated Linux, docs/kvm.md; bochs: an interpreter with a CPU model of its own;
these run only where --on names them)
"""  # noqa: E501 (as wide as it is printed)
