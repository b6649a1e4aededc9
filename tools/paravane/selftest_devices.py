"""Steps of `./run.sh test`: machines whose devices are missing, late, or left in a state that another kernel chose."""

from .step import boot


def steps():
    left = r"vector 0xec, which belongs(.|\n)*vector 0x9c, which belongs(.|\n)*verdict PASS"
    for platform in ("qemu", "grub"):
        more = ["--append", "plant=interrupts_left test=irq.*"]
        yield boot("interrupts that an earlier kernel left", platform, *more, words=left)
