"""The parts of bench/run about TLS. Each takes the directory, and `bench`: the module
of bench/run, with its rows and runs side by side."""

import os
import re
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "tests", "matrix"))

import cells
import programs
import lib

# What the reader compares: all plaintext; the same without decrypting; and what the
# same view does when nothing is to be decrypted.
LOADS = (("`tls`", ["tls"], "0.90, none lost"), ("`tls` as JSON", ["tls", "-j"], ""),
         ("`tls --tls=off`", ["tls", "--tls=off"], ""), ("`io --tls=off`", ["io", "--tls=off"], ""),
         ("`io`", ["io"], ""))


def gotls():
    here = programs.versions()
    if not here:
        raise lib.Skipped("no Go compiler is here (scripts/go-compilers fetches them)")
    return programs.gotls(here[-1])


def server(*options, spec="1.3"):
    """A Go HTTPS server (net/http): (process, port)"""
    process = cells.Program([gotls(), "server", "-certs", programs.certs(), "-nosum", "-http",
                             *options, spec])
    process.until("ready")
    return process, process.ports()[spec]


def load(bench, port, header=()):
    done = subprocess.run(["wrk", "-t1", "-c8", f"-d{1 if bench.QUICK else 5}s", *header,
                           f"https://127.0.0.1:{port}/t1024"], stdout=subprocess.PIPE, text=True)
    found = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    if not found or "Non-2xx" in done.stdout:
        raise lib.Failed(f"wrk: {done.stdout[-400:]}")
    return float(found.group(1))


class Words:
    """What glasstap said at its end."""

    def __init__(self, err):
        self.err = err.strip()
        clear = re.search(r"in the clear ([\d,]+) bytes? out, ([\d,]+) in", err)
        self.out, self.into = (int(number.replace(",", "")) for number in clear.groups()) \
            if clear else (0, 0)
        tls = err[clear.end():].splitlines()[0] if clear else ""
        self.whole = "nothing lost" in err and not tls.strip("; ")
        self.why = (err.split(";", 1)[-1].strip() + tls).replace("\n", " ")


def end(tap):
    tap.process.send_signal(lib.signal.SIGINT)
    return Words(tap.process.communicate(timeout=120)[1].decode())


def side_by_side(bench, turns, measure, *view, pid):
    """(ratios, the untraced median, what was said): as `ratios` of bench/run."""
    plain, traced, words = [measure()], [], []
    for _ in range(turns):
        tap = bench.Tap(*view, "-p", str(pid))
        traced.append(measure())
        words.append(end(tap))
        plain.append(measure())
    neighbours = [(a + b) / 2 for a, b in zip(plain, plain[1:])]
    return [t / n for t, n in zip(traced, neighbours)], statistics.median(plain), words


def losses(words):
    lossy = [one.why for one in words if not one.whole]
    return f"{len(lossy)} of {len(words)} runs lost: {lossy[0]}" if lossy else "none lost"


def bench_tls_http(bench, _directory):
    lib.need("wrk")
    turns = 1 if bench.QUICK else 5
    for kind, header, loads in (("keep-alive", (), LOADS),
                                ("a connection for each request", ("-H", "Connection: close"),
                                 (("`tls`", ["tls"], "0.95, none lost"), *LOADS[2:3]))):
        process, port = server()
        load(bench, port, header)
        for name, view, target in loads:
            found, rate, words = side_by_side(bench, turns, lambda: load(bench, port, header), *view,
                                              pid=process.pid)
            bench.row(f"Go HTTPS server, 1 KB answers, 8 connections, {kind}, requests/s left, {name}",
                      f"{bench.spread(found)} of {rate:,.0f}/s; {losses(words)}", target)
        process.process.kill()


def transfer(bench, port, size, up, view):
    """(bytes/s, what glasstap said) of one transfer by a Go client, traced or not."""
    way = ["-up", str(size), "-down", "0"] if up else ["-up", "0", "-down", str(size)]
    client = cells.Program([gotls(), "client", "-certs", programs.certs(), "-nosum", "-wait",
                            "-requests", "1", *way, f"1.3@{port}"])
    client.until("waiting")
    tap = bench.Tap(*view, "-p", str(client.pid)) if view else None
    client.go()
    said = client.done()
    speed = size / float(re.search(r"^seconds ([\d.]+)$", said, re.M).group(1))
    return speed, Words(tap.process.communicate(timeout=120)[1].decode()) if tap else None


def bench_tls_transfer(bench, _directory):
    size = 100_000_000
    _, port = server()
    for up, way in ((False, "download"), (True, "upload")):
        for name, view, target in (LOADS[0][:2] + ("0.80, 100 %",), LOADS[2], LOADS[3]):
            plain, traced, shares = [transfer(bench, port, size, up, None)[0]], [], []
            for _ in range(2 if bench.QUICK else 9):
                speed, words = transfer(bench, port, size, up, view)
                traced.append(speed)
                shares.append((words.out if up else words.into) / size)
                plain.append(transfer(bench, port, size, up, None)[0])
            found = [t * 2 / (a + b) for t, a, b in zip(traced, plain, plain[1:])]
            seen = f"; {min(1, *shares):.2%} of the plaintext" if name == LOADS[0][0] else ""
            bench.row(f"100 MB by one {way} of a Go client, speed left, {name}",
                      f"{bench.spread(found)} of {statistics.median(plain) / 1e9:.2f} GB/s{seen}", target)


def bench_tls_many(bench, directory):
    """1,000 connections at once: a whole exchange is one whose plaintext is right."""
    count, each = 1000, ["-requests", "4", "-up", "200", "-down", "1000"]
    certs = programs.certs()
    path = lib.fresh(directory, ".json")
    traced = cells.Program([*cells.tap(path), "--", gotls(), "server", "-certs", certs, *each, "-conns",
                            str(count), "1.3"])
    traced.until("ready")
    began = time.monotonic()
    cells.Program([gotls(), "client", "-certs", certs, *each, "-parallel", str(count),
                   *cells.targets(traced.ports(), count)]).done()
    seconds = time.monotonic() - began
    result = cells.Traced(traced.done(), path, "")
    whole = 0
    for said in result.said:
        try:
            cells.judge(result, said)
            whole += 1
        except lib.Failed:
            pass
    bench.row("1,000 concurrent connections with 4 requests each, JSON",
              f"{whole * 4:,} whole exchanges, {seconds:.2f} s", "4,000")


def bench_tls_exec(bench, directory):
    """How long the probes take to come when a large program starts by itself, under `-n`.
    (Under `--` they are there before it starts.)"""
    file = os.path.join(lib.BUILD, "programs", "usr", "bin", "rclone")
    if not os.access(file, os.X_OK):
        raise lib.Skipped("rclone is not here (scripts/go-programs fetches it)")
    size = f"a Go program of {os.stat(file).st_size / 1e6:.0f} MB"
    turns = 5 if bench.QUICK else 21
    found = []
    for _ in range(turns):
        began = time.monotonic()
        status, out, _ = lib.glasstap("doctor", "--", file)
        found.append(1e3 * (time.monotonic() - began))
        lib.equal(status, 0, f"doctor: {out}")
    bench.row(f"{size}: read and its places for probes proved (`doctor`, from its start to its end)",
              f"{bench.spread(found, 1)} ms")
    name = os.path.join(directory, "gt-bench-large")
    os.symlink(file, name)
    found = []
    for _ in range(turns):
        watch = bench.Tap("tls", "-n", os.path.basename(name))
        before = lib.bpf_links_of(watch.pid)
        program = lib.start([name, "rcd", "--rc-addr", "127.0.0.1:0", "--rc-no-auth"],
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        began = time.monotonic()
        while lib.bpf_links_of(watch.pid) == before and time.monotonic() - began < 5:
            time.sleep(0.0005)
        found.append(1e3 * (time.monotonic() - began))
        program.kill()
        end(watch)
    bench.row(f"from exec to probes in, {size}, `-n`", f"{bench.spread(found, 1)} ms", "< 20 ms")


def bench_tls_decrypt(bench, _directory):
    """The decryptor alone, on one core."""
    helper = os.path.join(lib.BUILD, "bench", "decrypt")
    if not os.access(helper, os.X_OK):
        raise lib.Skipped("build/bench/decrypt is not there: make helpers")
    out = subprocess.run([helper], stdout=subprocess.PIPE, text=True, check=True).stdout
    for line in out.splitlines():
        name, size, speed = re.match(r"(.*?)\s+(\d+)\s+([\d.]+) GB/s", line).groups()
        bench.row(f"the decryptor alone, one core, {name}, records of {int(size):,}", f"{speed} GB/s",
                  "1 GB/s" if name.startswith("AES-128-GCM") and size == "16384" else "")


def parts(bench):
    """Name -> part, for the table of bench/run."""
    made = {"tls-http": bench_tls_http, "tls-transfer": bench_tls_transfer, "tls-many": bench_tls_many,
            "tls-exec": bench_tls_exec, "tls-decrypt": bench_tls_decrypt}
    return {name: lambda directory, part=part: part(bench, directory) for name, part in made.items()}
