"""The programs of the matrix: built once for each Go version and kind, kept in
build/matrix until their source changes."""

import os
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "live"))

import lib
from lib import Failed, Skipped

PROGRAMS = os.path.join(lib.ROOT, "tests", "programs")
KEPT = os.path.join(lib.BUILD, "matrix")
COMPILERS = os.environ.get("GO_COMPILERS", os.path.join(lib.BUILD, "go"))

VERSIONS = ("1.15", "1.19", "1.21", "1.22", "1.23", "1.24", "1.26", "1.27")

# Name -> arguments of go build, whether cgo is on, whether strip(1) comes after.
KINDS = {
    "plain": ([], False, False),
    "-s -w": (["-ldflags", "-s -w"], False, False),
    "PIE": (["-trimpath", "-buildmode=pie"], False, False),
    "PIE stripped": (["-trimpath", "-buildmode=pie"], False, True),
    "cgo": (["-ldflags", "-linkmode=external"], True, False),
    # -trimpath as above: the standard library is compiled once for both.
    "static-PIE": (["-trimpath", "-buildmode=pie", "-tags", "netgo,osusergo",
                    "-ldflags", "-linkmode=external -extldflags -static-pie"], True, False),
}
MIXERS = 5000  # functions of the checksum program


def compiler(version):
    return os.path.join(COMPILERS, version, "usr", "lib", f"go-{version}", "bin", "go")


def versions():
    """Those whose compiler is there."""
    return [version for version in VERSIONS if os.access(compiler(version), os.X_OK)]


def sources(checksum):
    directory = os.path.join(PROGRAMS, "gotls")
    found = [os.path.join(directory, name) for name in sorted(os.listdir(directory))
             if name.endswith(".go")]
    return found + ([os.path.join(PROGRAMS, "checksum")] if checksum else [])


def fresh(target, *inputs):
    try:
        made = os.stat(target).st_mtime
    except OSError:
        return False
    return all(os.stat(file).st_mtime < made for file in inputs)


def run(arguments, **options):
    done = subprocess.run(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, **options)
    if done.returncode:
        raise Failed(f"{' '.join(arguments[:3])}: {done.stdout[-400:]}")


def gotls(version, kind="plain", checksum=False):
    """The file of the program, built if need be."""
    name = kind.replace(" ", "") + ("-checksum" if checksum else "")
    target = os.path.join(KEPT, version, name, "gotls")
    inputs = sources(checksum)
    if fresh(target, *inputs):
        return target
    if not os.access(compiler(version), os.X_OK):
        raise Skipped(f"Go {version} is not here (scripts/go-compilers fetches it)")
    directory = os.path.join(KEPT, version, name, "src")
    shutil.rmtree(directory, ignore_errors=True)
    os.makedirs(directory)
    for file in inputs:
        if file.endswith(".go"):
            shutil.copy(file, directory)
    if checksum:
        with open(os.path.join(directory, "mixers.go"), "w") as file:
            subprocess.run([inputs[-1], str(MIXERS)], stdout=file, check=True)
    # The defaults of a program depend on the version that its module names.
    with open(os.path.join(directory, "go.mod"), "w") as file:
        file.write(f"module gotls\n\ngo {version}\n")
    build(version, directory, target + ".new", KINDS[kind])
    runs(version, kind, target + ".new")
    os.rename(target + ".new", target)
    return target


def build(version, directory, target, kind):
    arguments, cgo, stripped = kind
    go = compiler(version)
    environment = dict(os.environ, GOROOT=os.path.dirname(os.path.dirname(go)),
                       GOCACHE=os.path.join(KEPT, "cache"), GOTOOLCHAIN="local",
                       GOFLAGS="-mod=mod", GOPROXY="off", GO111MODULE="on", GOWORK="off",
                       GOPATH=os.path.join(KEPT, "path"), CGO_ENABLED="01"[cgo])
    environment.pop("GODEBUG", None)
    if cgo and not shutil.which("gcc"):
        raise Skipped("gcc is not installed")
    run([go, "build", *arguments, "-o", target, "."], cwd=directory, env=environment)
    if stripped:
        run(["strip", target])


def runs(version, kind, file):
    """Some combinations of an old linker and a new libc build, and then do not run."""
    done = subprocess.run([file], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, text=True)
    if "usage" not in done.stderr:
        raise Broken(f"Go {version}, {kind}: it builds, but ends with {done.returncode} by itself")


class Broken(Skipped):
    pass


def peer():
    target, source = os.path.join(KEPT, "peer"), os.path.join(PROGRAMS, "peer.c")
    if not fresh(target, source):
        os.makedirs(KEPT, exist_ok=True)
        run(["gcc", "-std=gnu17", "-D_GNU_SOURCE", "-O2", "-g", "-Wall", "-Wextra", "-Werror",
             "-o", target, source, "-lssl", "-lcrypto", "-lpthread"])
    return target


def certs():
    """A directory with a CA of our own and what it signed, new when a week is over."""
    directory = os.path.join(KEPT, "certs")
    made = os.path.join(directory, "client.pem")
    if fresh(made) and os.stat(made).st_mtime > lib.time.time() - 7 * 86400:
        return directory
    os.makedirs(directory, exist_ok=True)
    here = versions()
    if not here:
        raise Skipped("no Go compiler is here (scripts/go-compilers fetches them)")
    run([gotls(here[-1]), "certs", directory])
    return directory
