"""Failing well: a right message, a right status, a whole output, nothing left."""

import json
import os
import signal
import socket
import subprocess
import time

from lib import *
from test_identity import check_talk


def one_message(err, *words):
    equal(err.count("\n"), 1, f"lines on stderr: {err!r}")
    for word in words:
        check(word in err, f"no {word!r} in {err!r}")


@test()
def no_such_pid(directory):
    code, out, err = glasstap("-p", "1234567")
    equal((code, out), (1, b""), "status and stdout")
    one_message(err, "1234567")
    gone = start(["true"])
    gone.wait()
    code, out, err = glasstap("io", "-j", "-p", str(gone.pid))
    equal(code, 1, "status for a process that has gone")
    one_message(err, str(gone.pid))


@test()
def no_such_command(directory):
    for name in ("glasstap-no-such-command", "/no/such/command"):
        code, out, err = glasstap("io", "--", name)
        equal((code, out), (127, b""), f"status and stdout for {name}")
        one_message(err, name)
    plain = fresh(directory, "")
    with open(plain, "w") as file:
        file.write("text")
    for name in (plain, directory):
        code, out, err = glasstap("io", "--", name)
        equal((code, out), (126, b""), f"status and stdout for {name}")
        one_message(err, name)


@test()
def output_not_writable(directory):
    ran = os.path.join(directory, "ran")
    for option in (["-w", "/no/such/place/x.gtap"], ["-o", "json=/no/such/place/x"],
                   ["-o", f"text={directory}"]):
        code, out, err = glasstap("io", *option, "--", "touch", ran)
        equal(code, 125, f"status for {option}")
        one_message(err, option[1].split("=")[-1])
        check(not os.path.exists(ran), f"the command ran without an output: {option}")
        code, out, err = glasstap("io", *option, "-p", str(os.getpid()))
        equal(code, 1, f"status for {option} with -p")


@test()
def output_full(directory):
    """/dev/full as stdout or as a file: said, and not with status 0."""
    for option in (["-j"], [], ["-o", "gtap"]):
        with open("/dev/full", "wb") as full:
            process = start([GLASSTAP, "io", *option, "--", helper("sleeper")], stdout=full,
                            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
            err = process.communicate(timeout=20)[1].decode()
        check(process.returncode != 0, f"status 0 with {option}")
        check("space" in err, f"stderr with {option}: {err!r}")
    for option in ("json", "text", "gtap"):
        code, out, err = glasstap("io", "-o", f"{option}=/dev/full", "--", helper("sleeper"))
        check(code != 0, f"status 0 with {option}=/dev/full")
        check("space" in err and "/dev/full" in err, f"stderr with {option}: {err!r}")
    process = sleeper()
    with NothingLeft(), open("/dev/full", "wb") as full:
        tap = start([GLASSTAP, "io", "-j", "-p", str(process.pid)], stdout=full,
                    stderr=subprocess.PIPE)
        time.sleep(1)
        process.say("word")
        err = tap.communicate(timeout=10)[1].decode()
    equal(tap.returncode, 1, f"status with -p ({err!r})")
    process.say("still here")


@test()
def stdout_closed(directory):
    """| head -1: it ends soon, without noise, and the target lives."""
    process = sleeper()
    with NothingLeft():
        tap = start([GLASSTAP, "io", "-q", "-j", "-p", str(process.pid)], stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE)
        time.sleep(1)
        process.say("one")
        line = tap.stdout.readline()
        equal(json.loads(line)["type"], "io", "the first line")
        tap.stdout.close()
        process.say("two")
        process.say("three")
        try:
            tap.wait(5)
        except subprocess.TimeoutExpired:
            raise Failed("it runs on without a reader") from None
        equal(tap.stderr.read(), b"", "stderr")
    process.say("four")
    done = subprocess.run(["sh", "-c", f"{GLASSTAP} io -q -j -- sh -c '{helper('reuse')} 50 >/dev/null' | head -1"],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=20)
    equal(done.stderr, b"", "stderr of | head -1")
    equal(done.stdout.count(b"\n"), 1, "lines of | head -1")


def ended_by(number):
    def body(directory):
        with NothingLeft():
            process = sleeper()
            tap = Attached(directory, "io", "-p", str(process.pid))
            for turn in range(20):
                process.say(f"turn{turn}")
            run = tap.end(number, status=None)
        check(run.status in (0, 128 + number, -number), f"status {run.status}")
        check_talk(run, process, [f"turn{turn}" for turn in range(20)], {process.pid})
        process.say("still here")
    body.__name__ = f"ended_by_{number.name.lower()}"
    return body


for _number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    test()(ended_by(_number))


@test()
def ended_under_load(directory):
    """Ctrl-C in the middle of a flood: the output is whole and the sums add up."""
    flood = Helper(helper("flood"), "400000000", "2", "65536", "0", "wait")
    flood.until("ready")
    tap = Attached(directory, "io", "-s", "64", "-p", str(flood.pid))
    flood.say("go", answer=None)
    time.sleep(0.05)
    run = tap.end(timeout=30)
    for conn in connections(run.lines).values():
        conn.out.tiles()
        conn.into.tiles()
    equal(flood.end(), 0, "status of the flood")


@test()
def killed_under_load(directory):
    """kill -9: nothing is left, the target goes on, another instance sees all."""
    with NothingLeft():
        process = sleeper()
        flood = Helper(helper("flood"), "4000000000", "2", "65536", "0", "wait")
        flood.until("ready")
        first = Attached(directory, "io", "-s", "16", "-p", f"{process.pid},{flood.pid}")
        second = Attached(directory, "io", "-p", str(process.pid))
        flood.say("go", answer=None)
        process.say("both")
        time.sleep(0.2)
        first.process.kill()
        first.process.wait()
        process.say("one")
        run = second.end()
        equal(flood.end(), 0, "status of the flood")
        equal(process.end(), 0, "status of the target")
    check_talk(run, process, ["both", "one"], {process.pid})
    data = read_file(first.path)
    parse_lines(data[:data.rfind(b"\n") + 1], whole=False)


@test()
def a_killed_recording(directory):
    """After kill -9 the recording is readable as far as it was written."""
    process, path = sleeper(), fresh(directory, ".gtap")
    tap = Attached(directory, "io", "-w", path, "-p", str(process.pid))
    for turn in range(10):
        process.say(f"turn{turn}")
    time.sleep(1.5)
    process.say("unsure")
    tap.process.kill()
    tap.process.wait()
    out = fresh(directory, ".json")
    code, _, err = glasstap("io", "-r", path, "-o", f"json={out}")
    check(code in (0, 1), f"status {code}: {err}")
    lines = parse_lines(read_file(out), whole=False)
    data = b"".join(data_of(line) for line in lines if line["type"] == "io")
    check(b"turn9 tcp4" in data, f"what was captured 1.5 s before is missing: {err}")


@test()
def two_instances(directory):
    process = sleeper()
    with NothingLeft():
        taps = [Attached(directory, "io", "-p", str(process.pid)) for _ in range(3)]
        process.say("to all")
        runs = [taps[0].end()]
        process.say("to two")
        runs += [tap.end() for tap in taps[1:]]
    check_talk(runs[0], process, ["to all"], {process.pid})
    for run in runs[1:]:
        check_talk(run, process, ["to all", "to two"], {process.pid})


@test()
def it_sleeps_when_nothing_happens(directory):
    process = sleeper()
    tap = Attached(directory, "io", "-p", str(process.pid))

    def cpu_ms():
        fields = open(f"/proc/{tap.process.pid}/stat").read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")

    for word in ("once", "and again"):
        process.say(word)
        time.sleep(0.7)  # it looks by itself for a while, then sleeps
        before = cpu_ms()
        time.sleep(1)
        check(cpu_ms() - before < 100, f"{cpu_ms() - before} ms of CPU in a second of nothing")
    check_talk(tap.end(), process, ["once", "and again"], {process.pid})


def as_command(directory, script, act, alone):
    """Starts glasstap -- sh -c SCRIPT, waits for "up", and acts."""
    path = fresh(directory, ".json")
    process = start([GLASSTAP, "io", "-o", f"json={path}", "--", "sh", "-c", script],
                    stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
    equal(process.stdout.readline(), b"up\n", "the command")
    if alone:
        os.kill(process.pid, act)
    else:
        os.killpg(process.pid, act)
    try:
        out, err = process.communicate(timeout=15)
    except subprocess.TimeoutExpired:
        raise Failed(f"still runs 15 s after {act.name}") from None
    Run(process.returncode, out, err.decode(), read_file(path))
    return process.returncode, out


@test()
def a_signal_for_the_command(directory):
    """A terminal's Ctrl-C goes to both: the command handles it as without
    glasstap, and its status counts. kill of glasstap alone reaches the command."""
    script = 'trap "echo got; exit 5" {0}; echo up; while :; do sleep 0.1; done'
    for number, word in ((signal.SIGINT, "INT"), (signal.SIGTERM, "TERM"), (signal.SIGHUP, "HUP")):
        equal(as_command(directory, script.format(word), number, False), (5, b"got\n"),
              f"{word} to both")
    for number, word in ((signal.SIGTERM, "TERM"), (signal.SIGHUP, "HUP")):
        equal(as_command(directory, script.format(word), number, True), (5, b"got\n"),
              f"{word} to glasstap alone")
    code, _ = as_command(directory, "echo up; exec sleep 100", signal.SIGINT, False)
    check(code in (130, -signal.SIGINT), f"status {code} of a command that Ctrl-C ended")
    # One that handles Ctrl-C and goes on is traced on.
    code, out = as_command(directory, 'trap "echo on" INT; echo up; sleep 1; echo end; exit 4',
                           signal.SIGINT, False)
    equal((code, out.split()[-1]), (4, b"end"), "a command that goes on")


@test()
def a_daemon_of_the_command(directory):
    """The command ends, something that it left behind does not: glasstap ends."""
    began = time.monotonic()
    code, out, err = glasstap("io", "-j", "--", "sh", "-c",
                              "sleep 30 >/dev/null 2>&1 </dev/null & exit 3", timeout=15)
    equal(code, 3, "status")
    check(time.monotonic() - began < 10, "it waited for the daemon")


# ---- without root -----------------------------------------------------------------------

def readable_copy(directory):
    os.chmod(directory, 0o755)
    program = os.path.join(directory, "glasstap")
    with open(program, "wb") as file:
        file.write(read_file(GLASSTAP))
    os.chmod(program, 0o755)
    return program


def as_nobody(program, capabilities, *arguments, **popen):
    caps = ",".join("+" + name for name in capabilities)
    prefix = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    if caps:
        prefix += [f"--inh-caps={caps}", f"--ambient-caps={caps}"]
    return start([*prefix, program, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                 cwd="/", **popen)


@test()
def without_root(directory):
    need("setpriv")
    program = readable_copy(directory)
    for arguments in (["io", "-a"], ["io", "-j", "-p", "1"], ["-n", "x"]):
        process = as_nobody(program, [], *arguments)
        out, err = process.communicate(timeout=10)
        equal((process.returncode, out), (1, b""), f"status and stdout of {arguments}")
        one_message(err.decode())
        check(b"root" in err or b"CAP_" in err, f"it does not say what to do: {err!r}")
    process = as_nobody(program, [], "io", "--", "true")
    out, err = process.communicate(timeout=10)
    equal(process.returncode, 125, "status with a command")
    one_message(err.decode())


@test()
def with_few_capabilities(directory):
    """CAP_BPF and CAP_PERFMON, and what the manual says besides."""
    need("setpriv")
    program = readable_copy(directory)
    sets = (["bpf", "perfmon"], ["bpf", "perfmon", "net_admin"], ["bpf", "perfmon", "sys_ptrace"],
            ["bpf", "perfmon", "net_admin", "sys_ptrace"],
            ["bpf", "perfmon", "net_admin", "sys_ptrace", "dac_read_search", "sys_resource"])
    said = []
    copy = os.path.join(directory, "sleeper")
    with open(copy, "wb") as file:
        file.write(read_file(helper("sleeper")))
    os.chmod(copy, 0o755)
    for capabilities in sets:
        process = as_nobody(program, capabilities, "io", "-j", "--", copy, stdin=subprocess.PIPE)
        out, err = process.communicate(b"seen\n", timeout=20)
        lines = [json.loads(line) for line in out.split(b"\n") if line.startswith(b"{")]
        seen = {line.get("data") for line in lines if line["type"] == "io"}
        if process.returncode == 0 and "seen tcp4\n" in seen and "seen pair\n" in seen:
            break
        said.append(f"{'+'.join(capabilities)}: {process.returncode} {err.decode()[-200:]}")
    else:
        raise Failed(f"no set is enough: {said}")
    manual = os.path.join(ROOT, "man", "glasstap.1")
    if os.path.exists(manual):
        text = read_file(manual).decode().upper()
        for name in capabilities:
            check(f"CAP_{name.upper()}" in text, f"the manual does not name CAP_{name.upper()}, "
                  f"which is needed: {capabilities}")


@test()
def a_capability_is_missing(directory):
    need("setpriv")
    program = readable_copy(directory)
    for missing in ("bpf", "perfmon"):
        having = [name for name in ("bpf", "perfmon", "net_admin", "sys_ptrace", "dac_read_search")
                  if name != missing]
        process = as_nobody(program, having, "io", "-a", "-d", "1")
        out, err = process.communicate(timeout=10)
        equal(process.returncode, 1, f"status without {missing}: {err!r}")
        one_message(err.decode())


@test()
def nothing_left_after_a_command(directory):
    with NothingLeft():
        trace(directory, "trace", ["sh", "-c", f"{helper('reuse')} 20 >/dev/null"])
