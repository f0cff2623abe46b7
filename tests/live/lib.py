"""What the live tests share: running glasstap, reading its JSON, rebuilding the
streams, and cleaning up. Only the standard library."""

import base64
import ctypes
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.join(ROOT, "build")
GLASSTAP = os.path.abspath(os.environ.get("GLASSTAP", os.path.join(BUILD, "glasstap")))
HELPERS = os.path.join(BUILD, "tests", "live")
IS_ROOT = os.geteuid() == 0

os.environ["PATH"] += ":/usr/local/sbin:/usr/sbin:/sbin"


class Failed(Exception):
    pass


class Skipped(Exception):
    pass


def check(condition, why):
    if not condition:
        raise Failed(why() if callable(why) else why)


def equal(got, wanted, what):
    check(got == wanted, lambda: f"{what}: {brief(got)} instead of {brief(wanted)}")


def brief(value):
    text = repr(value)
    return text if len(text) < 300 else text[:300] + "..."


def need(*programs):
    for program in programs:
        if not shutil.which(program):
            raise Skipped(f"{program} is not installed")


def helper(name):
    return os.path.join(HELPERS, name)


# ---- the tests ---------------------------------------------------------------

TESTS = []


def test(timeout=60, root=True):
    """Registers a test. Its name is the function's, with dashes."""
    def register(function):
        TESTS.append((function.__name__.replace("_", "-"), function, timeout, root))
        return function
    return register


def on_alarm(_number, _frame):
    raise Failed("not done in time")


def run_one(function, timeout, root):
    """"ok", "not ok" or "skip", and why."""
    if root and not IS_ROOT:
        return "skip", "needs root"
    signal.signal(signal.SIGALRM, on_alarm)
    signal.alarm(timeout)
    try:
        with tempfile.TemporaryDirectory(prefix="glasstap-live-") as directory:
            try:
                function(directory)
            finally:
                signal.alarm(20)  # cleaning up has its own time
                end_processes()
                end_namespaces()
        return "ok", ""
    except Skipped as skipped:
        return "skip", str(skipped)
    except Failed as failed:
        return "not ok", str(failed)
    except Exception as error:  # a defect of the test, or of what it was given
        traceback.print_exc()
        return "not ok", f"{type(error).__name__}: {error}"
    finally:
        signal.alarm(0)


def one_line(text):
    line = " ".join(str(text).split())
    return "".join(c if c.isprintable() else "?" for c in line)[:600]


# ---- processes ---------------------------------------------------------------
# Everything that a test starts becomes a descendant of this process, orphans
# too, so that it can be found and ended by its id.

def adopt_orphans():
    """Not inherited: each process that runs tests does it."""
    ctypes.CDLL(None, use_errno=True).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER


adopt_orphans()
PROCESSES = []


def start(arguments, **options):
    options.setdefault("stdin", subprocess.DEVNULL)
    process = subprocess.Popen(arguments, **options)
    PROCESSES.append(process)
    return process


def children_of(pid):
    found = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children") as file:
                found += [int(child) for child in file.read().split()]
    except OSError:
        pass
    return found


def descendants_of(pid):
    found = []
    for child in children_of(pid):
        found += [child] + descendants_of(child)
    return found


def end_processes():
    for _ in range(50):
        left = descendants_of(os.getpid())
        if not left:
            break
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        for process in PROCESSES:
            process.poll()
        for pid in children_of(os.getpid()):
            try:
                os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                pass
        time.sleep(0.02)
    for process in PROCESSES:
        for pipe in (process.stdin, process.stdout, process.stderr):
            try:
                if pipe:
                    pipe.close()
            except OSError:
                pass
    PROCESSES.clear()


def until(what, condition, seconds=10):
    """Waits until the condition holds, and returns its value."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        check(time.monotonic() < end, f"{what}: not within {seconds} s")
        time.sleep(0.01)


class Helper:
    """A workload program that is talked to by lines."""

    def __init__(self, *arguments, prefix=(), **options):
        options.setdefault("stderr", None if GLASSTAP not in arguments else subprocess.DEVNULL)
        self.process = start([*prefix, *arguments], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, text=True, bufsize=1, **options)
        self.pid = self.process.pid
        self.said = []

    def line(self):
        line = self.process.stdout.readline()
        check(line, f"{self.process.args[0]} ended, status {self.process.poll()}")
        self.said.append(line.rstrip("\n"))
        return self.said[-1]

    def until(self, word):
        while True:
            line = self.line()
            if line.split(" ")[0] == word:
                return line

    def say(self, line, answer="done"):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.until(answer) if answer else None

    def end(self):
        self.process.stdin.close()
        self.said += self.process.stdout.read().splitlines()
        return self.process.wait()

    def conns(self):
        """Of a sleeper: name -> transport, then fd, local, remote of both ends."""
        found = {}
        for line in self.said:
            part = line.split(" ")
            if part[0] == "conn":
                found[part[1]] = (part[2], (int(part[3]), part[4], part[5]),
                                  (int(part[6]), part[7], part[8]))
        return found


def sleeper(*prefix, **options):
    process = Helper(helper("sleeper"), prefix=prefix, **options)
    process.until("ready")
    return process


# ---- network namespaces --------------------------------------------------------

NAMESPACES = []


def sh(*arguments):
    done = subprocess.run(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    check(done.returncode == 0, f"{' '.join(arguments)}: {done.stdout}")
    return done.stdout


def namespace(word):
    need("ip")
    name = f"glasstap-test-{os.getpid()}-{word}"
    done = subprocess.run(["ip", "netns", "add", name], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise Skipped(f"no network namespace: {done.stdout}")
    NAMESPACES.append(name)
    sh("ip", "-n", name, "link", "set", "lo", "up")
    return name


def end_namespaces():
    while NAMESPACES:
        subprocess.run(["ip", "netns", "del", NAMESPACES.pop()], stderr=subprocess.DEVNULL)


# ---- running glasstap ----------------------------------------------------------

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z\Z")


def no_constant(word):
    raise Failed(f"{word} is no JSON")


def parse_lines(data, whole=True):
    """Every line as strict JSON. `whole`: the summary is there, once, and last."""
    if not data:
        check(not whole, "no output at all")
        return []
    check(data.endswith(b"\n"), lambda: f"the last line is cut: {brief(data[-200:])}")
    lines = []
    for raw in data.split(b"\n")[:-1]:
        try:
            line = json.loads(raw.decode("utf-8"), parse_constant=no_constant)
        except ValueError as error:
            raise Failed(f"not JSON ({error}): {brief(raw)}") from None
        check(isinstance(line, dict), lambda: f"not an object: {brief(raw)}")
        lines.append(line)
    for line in lines:
        sane(line)
    if whole:
        check(lines[-1]["type"] == "summary", lambda: f"the last line is {brief(lines[-1])}")
        equal(sum(line["type"] == "summary" for line in lines), 1, "summary lines")
    return lines


def sane(line):
    """What the documentation promises of every line."""
    check("type" in line, lambda: f"no type: {brief(line)}")
    check(TIME.match(line.get("time", "")), lambda: f"no right time: {brief(line)}")
    if line["type"] in ("exec", "exit"):
        check(line.get("pid", 0) > 0, lambda: f"no pid: {brief(line)}")
    if line["type"] != "io":
        return
    check(line.get("conn", "c")[1:].isdigit(), lambda: f"no conn: {brief(line)}")
    check(line.get("dir") in ("in", "out"), lambda: f"no dir: {brief(line)}")
    have = len(data_of(line))
    check(have <= line["len"], lambda: f"more data than len: {brief(line)}")
    equal(line.get("truncated", False), have < line["len"], f"truncated of {brief(line)}")
    equal("gap" in line, have < line["len"], f"gap of {brief(line)}")


def bytes_of(line, name):
    """A member that is text or base64; None if it is absent."""
    if name in line:
        return line[name].encode("utf-8")
    if name + "_base64" in line:
        return base64.b64decode(line[name + "_base64"], validate=True)
    return None


def data_of(line):
    return bytes_of(line, "data") or b""


def argv_of(line):
    if "argv" in line:
        return [argument.encode("utf-8") for argument in line["argv"]]
    return [base64.b64decode(argument, validate=True) for argument in line.get("argv_base64", [])]


class Run:
    """What a run of glasstap left: status, out, err, and the JSON lines."""

    def __init__(self, status, out, err, raw, whole=True):
        self.status, self.out, self.err, self.raw = status, out, err, raw
        self.lines = parse_lines(raw, whole) if raw is not None else []

    def of(self, kind):
        return [line for line in self.lines if line["type"] == kind]

    def summary(self):
        return self.lines[-1]

    def lossless(self):
        for line in self.lines:
            if line["type"] == "loss":
                raise Failed(f"lost: {brief(line)}")
        equal(self.summary()["lost"], {}, "lost")
        equal(self.summary()["malformed"], 0, "malformed events")
        return self


def read_file(path):
    with open(path, "rb") as file:
        return file.read()


COUNTER = [0]


def fresh(directory, ending):
    COUNTER[0] += 1
    return os.path.join(directory, f"{COUNTER[0]}{ending}")


def trace(directory, view, command, *options, timeout=40, status=0, stdin=b"", **popen):
    """glasstap VIEW OPTIONS -o json=FILE -- COMMAND. The command's own output is
    `out`."""
    path = fresh(directory, ".json")
    process = start([GLASSTAP, view, *options, "-o", f"json={path}", "--", *command],
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **popen)
    try:
        out, err = process.communicate(stdin, timeout=timeout)
    except subprocess.TimeoutExpired:
        raise Failed(f"not done after {timeout} s: {' '.join(process.args)[:200]}") from None
    err = err.decode("utf-8", "replace")
    if status is not None:
        check(process.returncode == status,
              f"status {process.returncode} instead of {status}: {err[-500:]}")
    return Run(process.returncode, out, err, read_file(path))


def glasstap(*arguments, stdin=b"", timeout=20, **popen):
    """Runs it to its end: (status, stdout, stderr)."""
    process = start([GLASSTAP, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE, **popen)
    try:
        out, err = process.communicate(stdin, timeout=timeout)
    except subprocess.TimeoutExpired:
        raise Failed(f"not done after {timeout} s: {' '.join(process.args)[:200]}") from None
    return process.returncode, out, err.decode("utf-8", "replace")


def replay(directory, view, recording, status=0):
    path = fresh(directory, ".json")
    code, _, err = glasstap(view, "-r", recording, "-o", f"json={path}", timeout=60)
    equal(code, status, f"status of the replay ({err[-300:]})")
    return Run(code, b"", err, read_file(path))


def bpf_links_of(pid):
    count = 0
    try:
        for fd in os.listdir(f"/proc/{pid}/fd"):
            try:
                target = os.readlink(f"/proc/{pid}/fd/{fd}")
            except OSError:
                continue
            count += "bpf_link" in target or "bpf-link" in target or "perf_event" in target
    except OSError:
        pass
    return count


class Attached:
    """glasstap in the background. Returns when its probes are in place: it holds
    links, and no more came for a while."""

    def __init__(self, directory, view, *options, wait=True, prefix=(), **popen):
        self.path = fresh(directory, ".json")
        self.process = start([*prefix, GLASSTAP, view, *options, "-o", f"json={self.path}"],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, **popen)
        self.pid = self.process.pid
        if wait:
            self.wait()

    def wait(self):
        count, since = 0, time.monotonic()
        began = since
        while time.monotonic() - since < 0.25 or not count:
            if self.process.poll() is not None:
                out, err = self.process.communicate()
                raise Failed(f"glasstap ended with {self.process.returncode}: "
                             f"{err.decode('utf-8', 'replace')[-400:]}")
            check(time.monotonic() - began < 10, "glasstap has not attached within 10 s")
            now = bpf_links_of(self.pid)
            if now != count:
                count, since = now, time.monotonic()
            time.sleep(0.02)

    def now(self):
        """The whole lines that are there so far."""
        data = read_file(self.path) if os.path.exists(self.path) else b""
        return parse_lines(data[:data.rfind(b"\n") + 1], whole=False)

    def end(self, number=signal.SIGINT, timeout=20, whole=True, status=0):
        if number:
            self.process.send_signal(number)
        try:
            out, err = self.process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            raise Failed(f"glasstap still runs {timeout} s after signal {number}") from None
        err = err.decode("utf-8", "replace")
        if status is not None:
            equal(self.process.returncode, status, f"glasstap's status ({err[-300:]})")
        return Run(self.process.returncode, out, err, read_file(self.path), whole)


# ---- streams --------------------------------------------------------------------

class Stream:
    """One direction of a connection, rebuilt from io and loss lines."""

    def __init__(self):
        self.pieces = []  # offset, len, data
        self.lost = []    # offset, len

    def tiles(self):
        """Checks that lines and losses cover 0..n without overlap; returns n."""
        at = 0
        every = [(offset, size) for offset, size, _ in self.pieces] + self.lost
        for offset, size in sorted(every):
            if not size:
                continue
            check(offset == at, lambda: f"bytes {at} to {offset} are "
                  + ("missing" if offset > at else "there twice"))
            at = offset + size
        return at

    def holes(self):
        """Ranges of which there is no data."""
        holes = list(self.lost)
        for offset, size, data in self.pieces:
            if len(data) < size:
                holes.append((offset + len(data), size - len(data)))
        return sorted(holes)

    def bytes(self):
        content = bytearray(self.tiles())
        for offset, _, data in self.pieces:
            content[offset:offset + len(data)] = data
        return bytes(content)


class Conn:
    def __init__(self, name):
        self.name = name
        self.out, self.into = Stream(), Stream()
        self.fds, self.ops, self.pids = set(), set(), set()
        self.local = self.remote = self.transport = None
        self.io = []

    def way(self, direction):
        return self.out if direction == "out" else self.into


def connections(lines):
    """conn -> Conn, from io, open and loss lines."""
    found = {}
    for line in lines:
        name = line.get("conn")
        if name is None:
            continue
        conn = found.get(name) or found.setdefault(name, Conn(name))
        for member in ("local", "remote", "transport"):
            value = bytes_of(line, member)
            if value is not None and getattr(conn, member) is None:
                setattr(conn, member, value.decode("utf-8", "surrogateescape"))
        if line["type"] == "loss":
            if "dir" in line and line["bytes"]:
                conn.way(line["dir"]).lost.append((line["offset"], line["bytes"]))
        elif line["type"] == "io":
            conn.way(line["dir"]).pieces.append((line["offset"], line["len"], data_of(line)))
            if "pid" in line:
                conn.pids.add(line["pid"])
                if "fd" in line:
                    conn.fds.add((line["pid"], line["fd"]))
            conn.ops.add(line.get("op"))
            conn.io.append(line)
    return found


def only(items, what):
    items = list(items)
    equal(len(items), 1, f"number of {what}")
    return items[0]


def text_lines(conns, transport=None):
    """(out, in) of each connection without holes, for looking things up."""
    return {(conn.out.bytes(), conn.into.bytes()): conn for conn in conns.values()
            if transport in (None, conn.transport)}


# ---- what is left behind ------------------------------------------------------------

def bpf_objects():
    """Everything of BPF that the kernel holds, but what bpftool itself loads."""
    need("bpftool")
    found = set()
    for kind in ("prog", "map", "link"):
        done = subprocess.run(["bpftool", "-j", kind, "show"], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE)
        for item in json.loads(done.stdout or b"[]") or []:
            name = item.get("name", "")
            if not name.startswith(("pid_iter", "libbpf_", "det_arg", "dump_bpf")):
                found.add((kind, item.get("id"), name))
    for directory in ("/sys/fs/bpf",):
        if os.path.isdir(directory):
            found |= {("pin", name, "") for name in os.listdir(directory)}
    return found


def uprobes():
    try:
        return read_file("/sys/kernel/tracing/uprobe_events")
    except OSError:
        return b""


class NothingLeft:
    """with NothingLeft(): what runs inside leaves no BPF object behind. The kernel
    frees late, so it may take a moment; iterators' links have no id for long."""

    def __enter__(self):
        self.before, self.probes = bpf_objects(), uprobes()

    def __exit__(self, kind, _value, _trace):
        if kind:
            return
        new = set()
        for _ in range(60):
            new = bpf_objects() - self.before
            if not new:
                break
            time.sleep(0.1)
        check(not new, f"left behind: {sorted(new, key=str)[:8]}")
        equal(uprobes(), self.probes, "uprobe events")


def free_port(family=None):
    import socket
    with socket.socket(family or socket.AF_INET) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_port(port, process=None):
    import socket

    def reachable():
        check(process is None or process.poll() is None, "the server ended")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return True
        except OSError:
            return False
    until(f"port {port}", reachable)


PYTHON = sys.executable
