"""Text, JSON, recordings, colours; hostile bytes; caps and times."""

import os
import pty
import random
import re
import select
import signal
import subprocess
import time
import unicodedata

from lib import *
from test_identity import check_talk


def talk(size=1000):
    """One send of `size` bytes, and one of 5."""
    return [PYTHON, "-c", f"""
import socket, threading
a, b = socket.socketpair()
def take():
    left = {size} + 5
    while left: left -= len(b.recv(left))
t = threading.Thread(target=take); t.start()
assert a.send(b"x" * {size}) == {size}
import time; time.sleep(0.05)
assert a.send(b"short") == 5
t.join()"""]


@test()
def cap_on_data(directory):
    for cap in (100, 0, 1, 1000, 4096):
        run = trace(directory, "io", talk(), "-s", str(cap)).lossless()
        conn = only((conn for conn in connections(run.lines).values()
                     if conn.out.tiles() == 1005), f"connections with -s {cap}")
        other = only((conn for conn in connections(run.lines).values()
                      if conn.into.tiles() == 1005), f"connections with -s {cap}")
        for stream in (conn.out, other.into):  # read as it was sent, in two calls
            have = sorted((offset, data) for offset, _, data in stream.pieces if data)
            wanted = [(0, b"x" * min(cap, 1000)), (1000, b"short"[:cap])] if cap else []
            equal([(offset, bytes(data)) for offset, data in have], wanted, f"data with -s {cap}")
        for line in conn.io + other.io:
            if len(data_of(line)) < line["len"]:
                equal((line["truncated"], line["gap"]), (True, "cut"), f"marks with -s {cap}")
    # Of a large call, too.
    run = trace(directory, "io", talk(size=1000000), "-s", "70000").lossless()
    conn = only((conn for conn in connections(run.lines).values()
                 if conn.out.tiles() == 1000005), "large connections")
    large = [line for line in conn.io if line["offset"] + line["len"] <= 1000000]
    equal(sum(len(data_of(line)) for line in large), 70000, "data kept of a call of 1 MB")


@test()
def some_seconds_only(directory):
    process = sleeper()
    for seconds in ("1", "0.5"):
        began = time.monotonic()
        tap = Attached(directory, "io", "-d", seconds, "-p", str(process.pid), wait=False)
        run = tap.end(None, timeout=10)
        took = time.monotonic() - began
        check(float(seconds) <= took < float(seconds) + 2, f"-d {seconds} took {took:.2f} s")
    process.say("still here")


@test()
def a_recording_is_the_same(directory):
    """-w, then -r: every view's JSON and text are those of the live run."""
    for view in ("io", "net", "exec", "trace"):
        recording, text = fresh(directory, ".gtap"), fresh(directory, ".txt")
        live = trace(directory, view, ["sh", "-c", f"{helper('sleeper')}; exit 0"], "-w", recording,
                     "-o", f"text={text}", stdin=b"word\nfork w\xc3\xb6rd\n")
        again = replay(directory, view, recording)
        check(again.raw == live.raw, f"the {view} JSON differs: "
              + brief(next((pair for pair in zip(live.lines, again.lines) if pair[0] != pair[1]),
                           (len(live.lines), len(again.lines)))))
        other = fresh(directory, ".txt")
        code, _, err = glasstap(view, "-r", recording, "-o", f"text={other}")
        equal(code, 0, f"status of the replay: {err}")
        check(read_file(other) == read_file(text), f"the {view} text differs")
        # And a recording of a recording is that recording's equal.
        copy = fresh(directory, ".gtap")
        code, _, err = glasstap(view, "-r", recording, "-w", copy)
        equal(code, 0, f"status of the copy: {err}")
        check(replay(directory, view, copy).raw == live.raw, "a copy's JSON differs")
        equal(os.stat(recording).st_mode & 0o777, 0o600, "mode of a recording")


@test()
def a_recording_needs_no_root(directory):
    need("setpriv")
    recording = fresh(directory, ".gtap")
    live = trace(directory, "io", [helper("sleeper")], "-w", recording)
    os.chmod(directory, 0o755)
    os.chmod(recording, 0o644)
    program = os.path.join(directory, "glasstap")
    with open(program, "wb") as file:
        file.write(read_file(GLASSTAP))
    os.chmod(program, 0o755)
    done = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                           "--bounding-set=-all", program, "io", "-j", "-r", recording],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    equal(done.returncode, 0, f"status ({done.stderr.decode()[-300:]})")
    check(done.stdout == live.raw, "the JSON differs")


def read_cut(directory, recording, length, whole):
    """A recording cut at `length`: its whole events, and one clear message."""
    cut = os.path.join(directory, "cut.gtap")
    with open(cut, "wb") as file:
        file.write(whole[:length])
    path = os.path.join(directory, "cut.json")
    if os.path.exists(path):
        os.unlink(path)
    done = subprocess.run([GLASSTAP, "io", "-q", "-r", cut, "-o", f"json={path}"],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    check(done.returncode in (0, 1), f"cut at {length}: status {done.returncode}, "
          f"{done.stderr[-300:]!r}")
    check(b"Sanitizer" not in done.stderr, f"cut at {length}: {done.stderr[-600:]!r}")
    check(done.returncode == 0 or done.stderr.count(b"\n") == 1,
          f"cut at {length}: {done.stderr[-300:]!r}")
    lines = read_file(path).split(b"\n")[:-1] if os.path.exists(path) else []
    return [line for line in lines if b'"type":"io"' in line]


@test(timeout=120)
def a_recording_that_is_cut(directory):
    recording = fresh(directory, ".gtap")
    live = trace(directory, "io", [helper("reuse"), "60"], "-w", recording)
    whole = read_file(recording)
    wanted = [line for line in live.raw.split(b"\n") if b'"type":"io"' in line]
    end = min(len(whole), 65536)
    if os.environ.get("EXHAUSTIVE"):
        signal.alarm(0)
        lengths = range(end)
    else:
        chosen = random.Random(1)
        lengths = sorted(set(range(0, 300)) | {chosen.randrange(end) for _ in range(150)})
    have = 0
    for length in lengths:
        got = read_cut(directory, recording, length, whole)
        check(got == wanted[:len(got)], f"cut at {length}: other lines than the live run's")
        check(len(got) >= have, f"cut at {length}: fewer lines than with less")
        have = len(got)
    check(read_cut(directory, recording, len(whole), whole) == wanted, "uncut: lines are missing")
    check(len(read_cut(directory, recording, len(whole) - 1, whole)) >= len(wanted) - 1,
          "a byte less: lines are missing")


@test(timeout=90)
def a_recording_that_is_corrupt(directory):
    recording = fresh(directory, ".gtap")
    trace(directory, "io", [helper("reuse"), "20"], "-w", recording)
    whole = bytearray(read_file(recording))
    chosen = random.Random(2)
    for turn in range(150):
        bad = bytearray(whole)
        for _ in range(1 + turn % 3):
            bad[chosen.randrange(len(bad) if turn % 2 else min(len(bad), 2000))] = \
                chosen.randrange(256)
        read_cut(directory, recording, len(bad), bad)
    for bad in (b"", b"\n", b"not a recording at all\n" * 100, bytes(5000), b"\xff" * 5000):
        with open(os.path.join(directory, "bad.gtap"), "wb") as file:
            file.write(bad)
        code, out, err = glasstap("io", "-j", "-r", os.path.join(directory, "bad.gtap"))
        equal(code, 1, f"status for {brief(bad[:20])}")
        equal(err.count("\n"), 1, f"lines on stderr for {brief(bad[:20])}: {err}")
        check("bad.gtap" in err, f"the message has no name: {err}")


@test()
def a_recording_of_a_full_disk(directory):
    """It is whole up to the last event that had room."""
    need("unshare", "mount")
    room = os.path.join(directory, "room")
    os.mkdir(room)
    script = f"""mount -t tmpfs -o size=2m none {room} || exit 99
        {GLASSTAP} io -o gtap={room}/r.gtap -- {helper('flood')} 20000000 1 >{directory}/out 2>{directory}/err
        echo $? >{directory}/status
        cp {room}/r.gtap {directory}/r.gtap"""
    code = start(["unshare", "-m", "sh", "-c", script]).wait(30)
    if code == 99:
        raise Skipped("no tmpfs")
    check(int(read_file(f"{directory}/status")) != 0, "status 0 although the disk was full")
    err = read_file(f"{directory}/err").decode()
    check("No space" in err or "no space" in err or "full" in err, f"stderr: {err[-300:]}")
    path = fresh(directory, ".json")
    glasstap("io", "-r", f"{directory}/r.gtap", "-o", f"json={path}")
    lines = [line for line in parse_lines(read_file(path), whole=False) if line["type"] == "io"]
    check(len(lines) > 10, "nothing can be read")


# ---- hostile bytes ---------------------------------------------------------------------

def unsafe(text, allow_colour=False):
    """The first place in what a terminal gets that is not plain text, or None."""
    if allow_colour:
        text = re.sub(rb"\x1b\[[0-9;]*m", b"", text)
    try:
        decoded = text.decode("utf-8")
    except UnicodeDecodeError as error:
        return f"invalid UTF-8: {brief(text[max(0, error.start - 30):error.start + 10])}"
    for at, character in enumerate(decoded):
        if character != "\n" and unicodedata.category(character) == "Cc":
            return brief(decoded[max(0, at - 40):at + 10])
    return None


def hostile(directory, view, *options):
    place = fresh(directory, "")
    os.mkdir(place)
    run = trace(directory, view, [helper("hostile"), place], *options)
    said = {}
    for line in run.out.decode().splitlines():
        word, _, value = line.partition(" ")
        said.setdefault(word, []).append(bytes.fromhex(value))
    return run, said


@test()
def hostile_bytes_as_text(directory):
    for view in ("io", "net", "exec", "trace"):
        for options, colour in ((["--color=never"], False), (["--color=always"], True)):
            path = fresh(directory, ".txt")
            hostile(directory, view, *options, "-o", f"text={path}")
            text = read_file(path)
            check(len(text) > 100, f"{view} shows nothing")
            bad = unsafe(text, colour)
            check(bad is None, f"{view} {options[0]}: {bad}")
    path = fresh(directory, ".txt")
    hostile(directory, "io", "-x", "-o", f"text={path}")
    check(unsafe(read_file(path)) is None, f"io -x: {unsafe(read_file(path))}")


@test()
def hostile_bytes_on_stderr(directory):
    for arguments in (["io", "--", "\x1b[31mno\x9b such"], ["io", "-p", "1\x1b[31m"],
                      ["io", "-r", "\x1b]0;x\x07none"], ["\x1b[7mview"], ["--\x1b[7moption"],
                      ["io", "-w", "/no\x1b[31m/x.gtap", "--", "true"]):
        code, out, err = glasstap(*arguments)
        check(code != 0, f"status 0 for {arguments}")
        check(unsafe(err.encode("utf-8", "surrogateescape")) is None,
              f"{arguments}: {unsafe(err.encode('utf-8', 'surrogateescape'))}")


@test()
def hostile_bytes_as_json(directory):
    recording = fresh(directory, ".gtap")
    run, said = hostile(directory, "io", "-w", recording)
    run.lossless()
    check(unsafe(run.raw) is None, f"io: {unsafe(run.raw)}")
    equal([data_of(line) for line in run.of("io") if line["dir"] == "out"], said["data"], "data")
    comms = {bytes_of(line, "comm") for line in run.of("io")}
    check(set(said["comm"]) <= comms | {b"hostile"}, f"names: {comms}, not {said['comm']}")
    execs = replay(directory, "exec", recording)
    check(unsafe(execs.raw) is None, f"exec: {unsafe(execs.raw)}")
    line = only((line for line in execs.of("exec") if b"again" in argv_of(line)), "exec lines")
    equal(argv_of(line), said["argv"], "argv")
    equal(bytes_of(line, "cwd"), said["cwd"][0], "cwd")
    net = replay(directory, "net", recording)
    check(unsafe(net.raw) is None, f"net: {unsafe(net.raw)}")
    names = {bytes_of(line, side) for line in net.of("open") for side in ("local", "remote")}
    check(b"sock\033]0;et\007\377\n" in names, f"names of sockets: {brief(names)}")


# ---- terminals, and the rest ---------------------------------------------------------------

def on_terminal(arguments, environment=None):
    """Runs it with a terminal as its stdout."""
    master, slave = pty.openpty()
    process = start([GLASSTAP, *arguments], stdout=slave, stderr=subprocess.PIPE,
                    env={**os.environ, "TERM": "xterm", **(environment or {})})
    os.close(slave)
    data = b""
    while True:
        ready, _, _ = select.select([master], [], [], 15)
        check(ready, "nothing comes on the terminal")
        try:
            chunk = os.read(master, 65536)
        except OSError:
            break
        if not chunk:
            break
        data += chunk
    process.wait(10)
    os.close(master)
    return data


@test()
def colour_on_a_terminal_only(directory):
    recording = fresh(directory, ".gtap")
    trace(directory, "io", [helper("sleeper")], "-w", recording)
    environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    arguments = ["io", "-r", recording]
    check(b"\x1b[" in on_terminal(arguments, environment), "no colour on a terminal")
    check(b"\x1b" not in on_terminal(arguments, {"NO_COLOR": "1"}), "NO_COLOR is not honoured")
    check(b"\x1b" not in on_terminal([*arguments, "--color=never"]), "--color=never is not")
    check(b"\x1b" not in glasstap(*arguments)[1], "colour although it is no terminal")
    check(b"\x1b[" in glasstap(*arguments, "--color=always")[1], "--color=always is not honoured")
    check(b"\x1b" not in glasstap(*arguments, "-j", "--color=always")[1], "colour in JSON")


@test()
def lines_come_at_once(directory):
    """A line is there within a second, not at the end; the file need not be full."""
    process = sleeper()
    tap = Attached(directory, "io", "-p", str(process.pid))
    for turn in range(3):
        began = time.monotonic()
        process.say(f"turn{turn}")
        until("a line", lambda: any(data_of(line) == f"turn{turn} tcp4\n".encode()
                                    for line in tap.now() if line["type"] == "io"), 2)
        check(time.monotonic() - began < 1, "it took more than a second")
    tap.end()


@test()
def the_sums_at_the_end(directory):
    run = trace(directory, "io", talk())
    check(run.err.strip(), "nothing on stderr at the end")
    summary = run.summary()
    for member in ("events", "bytes_out", "bytes_in", "lost_bytes", "seconds"):
        check(member in summary, f"no {member} in the summary")
    out = sum(line["len"] for line in run.of("io") if line["dir"] == "out")
    into = sum(line["len"] for line in run.of("io") if line["dir"] == "in")
    equal((summary["bytes_out"], summary["bytes_in"]), (out, into), "bytes of the summary")
    code, out, err = glasstap("io", "-q", "-j", "--", "true")
    equal((code, err), (0, ""), "-q")


@test()
def several_outputs(directory):
    paths = [fresh(directory, ending) for ending in (".gtap", ".json", ".txt", ".jsonl")]
    code, out, err = glasstap("io", "-j", *(part for path in paths for part in ("-w", path)), "--",
                              *talk())
    equal(code, 0, f"status: {err}")
    lines = parse_lines(out)
    check(out == read_file(paths[1]) == read_file(paths[3]), "the JSON outputs differ")
    check(b"short" in read_file(paths[2]), "no text")
    equal(replay(directory, "io", paths[0]).lines, lines, "the recording")
    code, out, err = glasstap("io", "-w", paths[1], "--", *talk())
    equal((code, out), (0, b""), "stdout where another output is named")


@test(root=False)
def usage(directory):
    for arguments in ([], ["io"], ["nosuchview", "-a"], ["--nosuch"], ["io", "-p", "x"], ["io", "--"],
                      ["io", "-s"], ["io", "-a", "-p", "1"], ["io", "-d", "-1", "-a"],
                      ["io", "-r", "x", "-a"], ["io", "-w", "x.unknown", "-a"]):
        code, out, err = glasstap(*arguments)
        equal(code, 2, f"status of {arguments}")
        equal(out, b"", f"stdout of {arguments}")
        check(err.strip(), f"no word for {arguments}")
    for option in ("--help", "-h", "--version"):
        code, out, err = glasstap(option)
        equal((code, err), (0, ""), option)
        check(len(out) > 5, f"nothing for {option}")
