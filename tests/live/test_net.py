"""Connections: who opened them, how they went, both ends, and those that failed."""

import errno
import os
import socket
import time

from lib import *

def connects(mode, *more):
    def body(directory):
        run = trace(directory, "net", [helper("connects"), mode, "1000", *more]).lossless()
        servers, clients = {}, []
        for line in run.out.decode().splitlines():
            part = line.split(" ")
            if part[0] == "server":
                servers[int(part[2])] = int(part[1])
            elif part[0] == "client":
                clients.append(tuple(map(int, part[1:])))
        equal(len(clients), 1000, "connections of the workload")
        opened = {(line["kind"], line.get("local"), line.get("remote")): line
                  for line in run.of("open") if "error" not in line}
        closed = {}
        for line in run.of("close"):
            closed.setdefault(line["conn"], []).append(line)
        # Every connection has its own numbers: then the dict has lost none.
        if len({client[1:] for client in clients}) < 1000:
            raise Skipped("the kernel reused a port")
        for number, (pid, port, server_port) in enumerate(clients):
            here, there = f"127.0.0.1:{port}", f"127.0.0.1:{server_port}"
            sent = 0 if "silent" in more else len(f"hello {number}\n")
            for kind, sides, owner, moved in (
                    ("connect", (here, there), pid, (sent, 0)),
                    ("accept", (there, here), servers[server_port], (0, sent))):
                line = opened.get((kind, *sides))
                check(line, f"no {kind} for {here} to {there}")
                equal(line.get("pid"), owner, f"pid of the {kind} of {here}")
                equal(line.get("transport"), "tcp", "transport")
                equal(line.get("comm"), "connects", "comm")
                if kind == "connect":
                    check(0 <= line["latency_ms"] < 5000, f"latency: {line}")
                end = only(closed.get(line["conn"], []), f"closes of the {kind} of {here}")
                equal((end["bytes_out"], end["bytes_in"]), moved, f"bytes of the {kind} of {here}")
                check(0 <= end["duration_ms"] < 60000, f"duration: {end}")
        equal(sum(line["kind"] == "connect" for line in run.of("open")), 1000, "connects")
        equal(sum(line["kind"] == "accept" for line in run.of("open")), 1000, "accepts")
    body.__name__ = f"connects_from_{mode}" + ("_silent" if "silent" in more else "")
    return body


test()(connects("one"))
test()(connects("many"))
test()(connects("one", "4", "silent"))


@test()
def only_the_client_is_traced(directory):
    """The server is not a target: its end is not shown, its pid is not claimed."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        run = trace(directory, "net", [PYTHON, "-c", f"""
import socket
s = socket.create_connection(("127.0.0.1", {port})); s.send(b"x"); s.close()"""])
        accepted, address = server.accept()
        accepted.close()
    mine = [line for line in run.of("open") if line.get("transport") == "tcp"]
    line = only(mine, "opens")
    equal((line["kind"], line["remote"]), ("connect", f"127.0.0.1:{port}"), "the connection")
    equal(line["local"], f"127.0.0.1:{address[1]}", "local")


@test()
def only_the_server_is_traced(directory):
    server = Helper(PYTHON, "-uc", """
import socket
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(); print("port", s.getsockname()[1])
c, _ = s.accept(); c.recv(10); c.send(b"bye"); c.close(); print("done")""")
    port = int(server.until("port").split()[1])
    tap = Attached(directory, "net", "-p", str(server.pid))
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.send(b"hi")
        address = client.getsockname()
        server.until("done")
    run = tap.end(None)  # the target ended
    line = only((line for line in run.of("open") if line["kind"] == "accept"), "accepts")
    equal((line["pid"], line["local"], line["remote"]),
          (server.pid, f"127.0.0.1:{port}", f"127.0.0.1:{address[1]}"), "the accept")
    check({line["pid"] for line in run.of("open")} == {server.pid}, "another process is shown")
    close = only((end for end in run.of("close") if end["conn"] == line["conn"]), "closes")
    equal((close["bytes_out"], close["bytes_in"]), (3, 2), "bytes")
    check("here" in close["reason"], f"reason: {close['reason']}")


@test()
def existing_connections(directory):
    process = sleeper()
    time.sleep(0.2)
    tap = Attached(directory, "net", "-p", str(process.pid))
    until("existing lines", lambda: len([line for line in tap.now() if line["type"] == "open"]) >= 16)
    equal(process.end(), 0, "status of the workload")
    run = tap.end(None)
    opens = [line for line in run.of("open") if line["kind"] == "existing"]
    for name, (transport, *ends) in process.conns().items():
        for fd, local, remote in ends:
            line = only((line for line in opens if line.get("fd") == fd), f"existing lines of {name}")
            equal(line["transport"], transport, f"transport of {name}")
            equal(line.get("pid"), process.pid, f"pid of {name}")
            if local != "-":
                equal(line.get("local"), local, f"local of {name}")
            if remote != "-":
                equal(line.get("remote"), remote, f"remote of {name}")
            check("latency_ms" not in line, f"a latency that nobody saw: {line}")
            only((end for end in run.of("close") if end["conn"] == line["conn"]),
                 f"closes of {name}")


@test()
def addresses_of_every_family(directory):
    """IPv4, IPv6, v4-mapped as IPv4, unix; each kind of open."""
    path = os.path.join(directory, "r.gtap")
    run = trace(directory, "net", [helper("sleeper")], "-w", path).lossless()
    process = Run(0, b"", "", None)
    opens = {}
    for line in run.of("open"):
        if line["kind"] in ("connect", "accept", "pair"):
            opens[line["kind"], line.get("local"), line.get("remote")] = line
    for line in run.out.decode().splitlines():
        part = line.split(" ")
        if part[0] != "conn" or part[2] != "tcp":
            continue
        for kind, local, remote in (("connect", part[4], part[5]), ("accept", part[7], part[8])):
            check((kind, local, remote) in opens, f"no {kind} of {local} to {remote}")
        check("ffff" not in part[4] and "::1" in part[4] or "127.0.0.1" in part[4], "the workload")
    check(not any("ffff:" in (line.get("local") or "") for line in run.of("open")),
          "a mapped address is shown as IPv6")
    check(any(line["kind"] == "pair" and line["transport"] == "unix" for line in run.of("open")),
          "no socketpair")
    check(any(line["kind"] == "connect" and line["transport"] == "unix"
              and line.get("remote", "").endswith(".sock") for line in run.of("open")),
          "no unix connect")
    check(any(line["kind"] == "listen" for line in run.of("open")), "no listen")


def failing(directory, arguments, error, least=0, prefix=()):
    run = trace(directory, "net", [*prefix, helper("failing"), *arguments], timeout=30)
    word, number, took, _ = run.out.decode().split()
    equal((word, errno.errorcode[int(number)]), ("failed", error), "the workload")
    line = only((line for line in run.of("open") if line.get("error")),
                f"failed opens ({error})")
    equal(line.get("errno"), error, f"errno of {line}")
    equal(line["kind"], "connect", "kind")
    took = float(took)
    check(least <= took, f"the workload took {took} ms only")
    if "latency_ms" in line:
        check(least * 0.9 <= line["latency_ms"] <= took + 50,
              f"latency {line['latency_ms']} ms, the workload measured {took} ms")
    elif least:
        raise Failed(f"no latency_ms: {line}")
    if "unix" in arguments:
        equal(line.get("remote"), arguments[-1], "remote")
    else:
        address = arguments[-2]
        address = f"[{address}]" if ":" in address else address
        equal(line.get("remote"), f"{address}:{arguments[-1]}", "remote")
    equal(line.get("comm"), "failing", "comm")
    check(line.get("pid", 0) > 0, "no pid")
    opened = [other for other in run.of("open") if other is not line
              and other.get("transport") in ("tcp", "unix")
              and other["kind"] == "connect" and other.get("remote") == line["remote"]]
    check(not opened, f"it is also said to have succeeded: {opened[:1]}")


@test()
def connect_refused(directory):
    port = free_port()
    failing(directory, ["127.0.0.1", str(port)], "ECONNREFUSED")


@test()
def connect_refused_nonblocking(directory):
    failing(directory, ["-n", "127.0.0.1", str(free_port())], "ECONNREFUSED")


@test()
def connect_refused_over_ipv6(directory):
    failing(directory, ["::1", str(free_port())], "ECONNREFUSED")


@test()
def connect_to_no_unix_socket(directory):
    failing(directory, ["unix", os.path.join(directory, "none.sock")], "ENOENT")


@test()
def connect_unreachable(directory):
    name = namespace("empty")
    for arguments in (["192.0.2.1", "80"], ["-n", "192.0.2.1", "80"], ["2001:db8::1", "80"]):
        failing(directory, arguments, "ENETUNREACH", prefix=("ip", "netns", "exec", name))


def far_side():
    """A namespace whose neighbour 192.0.2.2 never answers."""
    near, far = namespace("near"), namespace("far")
    sh("ip", "-n", near, "link", "add", "gt0", "type", "veth", "peer", "name", "gt1", "netns", far)
    sh("ip", "-n", near, "addr", "add", "192.0.2.1/24", "dev", "gt0")
    sh("ip", "-n", near, "link", "set", "gt0", "up")
    sh("ip", "-n", far, "link", "set", "gt1", "up")
    # Frames to an address that nobody has.
    sh("ip", "-n", near, "neigh", "add", "192.0.2.2", "lladdr", "02:00:00:00:00:99", "dev", "gt0",
       "nud", "permanent")
    return near


@test()
def connect_timed_out(directory):
    near = far_side()
    for option in ([], ["-n"]):
        failing(directory, option + ["-t", "500", "192.0.2.2", "80"], "ETIMEDOUT", least=400,
                prefix=("ip", "netns", "exec", near))


@test()
def connect_no_such_host(directory):
    near = far_side()
    sh("ip", "netns", "exec", near, "sh", "-c",
       "echo 1 >/proc/sys/net/ipv4/neigh/gt0/mcast_solicit; echo 300 >"
       "/proc/sys/net/ipv4/neigh/gt0/retrans_time_ms")
    failing(directory, ["192.0.2.77", "80"], "EHOSTUNREACH", least=100,
            prefix=("ip", "netns", "exec", near))


@test()
def reset_by_the_other_side(directory):
    run = trace(directory, "net", [PYTHON, "-c", """
import socket, struct
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen()
c = socket.create_connection(s.getsockname()); a, _ = s.accept()
a.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)); a.close()
try: c.recv(1)
except ConnectionResetError: print("reset", c.getsockname()[1])
c.close()"""])
    word, port = run.out.decode().split()
    equal(word, "reset", "the workload")
    line = only((line for line in run.of("close") if line.get("local") == f"127.0.0.1:{port}"),
                "closes")
    equal(line.get("errno"), "ECONNRESET", f"errno of {line}")


UDP = """
import socket
A = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); A.bind(("127.0.0.1", 0))
peers = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(3)]
for p in peers: p.bind(("127.0.0.1", 0))
names = [p.getsockname() for p in peers]
print("server %d %s" % (A.getsockname()[1], " ".join(str(n[1]) for n in names)))
for i, p in enumerate(peers): p.sendto(b"with address %d" % i, A.getsockname())
for i in range(3): A.recvfrom(100)
for i, p in enumerate(peers): p.sendto(b"without address %d" % i, A.getsockname())
for i in range(3): A.recv(100)
for i, p in enumerate(peers): p.sendto(b"by message %d" % i, A.getsockname())
for i in range(3): A.recvmsg(100)
for i, p in enumerate(peers): p.sendto(b"by read %d" % i, A.getsockname())
import os
for i in range(3): os.read(A.fileno(), 100)
for i, n in enumerate(names): A.sendto(b"answer %d" % i, n)
for i, n in enumerate(names): A.sendmsg([b"message ", b"%d" % i], [], 0, n)
for p in peers: p.recv(100); p.recv(100)
S = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); S.bind(("::1", 0))
T = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); T.bind(("::1", 0))
T.sendto(b"over six", S.getsockname()[:2]); S.recv(100)
print("six %d %d" % (S.getsockname()[1], T.getsockname()[1]))
"""


def datagrams(directory):
    """(the io lines by data and direction, the server, its peers, over IPv6)"""
    run = trace(directory, "io", [PYTHON, "-c", UDP]).lossless()
    said = [line.split() for line in run.out.decode().splitlines()]
    return ({(data_of(line), line["dir"]): line for line in run.of("io")},
            f"127.0.0.1:{said[0][1]}", [f"127.0.0.1:{port}" for port in said[0][2:]],
            [f"[::1]:{port}" for port in said[1][1:]])


def datagram(lines, text, direction):
    line = lines.get((text.encode(), direction))
    check(line, f"no {direction} line of {text!r}")
    equal(line["transport"], "udp", f"transport of {text!r}")
    return line


@test()
def peer_of_each_datagram(directory):
    lines, server, peers, six = datagrams(directory)
    for number, peer in enumerate(peers):
        for text in ("with address", "without address", "by message", "by read"):
            line = datagram(lines, f"{text} {number}", "out")
            equal((line.get("local"), line.get("remote")), (peer, server), f"out {text}")
        for text in ("answer", "message"):
            line = datagram(lines, f"{text} {number}", "out")
            equal((line.get("local"), line.get("remote")), (server, peer), f"out {text}")
        for text in ("with address", "by message"):
            line = datagram(lines, f"{text} {number}", "in")
            equal((line.get("local"), line.get("remote")), (server, peer), f"in {text}")
        # Where the caller asked for no address it may be unknown, but never wrong.
        for text in ("without address", "by read"):
            line = datagram(lines, f"{text} {number}", "in")
            check(line.get("remote") in (None, peer), f"in {text}: {line}, not {peer}")
    equal(datagram(lines, "over six", "out").get("remote"), six[0], "remote over IPv6")


@test()
def a_write_that_is_answered_by_a_reset(directory):
    """The reset arrives while the call is still at work: its bytes belong to the
    connection that has just been closed."""
    program = """
import socket
listener = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(listener.getsockname())
server, _ = listener.accept()
client.sendall(b"ask")
server.recv(10)
client.close()
server.sendall(b"too late")
print(server.getsockname()[1], server.fileno())
"""
    run = trace(directory, "io", ["python3", "-c", program]).lossless()
    line = only((line for line in run.of("io") if line.get("data") == "too late"), "late writes")
    ask = only((line for line in run.of("io") if line.get("data") == "ask"
                and line["dir"] == "in"), "questions")
    equal((line["conn"], line["offset"], line["local"]), (ask["conn"], 0, ask["local"]),
          "the connection of the late write")
