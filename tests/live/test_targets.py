"""What is looked at: names, everything, namespaces; and how little it is touched."""

import os
import shutil
import signal
import socket
import subprocess
import threading
import time

from lib import *
from test_identity import check_talk


@test()
def by_name_now_and_to_come(directory):
    name = f"gtname{os.getpid() % 100000}"
    program = os.path.join(directory, name)
    shutil.copy(helper("sleeper"), program)

    def named():
        process = Helper(program)
        process.until("ready")
        return process

    before, other = named(), sleeper()
    tap = Attached(directory, "io", "-n", f"nosuchname,{name}")
    after = named()
    before.say("early")
    other.say("unseen")
    after.say("late")
    run = tap.end()
    pids = {line["pid"] for line in run.of("io")}
    equal(pids, {before.pid, after.pid}, "pids")
    for process, words in ((before, ["early"]), (after, ["before", "late"])):
        own = Run(0, b"", "", None)
        own.lines = [line for line in run.lines if line.get("pid") == process.pid]
        check_talk(own, process, words)


@test()
def the_whole_machine(directory):
    tap = Attached(directory, "io", "-a")
    process = sleeper()
    process.say("anybody")
    run = tap.end()
    own = Run(0, b"", "", None)
    own.lines = [line for line in run.lines if line.get("pid") == process.pid]
    check_talk(own, process, ["before", "anybody"])
    check(tap.pid not in {line.get("pid") for line in run.lines}, "glasstap shows itself")


@test()
def the_whole_machine_but_itself(directory):
    """Its own output goes to a socket: it must not feed on it."""
    here, there = socket.socketpair()
    got = []

    def take():
        while True:
            data = here.recv(65536)
            if not data:
                return
            got.append(data)

    process = start([GLASSTAP, "io", "-a", "-j", "-q", "-d", "1.5"], stdout=there, stderr=there)
    there.close()
    thread = threading.Thread(target=take, daemon=True)
    thread.start()
    equal(process.wait(20), 0, "status")
    thread.join(5)
    lines = parse_lines(b"".join(got))
    check(process.pid not in {line.get("pid") for line in lines}, "glasstap shows itself")


def inner(process):
    """The process in the namespaces, as it is known outside."""
    def find():
        for pid in descendants_of(process.pid):
            try:
                if os.readlink(f"/proc/{pid}/exe") == helper("sleeper"):
                    return pid
            except OSError:
                pass
        return None
    return until("the process inside", find)


IN_NAMESPACES = ("unshare", "-n", "-p", "-f", "--kill-child", "sh", "-c",
                 'ip link set lo up; exec "$@"', "sh")


@test()
def own_network_and_pid_namespace(directory):
    need("unshare", "ip")
    process = sleeper(*IN_NAMESPACES)
    pid = inner(process)
    check(process.said[-1] != f"ready {pid}", "the namespace is not its own")
    tap = Attached(directory, "io", "-p", str(pid))
    process.say("inside")
    check_talk(tap.end(), process, ["inside"], {pid})


@test()
def a_command_into_namespaces(directory):
    need("unshare", "ip")
    path = fresh(directory, ".json")
    process = Helper(GLASSTAP, "io", "-o", f"json={path}", "--", *IN_NAMESPACES, helper("sleeper"))
    process.until("ready")
    pid = inner(process)
    process.say("inside")
    equal(process.end(), 0, "status")
    run = Run(0, b"", "", read_file(path))
    check("ready 1" in process.said, "the namespace is not its own")
    run.lines = [line for line in run.lines if line.get("comm") == "sleeper" or "conn" not in line]
    check_talk(run, process, ["before", "inside"], {pid})


@test()
def glasstap_in_a_pid_namespace(directory):
    """pids are those which the user's own ps shows: inside a container, inside's."""
    need("unshare")
    path = fresh(directory, ".json")
    process = Helper("unshare", "-p", "-f", "--mount-proc", "--kill-child", GLASSTAP, "io", "-o",
                     f"json={path}", "--", helper("sleeper"))
    pid = int(process.until("ready").split()[1])
    check(pid < 20, "the namespace is not its own")
    process.say("inside")
    equal(process.end(), 0, "status")
    check_talk(Run(0, b"", "", read_file(path)), process, ["before", "inside"], {pid})


@test()
def pipes_and_files_too(directory):
    target = os.path.join(directory, "file")
    command = ["sh", "-c", f"echo over a pipe | cat >{target}; cat {target}"]
    run = trace(directory, "io", command, "--all-fds", "-w", os.path.join(directory, "r.gtap"))
    equal(run.out, b"over a pipe\n", "the command's own output")
    found = {(line.get("transport"), line["dir"], line["comm"]) for line in run.of("io")
             if data_of(line) == b"over a pipe\n"}
    for wanted in (("pipe", "out", "sh"), ("pipe", "in", "cat"), ("file", "out", "cat"),
                   ("file", "in", "cat")):
        check(wanted in found, f"no line of {wanted}, only {sorted(map(str, found))}")
    file = [line for line in run.of("io") if line.get("transport") == "file"
            and line["dir"] == "out"]
    check(any(line.get("local", "") == target or line.get("remote", "") == target
              for line in file) or all("local" not in line for line in file),
          f"another name of the file: {brief(file[:1])}")
    without = trace(directory, "io", command)
    check(not [line for line in without.of("io") if line.get("transport") in ("pipe", "file")],
          "pipes or files without --all-fds")


STATE = """
import os, resource, signal, sys
with open("/proc/self/status") as f:
    for line in f:
        if line.split(":")[0] in ("TracerPid", "SigBlk", "SigIgn", "SigCgt", "Umask", "Uid", "Gid",
                "Groups", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp",
                "Cpus_allowed"):
            print(line.strip())
print(sorted((n, os.readlink("/proc/self/fd/" + n)) for n in os.listdir("/proc/self/fd")
             if os.path.exists("/proc/self/fd/" + n)) if len(sys.argv) < 2 else
      sorted(n for n in os.listdir("/proc/self/fd")))
print(sorted(os.environ.items()))
print(os.getcwd(), os.getpgid(0) == int(sys.argv[1]) if len(sys.argv) > 1 else "")
for name in dir(resource):
    if name.startswith("RLIMIT_"): print(name, resource.getrlimit(getattr(resource, name)))
print(os.getpriority(os.PRIO_PROCESS, 0), os.sched_getscheduler(0))
"""


@test()
def a_command_finds_what_it_would(directory):
    """Signals, limits, descriptors, environment, capabilities: the same as without
    glasstap, and no tracer."""
    script = fresh(directory, ".py")
    with open(script, "w") as file:
        file.write(STATE)
    plain = subprocess.run([PYTHON, script, "0"], stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE).stdout.decode()
    run = trace(directory, "io", [PYTHON, script, "0"])
    check("TracerPid:\t0" in plain, "this test is being debugged itself")
    for mine, wanted in zip(run.out.decode().splitlines(), plain.splitlines()):
        equal(mine, wanted, "what the command finds")
    equal(len(run.out.decode().splitlines()), len(plain.splitlines()), "lines")


@test()
def its_own_standard_streams(directory):
    """The command's stdin, stdout and stderr are its own; glasstap reads no stdin."""
    data = os.urandom(300000)
    run = trace(directory, "io", ["sh", "-c", "cat; echo word >&2"], "-q", stdin=data)
    equal(run.out == data, True, "stdout is what stdin was")
    equal(run.err, "word\n", "stderr with -q")
    process = sleeper()
    reader, writer = os.pipe()
    os.write(writer, b"not for glasstap\n")
    tap = Attached(directory, "io", "-p", str(process.pid), stdin=reader)
    process.say("word")
    tap.end()
    equal(os.read(reader, 100), b"not for glasstap\n", "what is left on stdin")
    os.close(reader)
    os.close(writer)


@test()
def statuses_of_a_command(directory):
    for status in (0, 1, 7, 125, 126, 127, 200, 255):
        trace(directory, "io", ["sh", "-c", f"exit {status}"], status=status)
    for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGSEGV):
        run = trace(directory, "io", ["sh", "-c", f"kill -{int(number)} $$"], status=None)
        check(run.status in (128 + number, -number), f"status {run.status} after signal {number}")


@test()
def a_target_that_ends(directory):
    with NothingLeft():
        process = sleeper()
        tap = Attached(directory, "io", "-p", str(process.pid))
        process.say("last")
        process.end()
        run = tap.end(None, timeout=5)
    check_talk(run, process, ["last"], {process.pid})


@test()
def attach_is_not_felt(directory):
    """Nobody is stopped, traced or signalled while glasstap is attached."""
    process = sleeper()
    tap = Attached(directory, "io", "-p", str(process.pid))
    status = read_file(f"/proc/{process.pid}/status").decode()
    check("TracerPid:\t0" in status, "it has a tracer")
    maps = read_file(f"/proc/{process.pid}/maps")
    tap.end()
    equal(read_file(f"/proc/{process.pid}/maps"), maps, "its memory map")
    equal(process.end(), 0, "its status")
