"""Keys of TLS where they are made: every key that a program writes into its own key
log is in the recording, from the first handshake on."""

import glob
import os
import re
import shutil
import signal
import ssl
import struct
import subprocess
import threading
import time

from lib import *

EVENT_SECRET, EVENT_END = 10, 8


def secrets_of(recording):
    """Of a recording: [(label, random, secret, pid)], and how many were lost."""
    data = read_file(recording)
    at, found, lost = 24 + struct.unpack_from("<I", data, 16)[0], [], None
    while at + 8 <= len(data):
        size = struct.unpack_from("<I", data, at)[0]
        event = data[at + 8:at + 8 + size]
        at += 8 + (size + 7) // 8 * 8
        _, kind, _, _, pid, _ = struct.unpack_from("<IHHQII", event)
        if kind == EVENT_SECRET:
            label = event[40:80].split(b"\0")[0].decode()
            random_len, secret_len = event[176], event[177]
            found.append((label, event[80:80 + random_len].hex(),
                          event[112:112 + secret_len].hex(), pid))
        elif kind == EVENT_END:
            lost = struct.unpack_from("<Q", event, size - 8)[0]
    equal(lost, 0, "lost secrets")
    return found


def key_log(path):
    lines = read_file(path).decode().split("\n")
    return [tuple(line.split(" ")) for line in lines
            if line and line[0] != "#" and "EXPORTER" not in line]


def check_all(recording, logs, exact=True, pids=None):
    """Each key of the logs was recorded; `exact`: with its label and random."""
    found = secrets_of(recording)
    if pids is not None:
        equal({pid for *_, pid in found}, set(pids), "pids")
    have = {entry[:3] if exact else entry[2] for entry in found}
    for log in logs:
        lines = key_log(log)
        check(lines, f"{log} is empty")
        missing = [line for line in lines if (line if exact else line[2]) not in have]
        check(not missing, f"{len(missing)} of {len(lines)} keys are missing: "
              f"{[line[0] for line in missing]}; {len(found)} were recorded")
    return found


# ---- Go ---------------------------------------------------------------------------

COMPILERS = os.environ.get("GO_COMPILERS", os.path.join(BUILD, "go"))
SOURCE = os.path.join(HERE, "handshakes.go")


def compilers():
    """version -> the go command, the oldest first."""
    found = {}
    for path in glob.glob(os.path.join(COMPILERS, "*", "usr", "lib", "go-*", "bin", "go")):
        found[path[len(COMPILERS):].split("/")[1]] = path
    if not found and shutil.which("go"):
        found["here"] = shutil.which("go")
    return dict(sorted(found.items(), key=lambda item: [int(n) for n in re.findall(r"\d+", item[0])]))


def build(directory, version, *flags):
    go = compilers()[version]
    target = os.path.join(directory, f"handshakes-{version}" + "".join(flags).replace("/", ""))
    environment = dict(os.environ, GO111MODULE="off", GOTOOLCHAIN="local", GOFLAGS="", GOPROXY="off",
                       CGO_ENABLED="0")
    environment.setdefault("GOCACHE", os.path.join(BUILD, "go-cache"))
    if version != "here":
        environment["GOROOT"] = os.path.dirname(os.path.dirname(go))
    done = subprocess.run([go, "build", "-o", target, *flags, SOURCE], env=environment,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    check(done.returncode == 0, f"go build: {done.stdout[-300:]}")
    return target


def newest(directory, *flags):
    versions = list(compilers())
    if not versions:
        raise Skipped("no Go compiler is here (scripts/go-compilers fetches some)")
    return build(directory, versions[-1], *flags)


def handshakes(program, directory, *prefix, **options):
    log = fresh(directory, ".keys")
    process = Helper(program, log, prefix=prefix, **options)
    process.until("ready")
    return process, log


@test(timeout=300)
def go_secrets_of_each_version(directory):
    if not compilers():
        raise Skipped("no Go compiler is here (scripts/go-compilers fetches some)")
    for version in compilers():
        for flags in ((), ("-buildmode=pie", "-ldflags=-s -w")):
            program = build(directory, version, *flags)
            for tls in ("12", "13"):
                log, recording = fresh(directory, ".keys"), fresh(directory, ".gtap")
                trace(directory, "io", [program, log, "3", tls], "-w", recording)
                found = check_all(recording, [log])
                # TLS 1.2: each handshake, resumed or not, at both ends; its first
                # also where the key log is written.
                equal(len(found), 8 if tls == "12" else 24, f"keys of {version} {flags} TLS {tls}")


@test(timeout=120)
def go_secrets_of_running_programs(directory):
    """Two at once, and one that is not traced."""
    program = newest(directory)
    (one, log), (two, other), (third, _) = (handshakes(program, directory) for _ in range(3))
    recording = fresh(directory, ".gtap")
    tap = Attached(directory, "io", "-p", f"{one.pid},{two.pid}", "-w", recording)
    for version in ("12 2", "13 2"):
        for process in (one, two, third):
            process.say(version)
    tap.end()
    found = check_all(recording, [log, other], pids=[one.pid, two.pid])
    equal(len(found), 2 * (6 + 16), "keys")


@test(timeout=120)
def go_secrets_under_a_shell(directory):
    """Nothing of the first handshake is missed, again and again."""
    program = newest(directory)
    logs, recording = [fresh(directory, ".keys") for _ in range(20)], fresh(directory, ".gtap")
    copies = []
    for i, log in enumerate(logs):
        copies.append(f"{program}-{i}")
        shutil.copy(program, copies[-1])
    script = "; ".join(f"{copy} {log} 1 13" for copy, log in zip(copies, logs)) + "; :"
    trace(directory, "io", ["sh", "-c", script], "-w", recording)
    check_all(recording, logs)


@test(timeout=120)
def go_secrets_of_many_launches_at_once(directory):
    program = newest(directory)
    logs, recording = [fresh(directory, ".keys") for _ in range(12)], fresh(directory, ".gtap")
    script = ""
    for i, log in enumerate(logs):
        shutil.copy(program, f"{program}-{i}")
        script += f"{program}-{i} {log} 1 13 & "
    trace(directory, "io", ["sh", "-c", script + "wait"], "-w", recording)
    check_all(recording, logs)


@test(timeout=60)
def a_stopped_glasstap_holds_nobody_for_long(directory):
    program = newest(directory)
    names = [f"gth{os.getpid() % 100000}{i}" for i in range(6)]
    tap = Attached(directory, "tls", "-n", ",".join(names))
    tap.process.send_signal(signal.SIGSTOP)
    began = time.monotonic()
    for name in names:
        copy = os.path.join(directory, name)
        shutil.copy(program, copy)
        equal(start([copy, fresh(directory, ".keys"), "1", "13"]).wait(20), 0, "status")
    took = time.monotonic() - began
    tap.process.send_signal(signal.SIGCONT)
    tap.end()
    check(took < 3, f"six programs took {took:.1f} s")


@test(timeout=120)
def go_secrets_by_name_at_launch(directory):
    program = newest(directory)
    name = f"gthand{os.getpid() % 100000}"
    copy = os.path.join(directory, name)
    shutil.copy(program, copy)
    recording = fresh(directory, ".gtap")
    tap = Attached(directory, "io", "-n", name, "-w", recording)
    log = fresh(directory, ".keys")
    equal(start([copy, log, "2", "13"]).wait(20), 0, "status")
    equal(start([program, fresh(directory, ".keys"), "1", "13"]).wait(20), 0, "status")
    tap.end()
    equal(len(check_all(recording, [log])), 16, "keys")


@test(timeout=120)
def go_secrets_of_a_deleted_binary(directory):
    """Deleted, and replaced by another file of that name."""
    program = newest(directory)
    for replace in (False, True):
        copy = os.path.join(directory, "gone")
        shutil.copy(program, copy)
        process, log = handshakes(copy, directory)
        os.unlink(copy)
        if replace:
            shutil.copy("/bin/true", copy)
        recording = fresh(directory, ".gtap")
        tap = Attached(directory, "io", "-p", str(process.pid), "-w", recording)
        process.say("13 2")
        tap.end()
        equal(len(check_all(recording, [log])), 16, "keys")
        process.end()


@test(timeout=120)
def go_secrets_in_a_mount_namespace(directory):
    """The binary's path exists in the namespace alone."""
    need("unshare")
    program = newest(directory)
    inside = os.path.join(directory, "mount")
    os.mkdir(inside)
    process, log = handshakes(os.path.join(inside, "prog"), directory, "unshare", "-m", "sh", "-c",
                              f'mount -t tmpfs none {inside} && cp {program} {inside}/prog && '
                              'exec "$@"', "sh")
    check(not os.path.exists(os.path.join(inside, "prog")), "the namespace is not its own")
    recording = fresh(directory, ".gtap")
    tap = Attached(directory, "io", "-p", str(process.pid), "-w", recording)
    process.say("13 2")
    tap.end()
    equal(len(check_all(recording, [log])), 16, "keys")


@test(timeout=120)
def go_secrets_of_a_launch_in_a_mount_namespace(directory):
    need("unshare")
    program = newest(directory)
    inside = os.path.join(directory, "mount")
    os.mkdir(inside)
    log, recording = fresh(directory, ".keys"), fresh(directory, ".gtap")
    trace(directory, "io", ["unshare", "-m", "sh", "-c",
                            f"mount -t tmpfs none {inside} && cp {program} {inside}/prog && "
                            f"{inside}/prog {log} 2 13"], "-w", recording)
    equal(len(check_all(recording, [log])), 16, "keys")


@test(timeout=120)
def go_secrets_on_older_kernels(directory):
    """By perf events, as before Linux 6.6."""
    program = newest(directory)
    log, recording = fresh(directory, ".keys"), fresh(directory, ".gtap")
    environment = dict(os.environ, GLASSTAP_PERF_UPROBES="1")
    with NothingLeft():
        trace(directory, "io", [program, log, "2", "13"], "-w", recording, env=environment)
    equal(len(check_all(recording, [log])), 16, "keys")


@test(timeout=120)
def a_binary_is_probed_once(directory):
    program = newest(directory)
    logs = [fresh(directory, ".keys") for _ in range(4)]
    recording = fresh(directory, ".gtap")
    script = "; ".join(f"{program} {log} 1 13" for log in logs) + "; :"
    run = trace(directory, "io", ["sh", "-c", script], "-v", "-w", recording)
    check_all(recording, logs)
    equal(len(re.findall(r"handshakes.*is seen", run.err)), 1, f"lines about it in {run.err}")


@test(timeout=120)
def probes_do_not_outlive_glasstap(directory):
    program = newest(directory)
    process, _ = handshakes(program, directory)
    with NothingLeft():
        tap = Attached(directory, "io", "-p", str(process.pid), "-w", fresh(directory, ".gtap"))
        process.say("13 2")
        tap.process.send_signal(signal.SIGKILL)
        tap.process.wait()
    process.say("13 2")
    equal(process.end(), 0, "its status")


@test(timeout=120)
def no_probes_where_none_are_needed(directory):
    """A view without TLS places none."""
    need("bpftool")
    program = newest(directory)
    process, _ = handshakes(program, directory)
    for view, wanted in (("net", False), ("tls", True)):
        tap = Attached(directory, view, "-p", str(process.pid))
        names = programs_of(tap.pid)
        tap.end()
        check(any(name.startswith("on_exec") for name in names), f"no programs but {names}")
        equal(any(name.startswith("on_probe") for name in names), wanted,
              f"with the view {view} the program for probes is loaded")


def programs_of(pid):
    """The names of the kernel programs that a process holds."""
    ids = set()
    for info in glob.glob(f"/proc/{pid}/fdinfo/*"):
        try:
            ids |= {int(number) for number in re.findall(rb"^prog_id:\s*(\d+)", read_file(info), re.M)}
        except OSError:
            pass
    return {name for kind, number, name in bpf_objects() if kind == "prog" and number in ids}


# ---- OpenSSL -------------------------------------------------------------------------

def make_certificate(directory):
    need("openssl")
    files = [os.path.join(directory, name) for name in ("key.pem", "cert.pem")]
    sh("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
       "-keyout", files[0], "-out", files[1], "-days", "2", "-subj", "/CN=localhost")
    return files


class Server:
    """TLS in this process, which is not traced; it answers each request."""

    def __init__(self, directory):
        import socket
        key, cert = make_certificate(directory)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(cert, key)
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            conn, _ = self.socket.accept()
            threading.Thread(target=self.answer, args=(conn,), daemon=True).start()

    def answer(self, conn):
        try:
            with self.context.wrap_socket(conn, server_side=True) as tls:
                while tls.recv(65536):
                    tls.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
        except OSError:
            pass


CLIENT = """
import sys
for line in [None] if len(sys.argv) > 4 else sys.stdin:
    import socket, ssl
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.keylog_filename = sys.argv[2]
    context.maximum_version = getattr(ssl.TLSVersion, "TLSv1_" + sys.argv[3])
    session = None
    for i in range(3):
        with context.wrap_socket(socket.create_connection(("127.0.0.1", int(sys.argv[1]))),
                                 session=session) as tls:
            tls.sendall(b"word")
            assert tls.recv(100)
            session = tls.session
    print("done", flush=True)
"""


def client(directory, server, log, tls, *more):
    script = os.path.join(directory, "client.py")
    with open(script, "w") as file:
        file.write(CLIENT)
    return [PYTHON, script, str(server.port), log, tls, *more]


def with_openssl_3():
    if not ssl.OPENSSL_VERSION.startswith("OpenSSL 3"):
        raise Skipped(f"this Python uses {ssl.OPENSSL_VERSION}")


@test(timeout=60)
def openssl_secrets(directory):
    with_openssl_3()
    server = Server(directory)
    for tls in ("2", "3"):
        log, recording = fresh(directory, ".keys"), fresh(directory, ".gtap")
        trace(directory, "io", client(directory, server, log, tls, "now"), "-w", recording)
        check_all(recording, [log], exact=tls == "2")


@test(timeout=60)
def openssl_secrets_of_curl(directory):
    need("curl")
    server = Server(directory)
    for tls in ("2", "3"):
        log, recording = fresh(directory, ".keys"), fresh(directory, ".gtap")
        run = trace(directory, "io", ["curl", "-sk", "--tls-max", f"1.{tls}",
                                      f"https://127.0.0.1:{server.port}/"], "-w", recording,
                    env=dict(os.environ, SSLKEYLOGFILE=log))
        equal(run.out, b"hello", "what curl got")
        check_all(recording, [log], exact=tls == "2")


@test(timeout=60)
def openssl_secrets_of_a_library_loaded_later(directory):
    """The program runs, glasstap attaches, and only then it imports ssl."""
    with_openssl_3()
    server = Server(directory)
    log, recording = fresh(directory, ".keys"), fresh(directory, ".gtap")
    process = Helper(*client(directory, server, log, "3"))
    until("the interpreter", lambda: b"libc" in read_file(f"/proc/{process.pid}/maps"))
    time.sleep(0.3)
    check(b"libcrypto" not in read_file(f"/proc/{process.pid}/maps"), "it is loaded already")
    tap = Attached(directory, "io", "-p", str(process.pid), "-w", recording)
    process.say("go")
    tap.end()
    check_all(recording, [log], exact=False)


# ---- doctor ------------------------------------------------------------------------------

def doctor(*arguments, status=0):
    code, out, err = glasstap("doctor", "-j", *arguments)
    equal(code, status, f"status of doctor {arguments} ({err})")
    return json.loads(out)


@test(timeout=60)
def doctor_on_a_go_program(directory):
    program = newest(directory, "-ldflags=-s -w")
    process, _ = handshakes(program, directory)
    for said in (doctor("--", program, "x"), doctor("-p", str(process.pid))):
        file = only(said["files"], "files")
        equal(file["kind"], "program", "kind")
        check(file["about"].startswith("Go program, go1.") and "stripped" in file["about"],
              file["about"])
        equal(file["tls"], "Go crypto/tls", "TLS library")
        equal([function["function"] for function in file["functions"]],
              ["crypto/tls.(*Config).writeKeyLog", "crypto/tls.keysFromMasterSecret"], "functions")
        for function in file["functions"]:
            check(function["probed"] and function["into"] > 0 and function["file_offset"] > 0,
                  brief(function))
        check(said["complete"] and said["tls"], brief(said))


@test(timeout=60)
def doctor_on_a_damaged_go_program(directory):
    """Each byte of one function's beginning is changed: no probe, and it says so; the
    program is traced all the same."""
    program = newest(directory)
    said = doctor("--", program)
    site = said["files"][0]["functions"][0]
    damaged = os.path.join(directory, "damaged")
    data = bytearray(read_file(program))
    begin = site["file_offset"] - site["into"]
    data[begin:begin + 16] = b"\x90" * 16
    with open(damaged, "wb") as file:
        file.write(data)
    os.chmod(damaged, 0o755)
    said = doctor("--", damaged, status=1)
    function = said["files"][0]["functions"][0]
    check(not function["probed"] and function["why"], brief(function))
    check(site["function"] in said["files"][0]["unseen"], brief(said))
    check(said["files"][0]["functions"][1]["probed"], "the other function has no probe")
    code, out, _ = glasstap("doctor", "--", damaged)
    equal(code, 1, "status")
    check(b"cannot be seen" in out, brief(out))


@test(timeout=60)
def doctor_on_other_programs(directory):
    said = doctor("--", "/bin/true")
    check(said["complete"] and not said["tls"], brief(said))
    need("curl")
    said = doctor("--", "curl", status=doctor_status("curl"))
    check([file for file in said["files"] if file.get("tls") == "OpenSSL 3"], brief(said))
    for arguments, words in ((("--", "/nonexistent/x"), "/nonexistent/x"), (("-p", "1999999999"),
                                                                           "no process")):
        code, out, err = glasstap("doctor", *arguments)
        equal((code, out), (1, b""), "status and output")
        check(words in err, err)


def doctor_status(*command):
    """1 where the program is linked to a library whose keys are not taken."""
    return glasstap("doctor", "--", *command)[0]


# ---- what is not seen, in a trace ----------------------------------------------------------

@test(timeout=60)
def a_trace_says_why_tls_is_not_seen(directory):
    """Once, on stderr: the library is not known, or the keys are older than the trace."""
    with_openssl_3()
    server = Server(directory)
    script = fresh(directory, ".py")
    with open(script, "w") as file:
        file.write(f"""
import socket, ssl, sys
context = ssl._create_unverified_context()
tls = context.wrap_socket(socket.create_connection(("127.0.0.1", {server.port})))
print("ready", flush=True)
for line in sys.stdin:
    tls.sendall(b"word")
    tls.recv(100)
    print("done", flush=True)
""")
    process = Helper(PYTHON, script)
    process.until("ready")
    tap = Attached(directory, "tls", "-p", str(process.pid))
    for _ in range(3):
        process.say("more")
    run = tap.end()
    equal(run.err.count("TLS without its keys: they were made before the trace began"), 1,
          f"lines of it in {run.err}")
    need("wget")
    if doctor_status("wget") == 0:
        raise Skipped("this wget uses a library that is seen")
    run = trace(directory, "tls", ["sh", "-c", "wget -qO- --no-check-certificate "
                                   f"https://127.0.0.1:{server.port}/; :"])
    equal(run.out, b"hello", "what wget got")
    equal(run.err.count("TLS without its keys: /"), 1, f"lines of it in {run.err}")
    check("is not known yet" in run.err, run.err)
