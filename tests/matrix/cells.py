"""One run of one program under glasstap, and what each of its connections shows.
A cell of the matrix is one connection: right if the plaintext of both directions
is, to the last byte, what the program says it sent and received, and if the
handshake is what the program says it was."""

import hashlib
import itertools
import os
import re
import select
import signal
import subprocess
import time

import programs
import lib
from lib import Failed, check

SUITES = ("aes128", "aes256", "chacha20")
SPECS = [f"{version}-{suite}" for version in ("1.2", "1.3") for suite in SUITES]
ROLES = ("client", "server")
MODES = ("started", "attached")
TIMES = 2  # connections for each SPEC: the second resumes the first's session

# What varies from run to run besides, and must make no difference: what both programs
# are given, what only the one under test is, what only the peer is.
WAYS = (
    (["-requests", "2"], [], []),
    (["-requests", "3", "-up", "70000", "-down", "40"], [], ["-new-keys"]),
    (["-requests", "4", "-up", "100", "-down", "50000"], ["-http"], []),
    (["-requests", "2", "-up", "20000", "-down", "33000"], ["-wrap"], ["-small"]),
    (["-requests", "3", "-up", "1", "-down", "120000"], ["-deep", "3000"], ["-new-keys"]),
    (["-requests", "2", "-mutual", "-up", "5000", "-down", "0"], [], []),
    (["-requests", "2", "-mutual", "-up", "17000", "-down", "17000"], ["-http", "-wrap"], []),
)


class Said:
    """A "conn" line of the programs."""

    def __init__(self, line):
        part = dict(word.split("=", 1) for word in line.split()[1:])
        self.local, self.remote = part["local"], part["remote"]
        self.version, self.suite = part["version"], part["suite"]
        self.resumed = part["resumed"] == "1"
        self.sums = {way: part[way] for way in ("out", "in")}

    def cell(self):
        short = next((name for name, words in (
            ("chacha20", "CHACHA20"), ("aes256", "AES_256"), ("aes128", "AES_128"))
            if words in self.suite), self.suite)
        return self.version, short, "resumed" if self.resumed else "full"


def said_by(text):
    return [Said(line) for line in text.splitlines() if line.startswith("conn ")]


class Program:
    """A test program, its output read line by line, within a time."""

    def __init__(self, arguments, **options):
        self.process = lib.start(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, **options)
        self.pid = self.process.pid
        self.buffer, self.text = b"", ""

    def until(self, word, seconds=20):
        """Reads up to the line that begins with the word."""
        end = time.monotonic() + seconds
        while True:
            line, newline, rest = self.buffer.partition(b"\n")
            if newline:
                self.buffer = rest
                self.text += line.decode("utf-8", "replace") + "\n"
                if line.decode("utf-8", "replace").split(" ")[0] == word:
                    return
                continue
            ready, _, _ = select.select([self.process.stdout], [], [],
                                        max(0, end - time.monotonic()))
            check(ready, lambda: f"no {word!r} within {seconds} s")
            data = os.read(self.process.stdout.fileno(), 65536)
            check(data, lambda: f"ended before {word!r}: {self.errors()}")
            self.buffer += data

    def ports(self):
        """SPEC -> port, of a server that has said "ready"."""
        return {line.split()[1]: int(line.split()[2]) for line in self.text.splitlines()
                if line.startswith("port ")}

    def errors(self):
        self.process.wait(5)
        return self.process.stderr.read().decode("utf-8", "replace").strip()[-400:]

    def go(self):
        self.process.stdin.write(b"go\n")
        self.process.stdin.flush()

    def end(self, seconds=60):
        """Waits for its end. (status, all of its stdout, its stderr)"""
        try:
            out, err = self.process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            raise Failed(f"{self.process.args[0]} has not ended within {seconds} s") from None
        self.text += (self.buffer + out).decode("utf-8", "replace")
        self.buffer = b""
        return self.process.returncode, self.text, err.decode("utf-8", "replace")

    def done(self, seconds=60):
        """The same; it must have ended well."""
        status, text, err = self.end(seconds)
        check(status == 0, lambda: f"status {status}: {(err or text)[-300:]}")
        return text


def targets(ports, times=TIMES):
    return [f"{spec}@{port}x{times}" for spec, port in ports.items()]


# ---- a run ---------------------------------------------------------------------

def tap(path, *options):
    return [lib.GLASSTAP, "tls", "-o", f"json={path}", *options]


class Traced:
    """What came of a run: what the program said, what glasstap showed."""

    def __init__(self, said, path, err):
        self.said, self.err = said_by(said), err
        self.lines = lib.parse_lines(lib.read_file(path)) if path else []
        self.conns = conns_of(self.lines)


def start_traced(directory, mode, command, ready):
    """Starts a program under glasstap, as the mode says, up to its line `ready`.
    (the program or the glasstap that started it, the glasstap that was attached)"""
    path = lib.fresh(directory, ".json")
    if mode == "started":
        program = Program([*tap(path), "--", *command])
        program.until(ready)
        return program, None, path
    program = Program(command)
    program.until(ready)
    attached = lib.Attached(directory, "tls", "-p", str(program.pid))
    return program, attached, attached.path


def finish(program, attached, path):
    said = program.done()
    if not attached:
        return Traced(said, path, "")
    run = attached.end(None if ends_alone(attached) else signal.SIGINT)
    return Traced(said, path, run.err)


def ends_alone(attached):
    """glasstap -p ends with its target; then it needs no signal."""
    for _ in range(100):
        if attached.process.poll() is not None:
            return True
        time.sleep(0.02)
    return False


def ends_alone_now(attached):
    return attached.process.poll() is not None


def run_role(directory, binary, role, mode, way, specs=tuple(SPECS), times=TIMES, alone=False):
    """A program under glasstap in its role, the peer in the other. `alone`: without
    glasstap, to see that the programs themselves are right."""
    certs = programs.certs()
    both, here, there = way
    count = ["-conns", str(len(specs) * times)]
    program = [binary, role, "-certs", certs, *both, *here]
    peer = [programs.peer(), "client" if role == "server" else "server", "-certs", certs, *both,
            *there]
    begin = start_alone if alone else start_traced
    if role == "server":
        begun = begin(directory, mode, [*program, *count, *specs], "ready")
        other = Program([*peer, *targets(begun[0].ports(), times)]).done()
        result = finish(*begun)
    else:
        server = Program([*peer, *count, *specs])
        server.until("ready")
        begun = begin(directory, mode, [*program, "-wait", *targets(server.ports(), times)], "waiting")
        begun[0].go()
        result = finish(*begun)
        other = server.done()
    agree(result.said, said_by(other))
    lib.equal(len(result.said), len(specs) * times, "connections")
    return result


def start_alone(_directory, _mode, command, ready):
    program = Program(command)
    program.until(ready)
    return program, None, None


def agree(here, there):
    """Both programs must say the same: else the test itself is wrong."""
    other = {(one.remote, one.local): one for one in there}
    for one in here:
        far = other.get((one.local, one.remote))
        check(far and far.sums["in"] == one.sums["out"] and far.sums["out"] == one.sums["in"],
              lambda: f"the programs disagree about {one.local} -> {one.remote}")


# ---- what was shown ---------------------------------------------------------------

class Shown:
    """A connection in the lines of glasstap."""

    def __init__(self):
        self.ways = {"out": lib.Stream(), "in": lib.Stream()}
        self.handshakes, self.addresses, self.troubles = [], {}, []

    def add(self, line):
        for end in ("local", "remote"):
            if end in line:
                self.addresses[end] = line[end]
        if line["type"] == "tls":
            self.handshakes.append(line)
            if "error" in line:
                self.troubles.append(line["error"])
        elif line["type"] == "plaintext":
            self.ways[line["dir"]].pieces.append((line["offset"], line["len"], lib.data_of(line)))

    def sum(self, way):
        """LEN:SHA256, as the programs write it."""
        stream = self.ways[way]
        size, digest = stream.tiles(), hashlib.sha256()
        for offset, length, data in sorted(stream.pieces):
            check(len(data) == length, lambda: f"{way}: {length - len(data)} bytes at "
                  f"{offset + len(data)} are missing")
            digest.update(data)
        return f"{size}:{digest.hexdigest()}"


def conns_of(lines):
    found = {}
    for line in lines:
        if "conn" in line:
            found.setdefault(line["conn"], Shown()).add(line)
    return found


def shown_for(result, said):
    """The connection with these addresses."""
    for shown in result.conns.values():
        local, remote = shown.addresses.get("local"), shown.addresses.get("remote")
        if (local, remote) == (said.local, said.remote):
            return shown
    seen = sorted(str(shown.addresses) for shown in result.conns.values())
    raise Failed(f"no line of {said.local} -> {said.remote}; seen: {lib.brief(seen)}")


def judge(result, said, told=True):
    """Raises Failed where a connection was not shown as it was."""
    shown = shown_for(result, said)
    trouble = f" ({'; '.join(shown.troubles)})" if shown.troubles else ""
    for way in ("out", "in"):
        try:
            got = shown.sum(way)
        except Failed as why:
            raise Failed(f"{why}{trouble}") from None
        wanted = said.sums[way]
        check(got == wanted, lambda: f"{way}: {got.split(':')[0]} bytes shown, "
              f"{wanted.split(':')[0]} moved" + ("" if got.split(":")[0] != wanted.split(":")[0]
                                                 else ", but others") + trouble)
    if not told:
        return
    handshakes = [line for line in shown.handshakes if "version" in line]
    check(len(handshakes) == 1, lambda: f"{len(handshakes)} lines of its handshake{trouble}")
    line = handshakes[0]
    lib.equal(line.get("version"), f"TLS {said.version}", "version")
    lib.equal(line.get("cipher"), said.suite, "cipher")
    lib.equal(bool(line.get("resumed")), said.resumed, "resumed")
    check(not trouble, lambda: f"all is there, and yet: {trouble}")


# ---- the matrix ----------------------------------------------------------------------

class Run:
    """A program in one role and mode; its cells are its connections."""

    def __init__(self, number, version, kind, role, mode):
        self.version, self.kind, self.role, self.mode = version, kind, role, mode
        self.way = WAYS[number % len(WAYS)]

    def name(self):
        return "-".join((self.version, self.kind.replace(" ", "").replace("-s-w", "sw"),
                         self.role, self.mode))

    def cells(self):
        for spec, kind in itertools.product(SPECS, ("full", "resumed")):
            version, suite = spec.split("-")
            yield version, suite, kind

    def do(self, directory, alone=False):
        """Cell -> "" or why not."""
        binary = programs.gotls(self.version, self.kind)
        result = run_role(directory, binary, self.role, self.mode, self.way, alone=alone)
        verdicts = {}
        for said in result.said:
            try:
                if not alone:
                    judge(result, said)
                why = ""
            except Failed as failed:
                why = str(failed)
            verdicts[said.cell()] = why
        return verdicts


def all_runs():
    every = itertools.product(programs.VERSIONS, programs.KINDS, ROLES, MODES)
    return [Run(number, *one) for number, one in enumerate(every)]


# What make check does: the kinds whose libraries need compiling once more only for
# some versions, and of roles and modes each pair in turn.
SHORT_PIE = ("1.15", "1.21", "1.27")


def short_runs():
    pairs = list(itertools.product(ROLES, MODES))
    chosen, number = [], 0
    for at, version in enumerate(programs.VERSIONS):
        for kind in programs.KINDS:
            if "PIE" in kind and version not in SHORT_PIE:
                continue
            # Of neighbours in both directions of the table, each another pair.
            role, mode = pairs[(number + at) % len(pairs)]
            chosen.append(Run(number, version, kind, role, mode))
            number += 1
    return chosen
