"""A connection is a socket, not a number: reused, copied, passed and inherited
descriptors, connections that were there before, and floods that do not fit."""

import os
import signal
import time

from lib import *


@test()
def reused_descriptors(directory):
    recording = os.path.join(directory, "r.gtap")
    run = trace(directory, "io", [helper("reuse"), "400"], "-w", recording).lossless()
    said = [line.split(" ") for line in run.out.decode().splitlines()]
    conns = connections(run.lines)
    by_text = text_lines(conns)
    rounds = [part for part in said if part[0] == "pair"]
    equal(len(rounds), 400, "rounds of the workload")
    for _, number, transport, pid, local, remote in rounds:
        ask, answer = f"ask {number}\n".encode(), f"answer {number}\n".encode()
        for key in ((ask, answer), (answer, ask)):
            check(key in by_text, f"no connection has exactly {key}")
            conn = by_text[key]
            equal(conn.transport, transport, f"transport of round {number}")
            if transport != "unix":
                sides = (local, remote) if key[0] == ask else (remote, local)
                equal((conn.local, conn.remote), sides, f"addresses of round {number}")
            equal(conn.pids, {int(pid)}, f"pids of round {number}")
    # In round 0 and 1 the numbers are the same, the connections are not.
    numbers = {frozenset(conn.fds) for key, conn in by_text.items() if key[0].startswith(b"ask")}
    check(len(numbers) < 40, "the workload did not reuse its numbers")

    for word, what, local, remote, pid, fd, *text in (p for p in said if p[0] in ("same", "got")):
        text, direction = " ".join(text).encode() + b"\n", "out" if word == "same" else "in"
        if what == "all":
            continue
        # The stolen number's own buffer is not known any more: a gap is honest.
        line = only((line for line in run.of("io") if line["dir"] == direction
                     and line.get("local") == local and (data_of(line) == text
                     or what == "stolen" and "gap" in line and line["len"] == len(text))),
                    f"lines {what}")
        equal(line["remote"], remote, f"remote of {what}")
        equal(line["pid"], int(pid), f"pid of {what}")
        if word == "same":
            equal(line["fd"], int(fd), f"fd of {what}")
    first = only((conn for conn in conns.values() if conn.out.bytes().startswith(b"first\n")),
                 "connections by many names")
    equal(first.out.bytes(), b"first\nby dup\nby dup2\nby dup3\nby fcntl\nby a child\n"
          b"by one it was passed to\nby an heir\non the first again\n", "the stream by many names")
    equal(len(first.pids), 4, "processes on it")

    net = replay(directory, "net", recording)
    closes = {}
    for line in net.of("close"):
        closes.setdefault(line["conn"], []).append(line)
    for conn in conns.values():
        if not any(key[0].startswith((b"ask", b"answer")) and by_text[key] is conn
                   for key in [(conn.out.bytes(), conn.into.bytes())] if key in by_text):
            continue
        line = only(closes.get(conn.name, []), f"closes of {conn.name}")
        # Of a socket that was found to be gone they are not known.
        if conn.transport == "tcp" or "bytes_out" in line:
            equal((line.get("bytes_out"), line.get("bytes_in")),
                  (len(conn.out.bytes()), len(conn.into.bytes())), f"bytes of {conn.name}")


def check_talk(run, process, words, pids=None):
    """Each connection of a sleeper carried exactly the words, with both addresses."""
    conns = connections(run.of("io") + run.of("loss"))
    for name, (transport, *ends) in process.conns().items():
        for number, (fd, local, remote) in enumerate(ends):
            out = "".join(f"{word}{' re' * number} {name}\n" for word in words).encode()
            into = "".join(f"{word}{' re' * (not number)} {name}\n" for word in words).encode()
            if name == "dgram":  # one way only
                out, into = (b"", into) if number else (out, b"")
            conn = only((conn for conn in conns.values()
                         if any(number == fd for _, number in conn.fds)), f"connections of {name}")
            equal(conn.out.bytes(), out, f"{name} fd {fd} out")
            equal(conn.into.bytes(), into, f"{name} fd {fd} in")
            equal(conn.transport, transport, f"transport of {name}")
            if local != "-":
                equal(conn.local, local, f"local of {name}")
            if remote != "-":
                equal(conn.remote, remote, f"remote of {name}")
            if pids is not None:
                equal(conn.pids, pids, f"pids of {name}")


@test()
def open_before_attach(directory):
    process = sleeper()
    process.say("unseen")
    tap = Attached(directory, "io", "-p", str(process.pid))
    process.say("first")
    process.say("thread second")
    check_talk(tap.end(), process, ["first", "second"], {process.pid})


@test()
def children_of_the_attached(directory):
    process = sleeper()
    tap = Attached(directory, "io", "-p", str(process.pid))
    process.say("mine")
    child = int(process.say("fork its").split()[2])
    run = tap.end()
    check_talk(run, process, ["mine", "its"], {process.pid, child})
    for line in run.of("io"):
        equal(line["pid"], child if data_of(line).startswith(b"its") else process.pid,
              f"pid of {brief(line)}")


@test()
def no_follow(directory):
    process = sleeper()
    tap = Attached(directory, "io", "--no-follow", "-p", str(process.pid))
    process.say("one")
    child = int(process.say("fork two").split()[2])
    process.say("three")
    run = tap.end()
    check(child not in {line["pid"] for line in run.of("io")}, "the child was followed")
    data = b"".join(data_of(line) for line in run.of("io"))
    check(b"one tcp4" in data and b"three tcp4" in data and b"two tcp4" not in data,
          f"data: {brief(data)}")


@test()
def two_of_several(directory):
    """-p with two pids; a third process is not shown."""
    processes = [sleeper() for _ in range(3)]
    tap = Attached(directory, "io", "-p", f"{processes[0].pid},{processes[2].pid}")
    for number, process in enumerate(processes):
        process.say(f"from{number}")
    run = tap.end()
    equal({line["pid"] for line in run.of("io")}, {processes[0].pid, processes[2].pid}, "pids")
    for number in (0, 2):
        own = Run(0, b"", "", None)
        own.lines = [line for line in run.lines if line.get("pid") == processes[number].pid]
        check_talk(own, processes[number], [f"from{number}"])


PERIOD = 1 << 20


def flood_bytes(offset, length):
    block = flood_bytes.block
    start = offset % PERIOD
    out = block[start:start + length]
    while len(out) < length:
        out += block[:length - len(out)]
    return out


flood_bytes.block = b"".join(b"%015x\n" % number for number in range(PERIOD // 16))


def check_flood(run, net, out):
    """bytes shown + bytes lost = bytes moved, for each connection and direction,
    and the shown ones are right and at their place. The bytes lost."""
    ends = {}
    for line in out.decode().splitlines():
        part = line.split(" ")
        if part[0] == "end":
            ends[part[2], part[3]] = (int(part[1]), int(part[4]), int(part[5]))
    conns = connections(run.lines + net.of("open"))
    seen = lost = 0
    for (local, remote), (pid, bytes_out, bytes_in) in ends.items():
        conn = only((conn for conn in conns.values() if (conn.local, conn.remote) == (local, remote)),
                    f"connections {local} to {remote}")
        equal(conn.out.tiles(), bytes_out, f"out of {local} to {remote}: shown and lost")
        equal(conn.into.tiles(), bytes_in, f"in of {local} to {remote}: shown and lost")
        for stream, wanted in ((conn.out, bytes_out), (conn.into, bytes_in)):
            lost += sum(size for _, size in stream.lost)
            for offset, size, data in stream.pieces:
                equal(len(data), size, "data of a line")
                seen += size
                if wanted > 5:
                    check(data == flood_bytes(offset, size), f"wrong bytes at {offset}")
        close = only((line for line in net.of("close") if line["conn"] == conn.name),
                     f"closes of {conn.name}")
        equal((close["bytes_out"], close["bytes_in"]), (bytes_out, bytes_in), "bytes of the close")
    equal(run.summary()["lost_bytes"], lost, "lost_bytes of the summary")
    equal(seen + lost, 2 * sum(end[1] for end in ends.values()), "shown and lost in all")
    return lost


@test(timeout=90)
def flood_beyond_the_ring(directory):
    recording = os.path.join(directory, "r.gtap")
    run = trace(directory, "io", [helper("flood"), "40000000", "4"], "--ring", "1M", "-w", recording,
                timeout=80)
    lost = check_flood(run, replay(directory, "net", recording), run.out)
    check(lost > 0, "nothing was lost: the flood was none")
    check(str(lost) in run.err.replace(",", "") or "lost" in run.err,
          f"stderr has no word of the loss: {run.err}")
    check(replay(directory, "io", recording).raw == run.raw, "the replay's JSON differs")


@test(timeout=60)
def flood_within_the_ring(directory):
    """What fits the ring loses nothing."""
    recording = os.path.join(directory, "r.gtap")
    run = trace(directory, "io", [helper("flood"), "5000000", "3", "20000"], "-w", recording)
    equal(check_flood(run, replay(directory, "net", recording), run.out), 0, "lost")


@test(timeout=60)
def small_messages_flood(directory):
    recording = os.path.join(directory, "r.gtap")
    run = trace(directory, "io", [helper("flood"), "3000000", "4", "37"], "--ring", "1M",
                "-w", recording, timeout=50)
    check_flood(run, replay(directory, "net", recording), run.out)
