"""Programs in shapes that the matrix does not have: several at once, under a shell,
in a mount namespace of their own, deleted, with other suites and other libraries."""

import hashlib
import os
import re
import shutil
import signal
import socket
import subprocess
import time

import cells
import programs
import lib
from cells import Program, judge, said_by
from lib import Failed, check

TESTS = []


def shape(timeout=60, always=True):
    def register(function):
        TESTS.append(("shape-" + function.__name__.replace("_", "-"), function, timeout, always))
        return function
    return register


def tests(short):
    return [(name, function, timeout) for name, function, timeout, always in TESTS
            if always or not short]


def newest():
    here = programs.versions()
    if not here:
        raise lib.Skipped("no Go compiler is here (scripts/go-compilers fetches them)")
    return here[-1]


def gotls(kind="plain"):
    return programs.gotls(newest(), kind)


def judge_all(result, told=True):
    check(result.said, "the program made no connections")
    for said in result.said:
        try:
            judge(result, said, told)
        except Failed as why:
            raise Failed(f"{'-'.join(said.cell())}: {why}") from None


def both_roles(directory, binary, way, specs, times=2, modes=cells.MODES):
    for role in cells.ROLES:
        for mode in modes:
            try:
                judge_all(cells.run_role(directory, binary, role, mode, way, specs, times))
            except Failed as why:
                raise Failed(f"{role} {mode}: {why}") from None


OTHER_SUITES = ["1.2-cbc128", "1.2-cbc256", "1.2-rsa128", "1.2-rsacbc128"]


@shape()
def go_other_suites(directory):
    """CBC and keys that travel by RSA: before 1.22 they are on, then GODEBUG has the key,
    and 1.27 has no more of it."""
    version = [one for one in programs.versions() if one < "1.27"][-1:]
    if not version:
        raise lib.Skipped("no Go compiler before 1.27 is here")
    os.environ["GODEBUG"] = "tlsrsakex=1"
    try:
        both_roles(directory, programs.gotls(version[0]), (["-requests", "2", "-up", "20000"], [], []),
                   OTHER_SUITES)
    finally:
        del os.environ["GODEBUG"]


@shape()
def hello_said_twice(directory):
    both_roles(directory, gotls(), ([], [], ["-retry"]), ["1.3-aes128", "1.3-chacha20"])


@shape()
def openssl(directory):
    """A C program on libssl: every suite, new keys in mid-stream."""
    specs = [*cells.SPECS, "1.2-ccm128", "1.2-ccm8", "1.2-cbc128", "1.2-cbc128+noetm", "1.2-cbc256",
             "1.2-cbc256sha384", "1.2-cbc256sha384+noetm", "1.2-rsa128", "1.2-rsacbc128",
             "1.3-ccm128", "1.3-ccm8"]
    way = (["-requests", "3", "-up", "30000", "-down", "70000", "-new-keys"], [], [])
    both_roles(directory, programs.peer(), way, specs)


@shape()
def openssl_mutual(directory):
    both_roles(directory, programs.peer(), (["-mutual"], [], []), cells.SPECS[::2])


@shape()
def two_programs(directory):
    """A Go server and a Go client, both traced: each connection has two ends, and each
    end its own plaintext. The versions differ."""
    here = programs.versions()
    newest()
    certs = programs.certs()
    server = Program([programs.gotls(here[-1]), "server", "-certs", certs, "-conns", "6", "any",
                      "1.2", "1.3"])
    server.until("ready")
    client = Program([programs.gotls(here[0], "-s -w"), "client", "-certs", certs, "-wait",
                      *cells.targets(server.ports())])
    client.until("waiting")
    tap = lib.Attached(directory, "tls", "-p", f"{server.pid},{client.pid}")
    client.go()
    said = client.done() + server.done()
    tap.end(None if cells.ends_alone(tap) else signal.SIGINT)
    judge_all(cells.Traced(said, tap.path, ""))


def with_server(directory, command, conns=4):
    """A server that is not traced, and `command(targets)` under glasstap."""
    certs = programs.certs()
    server = Program([programs.peer(), "server", "-certs", certs, "-conns", str(conns), "1.2", "1.3"])
    server.until("ready")
    path = lib.fresh(directory, ".json")
    client = [gotls("-s -w"), "client", "-certs", certs, *cells.targets(server.ports())]
    said = Program([*cells.tap(path), "--", *command(client)]).done()
    judge_all(cells.Traced(said, path, ""))
    server.done()


@shape()
def under_a_shell(directory):
    def command(client):
        return ["sh", "-c", "true; " + " ".join(client) + "; true"]
    with_server(directory, command)


@shape()
def in_its_own_mounts(directory):
    """The program's file is on a mount that only its own namespace has."""
    lib.need("unshare")
    inside = os.path.join(directory, "inside")
    os.mkdir(inside)

    def command(client):
        return ["unshare", "--mount", "sh", "-c", f'mount -t tmpfs none {inside} && '
                f'cp "$0" {inside}/program && exec {inside}/program "$@"', *client]
    with_server(directory, command)


@shape()
def attached_in_its_own_mounts(directory):
    lib.need("unshare")
    inside = os.path.join(directory, "inside")
    os.mkdir(inside)
    attached_client(directory, ["unshare", "--mount", "sh", "-c", f'mount -t tmpfs none {inside} && '
                                f'cp "$0" {inside}/program && exec {inside}/program "$@"', gotls()])


def attached_client(directory, binary, before=None):
    """A client that runs when glasstap comes; `before` is done in between."""
    certs = programs.certs()
    server = Program([programs.peer(), "server", "-certs", certs, "-conns", "4", "1.2", "1.3"])
    server.until("ready")
    client = Program([*binary, "client", "-certs", certs, "-wait", *cells.targets(server.ports())])
    client.until("waiting")
    if before:
        before()
    tap = lib.Attached(directory, "tls", "-p", str(client.pid))
    client.go()
    judge_all(cells.finish(client, tap, tap.path))
    server.done()


@shape()
def deleted_and_replaced(directory):
    """The file under the program's name is gone, or is another one by now."""
    for replaced in (False, True):
        copy = os.path.join(directory, "program")
        shutil.copy(gotls(), copy)

        def remove():
            os.unlink(copy)
            if replaced:
                shutil.copy(gotls("-s -w"), copy)
        attached_client(directory, [copy], remove)


@shape()
def by_name_later(directory):
    """-n: a program that starts while glasstap runs, and twice: the file is probed once."""
    copy = os.path.join(directory, "gotls-by-name")
    shutil.copy(gotls(), copy)
    certs = programs.certs()
    server = Program([programs.peer(), "server", "-certs", certs, "-conns", "8", "1.2", "1.3"])
    server.until("ready")
    tap = lib.Attached(directory, "tls", "-n", "gotls-by-name")
    said = ""
    for _ in range(2):
        # It says when it is up: found at exec and probed within milliseconds.
        client = Program([copy, "client", "-certs", certs, "-wait", *cells.targets(server.ports())])
        client.until("waiting")
        time.sleep(0.1)
        client.go()
        said += client.done()
    server.done()
    tap.end()
    judge_all(cells.Traced(said, tap.path, ""))


@shape(timeout=120)
def thousand_connections(directory):
    """1,000 connections with 4 requests each, all at once: 4,000 whole exchanges."""
    for role in ("server", "client") if newest() else ():
        certs = programs.certs()
        path = lib.fresh(directory, ".json")
        count, each = 1000, ["-requests", "4", "-up", "200", "-down", "1000"]
        serve = [gotls(), "server", "-certs", certs, *each, "-conns", str(count), "1.3"]
        server = Program([*cells.tap(path), "--", *serve] if role == "server" else serve)
        server.until("ready")
        ask = [gotls(), "client", "-certs", certs, *each, "-parallel", str(count),
               *cells.targets(server.ports(), count)]
        client = Program([*cells.tap(path), "--", *ask] if role == "client" else ask)
        there, here = client.done(), server.done()
        result = cells.Traced(here if role == "server" else there, path, "")
        lib.equal(len(result.said), count, "connections")
        try:
            judge_all(result)
        except Failed as why:
            raise Failed(f"{role}: {why}") from None


@shape()
def tiny_ring(directory):
    """What is lost is missing in the plaintext too, and said: shown and missing make up
    what moved, and it goes on after each gap."""
    certs = programs.certs()
    path = lib.fresh(directory, ".json")
    size = 60_000_000
    server = Program([programs.peer(), "server", "-certs", certs, "-conns", "2", "1.2", "1.3"])
    server.until("ready")
    command = [gotls(), "client", "-certs", certs, "-requests", "2", "-up", "1000", "-down", str(size),
               *cells.targets(server.ports(), 1)]
    said = Program([*cells.tap(path), "--ring", "1M", "--", *command]).done()
    server.done()
    result = cells.Traced(said, path, "")
    for one in result.said:
        shown = cells.shown_for(result, one)
        moved = int(one.sums["in"].split(":")[0])
        stream = shown.ways["in"]
        have = sum(len(data) for _, _, data in stream.pieces)
        missing = sum(length - len(data) for _, length, data in stream.pieces)
        check(missing, "nothing was lost: the ring is not small enough for this test")
        # How many records were in a gap that nothing follows cannot be known.
        _, length, data = max(stream.pieces)
        spare = 64 if length > len(data) else 0
        check(abs(have + missing - moved) <= spare,
              f"TLS {one.version}: shown {have} and missing {missing}: {have + missing} instead of {moved}")
        check(have > 100000, f"TLS {one.version}: only {have} bytes of {moved} are shown")


@shape()
def key_log_for_tshark(directory):
    """What is written to the key log decrypts a capture of the same traffic: TLS 1.2 and
    1.3, full and resumed, Go and OpenSSL."""
    lib.need("tshark")
    certs = programs.certs()
    for binary in (gotls(), programs.peer()):
        capture, keys = os.path.join(directory, "capture.pcapng"), lib.fresh(directory, ".keylog")
        server = Program([programs.peer(), "server", "-certs", certs, "-conns", "4", "1.2-aes256",
                          "1.3-chacha20"])
        server.until("ready")
        ports = server.ports()
        wire = start_capture(capture, ports.values())
        client = [binary, "client", "-certs", certs, "-down", "30000", *cells.targets(ports)]
        said = Program([lib.GLASSTAP, "tls", "-o", f"keylog={keys}", "--", *client]).done()
        server.done()
        time.sleep(1)  # it writes late, and drops what it has not written
        wire.send_signal(signal.SIGINT)
        wire.wait(20)
        lib.equal(os.stat(keys).st_mode & 0o777, 0o600, "mode of the key log")
        lines = lib.read_file(keys).splitlines()
        lib.equal(len(lines), len(set(lines)), "lines of the key log, each once")
        judge_capture(capture, keys, ports, said_by(said))


def start_capture(file, ports):
    """Capturing, once it is: by the packets of connections to a closed port."""
    rule = " or ".join(f"tcp port {port}" for port in [9, *ports])
    wire = lib.start(["tshark", "-q", "-n", "-i", "lo", "-w", file, "-f", rule],
                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def packets():
        with socket.socket() as probe:
            probe.connect_ex(("127.0.0.1", 9))
        return os.path.exists(file) and os.stat(file).st_size > 1000
    lib.until("a capture", packets, 20)
    return wire


def judge_capture(capture, keys, ports, said):
    """tshark's own plaintext of each connection is, by length and sum, what was moved."""
    tshark = ["tshark", "-n", "-r", capture, "-o", f"tls.keylog_file:{keys}"]
    for port in ports.values():
        tshark += ["-d", f"tcp.port=={port},tls"]

    def ask(*words):
        return subprocess.run([*tshark, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True).stdout
    for one in said:
        port = one.local.split(":")[1]
        number = ask("-Y", f"tcp.port == {port}", "-T", "fields", "-e", "tcp.stream").split("\n")[0]
        followed = ask("-q", "-z", f"follow,tls,raw,{number}")
        # What the node that is named second says is indented; its name may be missing.
        second = "in" if f"Node 0: {one.local}\n" in followed else "out"
        ways = {"out": b"", "in": b""}
        for line in followed.splitlines():
            if re.fullmatch(r"\t?[0-9a-f]+", line):
                way = second if line[0] == "\t" else {"out": "in", "in": "out"}[second]
                ways[way] += bytes.fromhex(line.strip())
        for way, data in ways.items():
            lib.equal(f"{len(data)}:{hashlib.sha256(data).hexdigest()}", one.sums[way],
                      f"TLS {one.version}, {way}, as tshark decrypts it")
