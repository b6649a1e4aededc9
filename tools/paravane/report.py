# SPDX-License-Identifier: MIT
"""Write results for other programs: JSON, and JUnit XML, which CI systems read."""

import json
import re
import xml.etree.ElementTree as ET

from .common import EXIT_USAGE, Trouble

# What XML 1.0 cannot hold, however it is escaped.
_JUNIT_OUTPUT = 20000  # characters of a failed step's
_NOT_XML = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_json(path, document):
    _write(path, (json.dumps(document, indent=1) + "\n").encode())


def write_text(path, text):
    _write(path, text.encode())


def write_between(path, name, lines):
    """Replace the text of a Markdown file between its comments "NAME begins" and "NAME ends"."""
    begins, ends = f"<!-- {name} begins -->\n", f"<!-- {name} ends -->"
    head, _, rest = path.read_text().partition(begins)
    _, found, tail = rest.partition(ends)
    if not found:
        raise Trouble(f"{path} has no comments {begins.strip()} and {ends}", EXIT_USAGE)
    write_text(path, head + begins + "".join(f"{line}\n" for line in lines) + ends + tail)


def suite_document(results, status):
    return {"status": status, "platforms": [result.plain() for result in results]}


def write_junit(path, results):
    """Write one testsuite for each platform; its last testcase, "verdict", is the run as a
    whole."""
    root = ET.Element("testsuites", name="paravane")
    for result in results:
        _platform(root, result)
    ET.indent(root)
    _write(path, ET.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n")


def write_repro_junit(path, cases):
    """Write one testsuite for each platform, with one testcase for each repro and hypervisor. A
    verdict of bad is a failure unless a head expects it; so is every other surprise. Cannot-tell is
    skipped."""
    root = ET.Element("testsuites", name="paravane repro")
    for name in dict.fromkeys(case.platform.name for case in cases):
        suite = ET.SubElement(root, "testsuite", name=name)
        mine = [case for case in cases if case.platform.name == name]
        for case in mine:
            words = (case.repro.name, case.label, f"#{case.number}" if case.number > 1 else "")
            status = {"good": "pass", "cannot-tell": "skip"}.get(case.verdict, "fail")
            if case.expected:
                status = (
                    "fail" if case.surprise else "skip" if case.verdict == "cannot-tell" else "pass"
                )
            reason = f"{case.verdict}: {case.reason}"
            _case(
                suite, " ".join(filter(None, words)), status, reason, "\n".join(case.result.tail())
            )
        suite.set("time", f"{sum(case.result.seconds for case in mine):.3f}")
        _count(suite)
    ET.indent(root)
    _write(path, ET.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n")


def write_steps_junit(path, outcomes):
    """Write one testcase for each step of ./run.sh test."""
    root = ET.Element("testsuites", name="paravane test")
    suite = ET.SubElement(
        root, "testsuite", name="test", time=f"{sum(o.seconds for o in outcomes):.3f}"
    )
    for outcome in outcomes:
        status = {"passed": "pass", "skipped": "skip"}.get(outcome.status, "fail")
        _case(suite, outcome.step.name, status, outcome.problem, outcome.output[-_JUNIT_OUTPUT:])
    _count(suite)
    ET.indent(root)
    _write(path, ET.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n")


def _platform(root, result):
    suite = ET.SubElement(root, "testsuite", name=result.platform, time=f"{result.seconds:.3f}")
    for test in result.tests:
        _case(suite, test.name, test.status, test.reason, "\n".join(test.diagnostics))
    status = {"PASS": "pass", "SKIP": "skip"}.get(result.status, "fail")
    _case(suite, "verdict", status, result.reason, "\n".join(result.panic or result.tail()))
    _count(suite)


def _count(suite):
    for attribute, tag in (("tests", "testcase"), ("failures", "failure"), ("skipped", "skipped")):
        suite.set(attribute, str(len(list(suite.iter(tag)))))


def _case(suite, name, status, reason, details):
    case = ET.SubElement(suite, "testcase", classname=f"paravane.{suite.get('name')}", name=name)
    if status == "skip":
        ET.SubElement(case, "skipped", message=_clean(reason))
    elif status == "fail":
        failure = ET.SubElement(case, "failure", message=_clean(reason or "not ok"))
        failure.text = _clean(details)


def _clean(text):
    return _NOT_XML.sub("?", text)


def _write(path, data):
    try:
        path.write_bytes(data)
    except OSError as error:
        raise Trouble(f"cannot write {path}: {error.strerror}", EXIT_USAGE) from error
