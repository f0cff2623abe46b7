"""No harm: programs that would notice a byte that was changed, or a probe in the
wrong place, run as they do without glasstap; damaged binaries are not probed."""

import errno
import itertools
import os
import re
import shutil
import signal
import subprocess
import time

import cells
import programs
import lib
from cells import Program
from lib import Failed, check

SECONDS = (3, 60)  # under load: with --short, and else
VERSIONS = ("1.26", "1.27")
KINDS = ("plain", "PIE")

# What tests/programs/damage does: the program still runs, or it does not.
DAMAGES = ("names", "text", "shifted", "cut", "sections")
FATAL = ("text!", "shifted!", "half")
REFUSED = ("names",)  # no way around it: no place for a probe can be proved


def tests(short):
    seconds = SECONDS[not short]
    found = []

    def add(name, function, *arguments):
        def test(directory):
            function(directory, *arguments)
        found.append((f"harm-{name}", test, seconds * 4 + 60))

    for version, kind in zip(VERSIONS, KINDS) if short else itertools.product(VERSIONS, KINDS):
        add(f"checksum-{version}-{kind}", checksum, version, kind, seconds)
    for version in VERSIONS:
        add(f"stacks-{version}", stacks, version, seconds)
    every = itertools.product(DAMAGES, ("1.19", "1.27") if short else programs.VERSIONS[1:], KINDS)
    for number, (damage, version, kind) in enumerate(every):
        runs = list(itertools.product(cells.ROLES, cells.MODES))
        # Of a short check half of the binaries, each in two of four ways.
        if not short:
            add(f"damaged-{damage}-{version}-{kind}", damaged, damage, version, kind, runs)
        elif number % 4 in (0, 3):
            add(f"damaged-{damage}-{version}-{kind}", damaged, damage, version, kind,
                runs[::3] if number % 4 else runs[1:3])
    for damage, version in itertools.product(FATAL, ("1.19", "1.27") if short else
                                             programs.VERSIONS[1:]):
        add(f"refused-{damage}-{version}", refused, damage, version)
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
    end, turn = time.monotonic() + seconds, 1.5 if seconds < 10 else 8
    # The last one stays until the program ends by itself.
    while time.monotonic() + turn < end:
        tap = lib.Attached(directory, "tls", "-p", str(program.pid))
        last = time.monotonic() + 2 * turn > end
        if last:
            check(ends_with(tap, turn + 60), "glasstap has not ended with its target")
        else:
            time.sleep(turn)
        tap.end(None if last else signal.SIGINT, timeout=60)
        check(count(tap.path, "plaintext"), "no plaintext was shown: nothing was tested")
        os.unlink(tap.path)
    rounds = re.search(r"^rounds (\d+)$", program.done(60), re.M)
    check(rounds and int(rounds.group(1)) > 10, "the program did next to nothing")


def ends_with(tap, seconds):
    """Its pipes are empty but for a line or two, so that waiting is enough."""
    try:
        tap.process.wait(seconds)
        return True
    except subprocess.TimeoutExpired:
        return False


def spoil(directory, damage, good):
    bad = os.path.join(directory, "damaged")
    shutil.copy(good, bad)
    tool = os.path.join(programs.PROGRAMS, "damage")
    done = subprocess.run([tool, damage, bad], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True)
    if done.returncode == 3:
        raise lib.Skipped(f"no such damage to this program: {done.stdout}")
    check(done.returncode == 0, f"damage: {done.stdout}")
    return bad


def refused(directory, damage, version):
    """A program that nothing is right about: it says why, and makes nothing worse."""
    bad = spoil(directory, damage, programs.gotls(version))
    status, out, err = lib.glasstap("doctor", "--", bad)
    check(status == 1 and b"cannot be seen" in out, lambda: f"doctor: status {status}, {out} {err}")
    try:
        alone = subprocess.run([bad], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE).returncode
    except OSError as error:
        check(error.errno == errno.ENOEXEC, f"it does not start: {error}")
        alone = 126
    status, _, err = lib.glasstap("tls", "--", bad)
    # A shell's way to say that a signal ended it.
    lib.equal(status, 128 - alone if alone < 0 else alone, f"its status ({err[-200:]})")


def damaged(directory, damage, version, kind, runs):
    """It does what it does without glasstap. What is shown of it is right, or there is a
    line that says why it is not shown."""
    bad = spoil(directory, damage, programs.gotls(version, kind))
    try:
        alone = cells.run_role(directory, bad, "client", "started", cells.WAYS[0], alone=True)
    except Failed as why:
        raise lib.Skipped(f"it does not run by itself: {why}") from None
    for role, mode in runs:
        result = cells.run_role(directory, bad, role, mode, cells.WAYS[0])
        lib.equal(len(result.said), len(alone.said), f"{role} {mode}: connections")
        for said in result.said:
            right_or_said(result, said, damage in REFUSED)


def right_or_said(result, said, must_refuse):
    shown = cells.shown_for(result, said)
    pieces = shown.ways["out"].pieces + shown.ways["in"].pieces
    if any(data for _, _, data in pieces):
        check(not must_refuse, "it was probed on the word of wrong tables")
        cells.judge(result, said)
    else:
        reasons = shown.troubles + [line for line in result.err.splitlines() if "not" in line]
        check(reasons, "nothing is shown of it, and no line says why")
