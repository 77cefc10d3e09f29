"""Builds the fuzz targets, runs each for its time, and counts each as a test.

Owns: what a target begins with, how long it runs and what is too much for one input. libFuzzer stops at the first
finding; its last lines and the input's file are shown.
"""

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from support.paths import ROOT

HERE = ROOT / "tests" / "fuzz"
KEPT = ROOT / ".cache" / "fuzz"
BUILT = ROOT / "target" / "fuzz"
TARGETS = ("definition", "yaml", "expressions", "execution", "teststate", "records", "requests", "log")
# Targets that write what they begin with themselves.
SEEDED = ("requests", "log")
# A minute in all, or an hour.
SECONDS_SHORT = 60 // len(TARGETS)
SECONDS_FULL = 3600 // len(TARGETS)
# Coverage for libFuzzer from LLVM's own passes, which the stable compiler hands on.
FLAGS = (
    "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 "
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table "
    "-Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1"
)
# An input that takes this long is a finding, and so is one after which this much is resident. The targets have a
# closer bound on what they hold, each its own.
SECONDS_AN_INPUT = 60
MEGABYTES = 2048
INPUT_BYTES_MAX = 4096
SHARED = Path("/dev/shm")
# Between the parts of one input; support/pieces.rs has it, too.
BETWEEN = b"\xff~--~\xff"


def run(tally, arguments):
    """Runs all targets, or the one named, and counts each as a test."""
    seconds = SECONDS_SHORT
    if is_long := "--full" in arguments or "--seconds" in arguments:
        seconds = int(arguments[arguments.index("--seconds") + 1]) if "--seconds" in arguments else SECONDS_FULL
    named = arguments[arguments.index("--only") + 1] if "--only" in arguments else None
    if named not in (None, *TARGETS):
        tally.check("fuzz", f"no target named {named!r}; targets: {', '.join(TARGETS)}")
        return
    # With a target named, the flags are for the targets alone: build scripts and macros have no fuzzer to link with.
    triple = host()
    # Not locked: a crate's new dependency joins the lock here, which nobody else builds with; what is in it stays.
    build = ["cargo", "build", "--profile", "fuzz", "--manifest-path", HERE / "Cargo.toml", "--target", triple,
             "--target-dir", BUILT, *(["--bin", named] if named else [])]
    if not tally.command("build of fuzz targets", build, {"RUSTFLAGS": FLAGS}):
        return
    for target in TARGETS:
        if named in (None, target):
            fuzz(tally, target, BUILT / triple / "fuzz" / target, seconds, is_long)


def host():
    """What the compiler calls this machine."""
    said = subprocess.run(["rustc", "-vV"], capture_output=True, text=True, check=True).stdout
    return next(line.removeprefix("host: ") for line in said.splitlines() if line.startswith("host: "))


def fuzz(tally, target, binary, seconds, is_long):
    """Runs one target from its seeds and what once was found; a long run goes on from what earlier ones learnt."""
    corpus, crashes, seeds = (KEPT / kind / target for kind in ("corpus", "crashes", "seeds"))
    shutil.rmtree(seeds, ignore_errors=True)
    for directory in (corpus, crashes, seeds):
        directory.mkdir(parents=True, exist_ok=True)
    sow(target, binary, seeds)
    command = [
        binary, *([corpus] if is_long else []), seeds,
        f"-max_total_time={seconds}",
        f"-timeout={SECONDS_AN_INPUT}",
        f"-rss_limit_mb={MEGABYTES}",
        f"-artifact_prefix={crashes}/",
        f"-dict={HERE / 'words.dict'}",
        f"-max_len={INPUT_BYTES_MAX}",
        "-print_final_stats=1",
        "-verbosity=1",
    ]
    # In memory where the system has such a place: some targets write files for each input.
    with tempfile.TemporaryDirectory(dir=SHARED if SHARED.is_dir() else None) as ground:
        tally.command(f"fuzz {target}", command, {"RUST_BACKTRACE": "1", "TMPDIR": ground})


def sow(target, binary, seeds):
    """Puts what the target begins with into a directory."""
    found = HERE / "found" / target
    if found.is_dir():
        shutil.copytree(found, seeds, dirs_exist_ok=True)
    if target in SEEDED:
        subprocess.run([binary], env={**os.environ, "BATON_FUZZ_SEEDS": str(seeds)}, check=True)
        return
    for number, seed in enumerate(examples(target)):
        (seeds / f"seed-{number:03}").write_bytes(seed)


def examples(target):
    """What the repository itself has of the kind."""
    definitions = [path.read_bytes() for path in sorted((ROOT / "workers" / "examples").glob("*.asl.json"))]
    definitions += [one.encode() for one in (HERE / "seeds" / "definitions.txt").read_text().splitlines()]
    if target == "definition":
        yield from definitions
    elif target == "yaml":
        yield from definitions
        yield b"StartAt: A\nStates:\n  A: &a {Type: Pass, Next: B}\n  B:\n    <<: *a\n    Type: Succeed\n    Comment: |\n      x\n"
    elif target == "expressions":
        yield from (HERE / "seeds" / "expressions.txt").read_bytes().splitlines()
    elif target == "teststate":
        for definition in definitions:
            yield b"\x08" + BETWEEN.join((definition, b'{"a":1}', b"{}", b"{}", b'{"v":1}', b"[1]", b"S"))
    elif target == "records":
        for path in sorted((ROOT / "schemas" / "examples").glob("*/*.json")):
            yield record(path)


def record(path):
    """A record of the contract's examples, as the target reads it: key, value, headers."""
    example = json.loads(path.read_bytes())
    if path.parent.name == "history-v1":
        return BETWEEN.join((b"k", json.dumps(example, separators=(",", ":")).encode()))
    value = example.get("value")
    parts = [(example.get("key") or "").encode(), json.dumps(value, separators=(",", ":")).encode()]
    parts += [f"{name}={text}".encode() for name, text in (example.get("headers") or {}).items()]
    return BETWEEN.join(parts)
