"""Every system call that moves bytes: the streams rebuilt from the JSON equal
what the workload says that it moved, byte for byte, live and replayed."""

import os
import time

from lib import *

GAPS = {"sendfile", "splice", "unseen", "io_uring", "discarded", "kernel"}


def read_truth(path):
    streams, ops = [], set()
    with open(path) as file:
        for line in file:
            part = line.rstrip("\n").split(" ")
            if part[0] == "op":
                ops.add(part[1])
            elif part[0] == "stream":
                content = b"" if part[9] == "-" else bytes.fromhex(part[9])
                gaps = [] if part[8] == "-" else [
                    tuple(map(int, gap.split("+"))) for gap in part[8].split(",")]
                streams.append({"pid": int(part[1]), "fd": int(part[2]), "dir": part[3],
                                "transport": part[4], "local": part[5], "remote": part[6],
                                "bytes": content, "gaps": gaps})
                equal(len(content), int(part[7]), "length of a line of the truth")
    check(streams, "the workload said nothing")
    return streams, ops


def allowed(gaps, length):
    """A byte for each byte of the stream: 1 where it may be absent."""
    mask = bytearray(length)
    for offset, size in gaps:
        mask[offset:offset + size] = b"\1" * size
    return mask


def compare_stream(truth, conn):
    where = f"{truth['transport']} fd {truth['fd']} {truth['dir']}"
    stream = conn.way(truth["dir"])
    try:
        content = stream.bytes()
    except Failed as failed:
        raise Failed(f"{where}: {failed}") from None
    equal(len(content), len(truth["bytes"]), f"{where}: bytes")
    mask, wanted = allowed(truth["gaps"], len(content)), bytearray(truth["bytes"])
    for offset, size in stream.holes():
        first = mask.find(0, offset, offset + size)
        if first >= 0:
            line = next(line for line in conn.io if line["dir"] == truth["dir"]
                        and line["offset"] <= first < line["offset"] + line["len"])
            raise Failed(f"{where}: byte {first} is absent: {brief({**line, 'data': '...'})}")
        wanted[offset:offset + size] = bytes(size)
    if content != wanted:
        at = next(i for i in range(len(content)) if content[i] != wanted[i])
        line = next(line for line in conn.io if line["dir"] == truth["dir"]
                    and line["offset"] <= at < line["offset"] + line["len"])
        raise Failed(f"{where}: byte {at} of {len(content)} is {content[at:at + 8].hex()} not "
                     f"{wanted[at:at + 8].hex()}, in a {line.get('op')} of {line['len']} bytes "
                     f"at {line['offset']}")


def compare(truth_streams, lines):
    conns = connections(lines)
    by_fd = {}
    for conn in conns.values():
        for key in conn.fds:
            by_fd.setdefault(key, set()).add(conn.name)
    used = set()
    for truth in truth_streams:
        names = by_fd.get((truth["pid"], truth["fd"]), set())
        equal(len(names), 1, f"connections of fd {truth['fd']}")
        conn = conns[next(iter(names))]
        used.add(conn.name)
        equal(conn.transport, truth["transport"], f"transport of fd {truth['fd']}")
        for side in ("local", "remote"):
            if truth[side] != "-":
                equal(getattr(conn, side), truth[side], f"{side} of fd {truth['fd']}")
        compare_stream(truth, conn)
    for conn in conns.values():
        check(conn.name in used, f"a connection that is none: {brief(conn.io[:1])}")
        for line in conn.io:
            if "gap" in line:
                check(line["gap"] in GAPS, f"gap: {brief({**line, 'data': ''})}")


def battery(name):
    def body(directory):
        truth, recording = os.path.join(directory, "truth"), os.path.join(directory, "r.gtap")
        run = trace(directory, "io", [helper("calls"), truth, name], "-w", recording)
        streams, ops = read_truth(truth)
        run.lossless()
        compare(streams, run.lines)
        seen = {line.get("op") for line in run.of("io")}
        check(ops <= seen, f"calls that are not named: {sorted(ops - seen)}")
        again = replay(directory, "io", recording)
        check(again.raw == run.raw, "the replay's JSON differs from the live run's")
        for line in replay(directory, "net", recording).of("close"):
            conn = connections(run.lines).get(line["conn"])
            if conn:
                equal(line.get("bytes_out"), conn.out.tiles(), f"bytes_out of {line}")
                equal(line.get("bytes_in"), conn.into.tiles(), f"bytes_in of {line}")
    body.__name__ = f"calls_{name}"
    return body


for _name in ("tcp", "tcp6", "udp", "stream", "dgram", "seqpacket", "pair"):
    test()(battery(_name))


@test()
def calls_by_attaching(directory):
    """The same of a process that is attached to: a shell, which then becomes it."""
    truth = os.path.join(directory, "truth")
    shell = Helper("sh", "-c", f"read line; exec {helper('calls')} {truth} stream udp")
    tap = Attached(directory, "io", "-p", str(shell.pid))
    shell.process.stdin.write("go\n")
    equal(shell.end(), 0, "status of the workload")
    run = tap.end(None).lossless()
    compare(read_truth(truth)[0], run.lines)


@test()
def calls_in_a_namespace(directory):
    need("unshare", "ip")
    truth = os.path.join(directory, "truth")
    run = trace(directory, "io", [
        "unshare", "-n", "-p", "-f", "sh", "-c",
        f"ip link set lo up; exec {helper('calls')} {truth} tcp udp"])
    streams, _ = read_truth(truth)
    # The workload knows its pid in its own namespace only.
    fds = {stream["fd"] for stream in streams}
    outer = {line["pid"] for line in run.of("io") if line.get("fd") in fds
             and line["comm"] == "calls"}
    pid = min(outer)
    for stream in streams:
        check(stream["pid"] != pid, "the pid is the one inside")
        stream["pid"] = pid
    used = {(stream["pid"], stream["fd"]) for stream in streams}
    conns = {conn.name for conn in connections(run.lines).values() if conn.fds & used}
    compare(streams, [line for line in run.lines if line.get("conn") in conns])


@test()
def text_has_the_data(directory):
    """The text view shows what was said, readable."""
    path = fresh(directory, ".txt")
    code, out, err = glasstap("io", "-o", f"text={path}", "--", helper("sleeper"), stdin=b"xyzzy\n")
    equal(code, 0, "status")
    check(b"ready" in out, "the command's own output is not there")
    text = read_file(path).decode("utf-8")
    for name in ("tcp4", "tcp6", "mapped", "udp4", "udp6", "stream", "dgram", "pair"):
        check(f"xyzzy {name}" in text, f"no line for {name}")
    path = fresh(directory, ".txt")
    glasstap("io", "-x", "-o", f"text={path}", "--", helper("sleeper"), stdin=b"xyzzy\n")
    text = read_file(path).decode("utf-8")
    # As xxd has it: "xyzzy tcp4\n".
    check("00000000: 7879 7a7a 7920 7463 7034 0a" in text, "no hex dump like xxd's")
    check("xyzzy tcp4." in text, "no text beside the hex dump")


@test()
def what_a_call_leaves_behind(directory):
    run = trace(directory, "io", [helper("leftover")]).lossless()
    said = dict(line.split(" ", 1) for line in run.out.decode().splitlines())
    line = only((line for line in run.of("io") if line["dir"] == "in"
                 and line.get("data") == "from the other"), "receipts of the other datagram")
    check(line.get("remote") in (None, said["other"]),
          f"it came from {said['other']}, not {line.get('remote')}")
    sent = [line for line in run.of("io") if line["op"] == "sendmmsg"]
    equal(sum(line["len"] for line in sent[:-2]), int(said["part"]), "of the first message")
    equal([(line.get("data"), line.get("gap")) for line in sent[-2:]],
          [("FIRST", None), ("second", None)], "the next call's messages")
