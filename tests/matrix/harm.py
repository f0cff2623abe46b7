"""No harm: programs that would notice a byte that was changed, or a probe in the
wrong place, run as they do without glasstap; damaged binaries are not probed."""

import os
import re
import shutil
import signal
import subprocess

import cells
import programs
import lib
from cells import Program
from lib import Failed, check

SECONDS = (4, 60)  # under load: with --short, and else
VERSIONS = ("1.26", "1.27")

DAMAGES = {
    "names": "the functions' names are shifted by one",
    "text": "the text start in the table is wrong",
    "shifted": "the functions' addresses are shifted",
    "cut": "the file ends where what is loaded ends",
    "sections": "the section headers are nonsense",
}


def tests(short):
    seconds = SECONDS[not short]
    found = []

    def add(name, function, *arguments):
        def test(directory):
            function(directory, *arguments)
        found.append((f"harm-{name}", test, seconds * 4 + 60))

    for version in VERSIONS:
        for kind in ("plain", "PIE"):
            add(f"checksum-{version}-{kind}", checksum, version, kind, seconds)
        add(f"stacks-{version}", stacks, version, seconds)
    for version in ("1.19", *VERSIONS) if short else programs.VERSIONS[1:]:
        for damage in DAMAGES:
            for kind in ("plain", "PIE"):
                add(f"damaged-{damage}-{version}-{kind}", damaged, damage, version, kind)
    return found


def sums_of(text):
    return re.findall(r"^sum ([0-9a-f]+) \d+$", text, re.M)


def checksum(directory, version, kind, seconds):
    """The same sum as without glasstap, and only that, started by it and attached to."""
    program = programs.gotls(version, kind, checksum=True)
    command = [program, "checksum", "-certs", programs.certs(), "-routines", "4"]
    wanted = sums_of(Program([*command, "-seconds", "1"]).done())
    lib.equal(len(wanted), 1, "sums without glasstap")
    path = lib.fresh(directory, ".json")
    said = Program([*cells.tap(path), "--", *command, "-seconds", str(seconds)]).done(seconds + 60)
    lib.equal(sums_of(said), wanted, "sums of a program that glasstap started")
    check(count(path, "plaintext"), "no plaintext was shown: nothing was tested")
    traced = Program([*command, "-seconds", str(seconds), "-wait"])
    traced.until("waiting")
    tap = lib.Attached(directory, "tls", "-p", str(traced.pid))
    traced.go()
    said = traced.done(seconds + 60)
    tap.end(None if cells.ends_alone(tap) else signal.SIGINT, timeout=60)
    lib.equal(sums_of(said), wanted, "sums of a program that glasstap was attached to")
    check(count(tap.path, "plaintext"), "no plaintext was shown: nothing was tested")


def count(path, kind):
    """Lines of that type; the file is large, so it is not read as a whole."""
    word, found = f'"type":"{kind}"'.encode(), 0
    with open(path, "rb") as file:
        for line in file:
            found += word in line[:200]
    return found


def stacks(directory, version, seconds):
    """Handshakes and transfers at every depth of stacks that grow while they run; glasstap
    comes and goes meanwhile."""
    program = Program([programs.gotls(version), "churn", "-certs", programs.certs(), "-seconds",
                       str(seconds)])
    program.until("ready")
    turns = 0
    while program.process.poll() is None and turns < 20:
        tap = lib.Attached(directory, "tls", "-p", str(program.pid))
        try:
            tap.process.wait(max(1, seconds / 3))
        except subprocess.TimeoutExpired:
            tap.end(timeout=60)
        turns += 1
        os.unlink(tap.path)
    rounds = re.search(r"^rounds (\d+)$", program.done(60), re.M)
    check(rounds and int(rounds.group(1)) > 10, "the program did next to nothing")


def damaged(directory, damage, version, kind):
    """It does what it does without glasstap. What is shown of it is right, or there is a
    line that says why it is not shown."""
    good = programs.gotls(version, kind)
    bad = os.path.join(directory, "damaged")
    shutil.copy(good, bad)
    tool = os.path.join(programs.PROGRAMS, "damage")
    done = subprocess.run([tool, damage, bad], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True)
    if done.returncode == 3:
        raise lib.Skipped(f"no such damage to Go {version}: {done.stdout}")
    check(done.returncode == 0, f"damage: {done.stdout}")
    try:
        alone = cells.run_role(directory, bad, "client", "started", cells.WAYS[0], alone=True)
    except Failed as why:
        raise lib.Skipped(f"it does not run by itself: {why}") from None
    for mode in cells.MODES:
        for role in cells.ROLES:
            result = cells.run_role(directory, bad, role, mode, cells.WAYS[0])
            lib.equal(len(result.said), len(alone.said), f"{role} {mode}: connections")
            for said in result.said:
                right_or_said(result, said)


def right_or_said(result, said):
    shown = cells.shown_for(result, said)
    pieces = shown.ways["out"].pieces + shown.ways["in"].pieces
    if any(data for _, _, data in pieces):
        cells.judge(result, said)
    else:
        reasons = shown.troubles + [line for line in result.err.splitlines() if "not" in line]
        check(reasons, "nothing is shown of it, and no line says why")
