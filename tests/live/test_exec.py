"""Every launch and end of a program, with all its arguments."""

import os
import signal

from lib import *


def argument(number, index, length):
    head = f"arg-{number}-{index}-"
    return (head + chr(ord("a") + (number + index) % 26) * (length - len(head))).encode()


def spawns(count, length, each=1):
    def body(directory):
        run = trace(directory, "exec", [helper("spawn"), str(count), str(length), str(each)],
                    timeout=60, cwd=directory).lossless()
        pids = {}
        for line in run.out.decode().splitlines():
            part = line.split(" ")
            if part[0] == "spawned":
                pids.setdefault(int(part[1]), []).append(int(part[2]))
        equal(sum(map(len, pids.values())), count, "programs of the workload")
        execs, exits = {}, {}
        for line in run.of("exec"):
            argv = argv_of(line)
            if len(argv) > 2 and argv[1] == b"noop":
                check(int(argv[2]) not in execs, f"program {argv[2]} twice")
                execs[int(argv[2])] = (line, argv)
        for line in run.of("exit"):
            exits.setdefault(line["pid"], []).append(line)
        equal(len(execs), count, "exec lines")
        own = only((line for line in run.of("exec") if argv_of(line)[1:2] == [b"%d" % count]),
                   "exec lines of the workload itself")
        for pid, numbers in pids.items():
            equal(len(exits.get(pid, [])), len(numbers), f"exit lines of pid {pid}")
            for number, ended in zip(numbers, exits[pid]):
                line, argv = execs[number]
                equal(line["pid"], pid, f"pid of {number}")
                equal(argv[3:], [argument(number, index, length) for index in range(each)],
                      f"arguments of {number}")
                equal(line.get("ppid"), own["pid"], f"ppid of {number}")
                equal(line.get("uid"), os.getuid(), f"uid of {number}")
                equal(line.get("cwd"), os.path.realpath(directory), f"cwd of {number}")
                equal(line.get("filename"), helper("spawn"), f"filename of {number}")
                equal(line.get("truncated"), None, f"truncated of {number}")
                if number % 50 == 49:
                    equal(ended.get("signal"), "SIGTERM", f"end of {number}")
                else:
                    equal(ended.get("status"), number % 100, f"end of {number}")
                check(0 <= ended["duration_ms"] < 10000, f"duration: {ended}")
    body.__name__ = f"spawn_{count}_with_{each}_of_{length}"
    return body


test(timeout=90)(spawns(4000, 200))
test()(spawns(60, 131071))
test()(spawns(5, 100000, 15))
test()(spawns(20, 40, 3000))


@test()
def launches_of_a_shell(directory):
    need("setpriv")
    os.chmod(directory, 0o755)
    script = fresh(directory, ".sh")
    with open(script, "w") as file:
        file.write("#!/bin/sh\nexit 3\n")
    os.chmod(script, 0o755)
    run = trace(directory, "exec", ["sh", "-c", f"""
        cd {directory}
        {script} 'one two' '' "$(printf 'a\\nb')" é
        setpriv --reuid=65534 --clear-groups /bin/true
        (kill -KILL $(exec sh -c 'echo $PPID')) 2>/dev/null
        /nonexistent/program 2>/dev/null
        env -i /bin/echo last
        exit 9"""], status=9)
    equal(run.out, b"last\n", "the command's own output")
    shell = run.of("exec")[0]
    equal(argv_of(shell)[:2], [b"sh", b"-c"], "the first exec")
    check(shell["filename"].endswith("/sh"), f"filename: {shell['filename']}")
    line = only((line for line in run.of("exec") if b"one two" in argv_of(line)), "scripts")
    check(argv_of(line)[-4:] == [b"one two", b"", b"a\nb", "é".encode()], f"argv: {argv_of(line)}")
    equal(line["cwd"], os.path.realpath(directory), "cwd")
    equal(line["ppid"], shell["pid"], "ppid")
    end = only((end for end in run.of("exit") if end["pid"] == line["pid"]), "exits")
    equal(end.get("status"), 3, "status of the script")
    line = only((line for line in run.of("exec") if argv_of(line) == [b"/bin/true"]), "/bin/true")
    equal(line["uid"], 65534, "uid")
    check(any(end.get("signal") == "SIGKILL" for end in run.of("exit")), "no end by SIGKILL")
    check(not any(b"/nonexistent/program" == (argv_of(line) or [b""])[0]
                  for line in run.of("exec")), "an exec that failed is shown")
    end = only((end for end in run.of("exit") if end["pid"] == shell["pid"]), "exits of the shell")
    equal(end["status"], 9, "status of the shell")
    equal(run.lines.index(end), max(run.lines.index(line) for line in run.of("exit")), "its place")


@test()
def exec_in_a_thread(directory):
    """A thread that is not the first calls execve: the process goes on."""
    run = trace(directory, "exec", [PYTHON, "-c", """
import os, threading, time
threading.Thread(target=lambda: os.execv("/bin/echo", ["echo", "from a thread"])).start()
time.sleep(10)"""])
    line = only((line for line in run.of("exec") if argv_of(line) == [b"echo", b"from a thread"]),
                "exec lines")
    equal(line["pid"], run.of("exec")[0]["pid"], "pid")
    ends = [end for end in run.of("exit") if end["pid"] == line["pid"]]
    equal([end.get("status") for end in ends], [0], "ends of the process")
