"""Real programs: what they say is shown as it was."""

import hashlib
import http.server
import os
import signal
import subprocess
import threading
import time

from lib import *

PAGE = b"<p>" + b"\xc3\xa9t\xc3\xa9 " * 30000 + b"</p>\n"


def serve(directory, *prefix):
    """python's http.server with a page of 210 KB. (process, port)"""
    with open(os.path.join(directory, "index.html"), "wb") as file:
        file.write(PAGE)
    with open(os.path.join(directory, "small.txt"), "wb") as file:
        file.write(b"small\n")
    port = free_port()
    process = start([*prefix, PYTHON, "-m", "http.server", "--bind", "127.0.0.1", "--directory",
                     directory, str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_port(port, process)
    return process, port


def exchange(conns, local=None, remote=None):
    return [conn for conn in conns.values() if (local is None or conn.local == local)
            and (remote is None or conn.remote == remote) and conn.out.tiles() + conn.into.tiles()]


@test()
def curl(directory):
    need("curl")
    _, port = serve(directory)
    code, out, err = glasstap("io", "-j", "-q", "--", "curl", "-s", "-o", "/dev/null",
                              f"http://127.0.0.1:{port}/")
    equal(code, 0, f"status: {err}")
    conn = only(exchange(connections(parse_lines(out)), remote=f"127.0.0.1:{port}"), "connections")
    request, answer = conn.out.bytes(), conn.into.bytes()
    check(request.startswith(b"GET / HTTP/1.1\r\n") and request.endswith(b"\r\n\r\n"),
          f"request: {request}")
    head, _, body = answer.partition(b"\r\n\r\n")
    check(head.startswith(b"HTTP/1.0 200 OK\r\n"), f"answer: {head[:100]}")
    check(body == PAGE, "the body is not the page")
    # Together on one stdout: the lines and the command's own output.
    code, out, err = glasstap("io", "-j", "-q", "--", "curl", "-s",
                              f"http://127.0.0.1:{port}/small.txt")
    check(b"small\n" in out, "curl's output is missing")
    lines = [line for line in out.split(b"\n") if line.startswith(b'{"type"')]
    check(any(b"GET /small.txt HTTP/1.1" in line for line in lines), "the request is missing")


@test()
def python_server(directory):
    """The server's side, by -p: it was running before."""
    need("curl")
    server, port = serve(directory)
    tap = Attached(directory, "io", "-p", str(server.pid))
    for _ in range(5):
        sh("curl", "-s", "-o", "/dev/null", f"http://127.0.0.1:{port}/")
    conns = exchange(connections(tap.end().lossless().lines), local=f"127.0.0.1:{port}")
    equal(len(conns), 5, "connections")
    for conn in conns:
        check(conn.into.bytes().startswith(b"GET / HTTP/1.1\r\n"), "a request")
        wanted = conn.out.bytes()
        if not conn.out.holes():  # it may use sendfile
            check(wanted.partition(b"\r\n\r\n")[2] == PAGE, "the page")
        check(wanted.startswith(b"HTTP/1.0 200 OK\r\n"), "an answer")
        equal(len(wanted.partition(b"\r\n\r\n")[0]) + 4 + len(PAGE), conn.out.tiles(), "its length")


@test()
def python_client(directory):
    _, port = serve(directory)
    run = trace(directory, "io", [PYTHON, "-c", f"""
import urllib.request, hashlib
print(hashlib.sha256(urllib.request.urlopen("http://127.0.0.1:{port}/").read()).hexdigest())"""])
    equal(run.out.decode().strip(), hashlib.sha256(PAGE).hexdigest(), "what the client got")
    conn = only(exchange(connections(run.lossless().lines), remote=f"127.0.0.1:{port}"), "connections")
    check(conn.into.bytes().endswith(PAGE), "the page")
    check(b"User-Agent: Python-urllib" in conn.out.bytes(), "the request")


def nginx_server(directory, sendfile):
    need("nginx")
    port = free_port()
    os.makedirs(os.path.join(directory, "tmp"), exist_ok=True)
    with open(os.path.join(directory, "index.html"), "wb") as file:
        file.write(PAGE)
    config = os.path.join(directory, "nginx.conf")
    with open(config, "w") as file:
        file.write(f"""daemon off; worker_processes 1; user root; pid {directory}/pid;
error_log stderr crit; events {{ worker_connections 256; }}
http {{ access_log off; sendfile {sendfile}; client_body_temp_path {directory}/tmp;
proxy_temp_path {directory}/tmp; fastcgi_temp_path {directory}/tmp; uwsgi_temp_path {directory}/tmp;
scgi_temp_path {directory}/tmp;
server {{ listen 127.0.0.1:{port}; root {directory};
location = /hello {{ return 200 "hello from nginx\\n"; }} }} }}
""")
    os.chmod(directory, 0o755)
    process = start(["nginx", "-p", directory, "-c", config, "-e", "stderr"],
                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_port(port, process)
    workers = until("a worker", lambda: children_of(process.pid))
    return process, workers, port


def nginx(sendfile):
    def body(directory):
        need("curl")
        process, workers, port = nginx_server(directory, sendfile)
        tap = Attached(directory, "io", "-p", ",".join(map(str, [process.pid, *workers])))
        for _ in range(3):
            sh("curl", "-s", "-o", "/dev/null", f"http://127.0.0.1:{port}/hello",
               f"http://127.0.0.1:{port}/index.html")
        run = tap.end().lossless()
        conns = exchange(connections(run.lines), local=f"127.0.0.1:{port}")
        equal(len(conns), 3, "connections")
        for conn in conns:
            requests, answers = conn.into.bytes(), conn.out.bytes()
            check(requests.startswith(b"GET /hello HTTP/1.1\r\n")
                  and requests.count(b"GET /index.html HTTP/1.1\r\n") == 1, "requests")
            check(b"hello from nginx\n" in answers, "the first answer")
            heads = [part for part in answers.split(b"\r\n\r\n")]
            check(b"Content-Length: %d\r\n" % len(PAGE) in answers, "the second answer's length")
            second = answers.index(b"hello from nginx\n") + len(b"hello from nginx\n")
            start_of_page = answers.index(b"\r\n\r\n", second) + 4
            equal(len(answers) - start_of_page, len(PAGE), "bytes of the page")
            page = bytearray(PAGE)
            for offset, size in conn.out.holes():
                check(sendfile == "on", "a hole without sendfile")
                page[offset - start_of_page:offset - start_of_page + size] = bytes(size)
            check(answers[start_of_page:] == bytes(page), "the page")
        if sendfile == "on":
            gaps = {line.get("gap") for line in run.of("io") if "gap" in line}
            check(gaps <= {"sendfile"}, f"gaps: {gaps}")
        equal({line["pid"] for line in run.of("io")}, set(workers), "pids")
        process.terminate()
        process.wait(10)
    body.__name__ = f"nginx_sendfile_{sendfile}"
    return body


test()(nginx("on"))
test()(nginx("off"))


NODE = """
const http = require("http");
const body = "r\\u00e9ponse ".repeat(5000);
const server = http.createServer((req, res) => {
  let got = ""; req.on("data", d => got += d); req.on("end", () => { res.end(got + body); });
});
server.listen(0, "127.0.0.1", () => {
  const port = server.address().port;
  const req = http.request({port, host: "127.0.0.1", method: "POST", path: "/node"}, res => {
    let all = ""; res.setEncoding("utf8"); res.on("data", d => all += d);
    res.on("end", () => { console.log(port, all.length); server.close(); });
  });
  req.end("posted by node;");
});
"""


@test()
def node(directory):
    need("node")
    run = trace(directory, "io", ["node", "-e", NODE]).lossless()
    port = run.out.decode().split()[0]
    conns = connections(run.lines)
    client = only(exchange(conns, remote=f"127.0.0.1:{port}"), "clients")
    server = only(exchange(conns, local=f"127.0.0.1:{port}"), "servers")
    check(client.out.bytes() == server.into.bytes(), "the request differs at its ends")
    check(client.into.bytes() == server.out.bytes(), "the answer differs at its ends")
    check(client.out.bytes().startswith(b"POST /node HTTP/1.1\r\n")
          and b"posted by node;" in client.out.bytes(), "the request")
    check("réponse réponse".encode() in client.into.bytes(), "the answer")


def git_repository(directory):
    need("git")
    work = os.path.join(directory, "work")
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "HOME": directory,
                   "GIT_AUTHOR_NAME": "x", "GIT_AUTHOR_EMAIL": "x@x", "GIT_COMMITTER_NAME": "x",
                   "GIT_COMMITTER_EMAIL": "x@x", "GIT_TERMINAL_PROMPT": "0"}
    for command in (["init", "-q", work], ["-C", work, "config", "user.name", "x"]):
        subprocess.run(["git", *command], env=environment, check=True, stderr=subprocess.DEVNULL)
    with open(os.path.join(work, "random"), "wb") as file:
        file.write(os.urandom(100000))
    for command in (["add", "."], ["commit", "-q", "-m", "one"]):
        subprocess.run(["git", "-C", work, *command], env=environment, check=True)
    bare = os.path.join(directory, "r.git")
    subprocess.run(["git", "clone", "-q", "--bare", work, bare], env=environment, check=True)
    subprocess.run(["git", "-C", bare, "update-server-info"], env=environment, check=True)
    return work, environment


@test()
def git_over_its_own_protocol(directory):
    work, environment = git_repository(directory)
    port = free_port()
    daemon = start(["git", "daemon", "--listen=127.0.0.1", f"--port={port}", "--export-all",
                    f"--base-path={directory}", directory], env=environment,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_port(port, daemon)
    there = os.path.join(directory, "clone")
    run = trace(directory, "io", ["git", "clone", "-q", f"git://127.0.0.1:{port}/r.git", there],
                env=environment).lossless()
    check(read_file(there + "/random") == read_file(work + "/random"), "git's own result")
    conn = only(exchange(connections(run.lines), remote=f"127.0.0.1:{port}"), "connections")
    check(b"git-upload-pack /r.git" in conn.out.bytes(), "the request")
    check(b"PACK" in conn.into.bytes(), "the pack")
    check(conn.into.tiles() > 100000, "the length of the pack")


@test()
def git_over_http(directory):
    work, environment = git_repository(directory)
    _, port = serve(directory)
    there = os.path.join(directory, "clone")
    recording = fresh(directory, ".gtap")
    run = trace(directory, "io", ["git", "clone", "-q", f"http://127.0.0.1:{port}/r.git", there],
                "-w", recording, env={**environment, "GIT_SMART_HTTP": "0"}).lossless()
    check(read_file(there + "/random") == read_file(work + "/random"), "git's own result")
    conns = exchange(connections(run.lines), remote=f"127.0.0.1:{port}")
    requests = b"".join(conn.out.bytes() for conn in conns)
    check(b"GET /r.git/info/refs" in requests, "the requests")
    execs = replay(directory, "exec", recording)
    check(any("remote-http" in " ".join(line.get("argv", [])) for line in execs.of("exec")),
          "git-remote-http")
