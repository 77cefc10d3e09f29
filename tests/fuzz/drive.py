"""Builds the fuzz targets and runs each for its time.

libFuzzer stops at the first crash, or where an input takes too long or too much memory; its last lines and the input's
file are shown.
"""

import os
import subprocess

from support.paths import ROOT

HERE = ROOT / "tests" / "fuzz"
KEPT = ROOT / ".cache" / "fuzz"
TARGETS = ("definition", "yaml", "expressions", "execution")
SECONDS_SHORT = 10
SECONDS_FULL = 900
# Coverage for libFuzzer from LLVM's own passes, which the stable compiler hands on.
FLAGS = (
    "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 "
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table "
    "-Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 -Cdebug-assertions"
)
# An input that takes this long, or this much memory, is a finding.
SECONDS_AN_INPUT = 20
MEGABYTES = 2048


def run(tally, arguments):
    """Runs all targets, or the one named, and counts each as a test."""
    seconds = SECONDS_FULL if "--full" in arguments else SECONDS_SHORT
    named = arguments[arguments.index("--only") + 1] if "--only" in arguments else None
    # With a target named, the flags are for the targets alone: build scripts and macros have no fuzzer to link with.
    triple = host()
    build = ["cargo", "build", "--release", "--locked", "--manifest-path", HERE / "Cargo.toml", "--target", triple,
             "--target-dir", KEPT / "target"]
    if not tally.command("build of fuzz targets", build, {"RUSTFLAGS": FLAGS}):
        return
    for target in TARGETS:
        if named in (None, target):
            tally.check(f"fuzz {target}", trouble(target, triple, seconds))


def host():
    """What the compiler calls this machine."""
    said = subprocess.run(["rustc", "-vV"], capture_output=True, text=True, check=True).stdout
    return next(line.removeprefix("host: ") for line in said.splitlines() if line.startswith("host: "))


def trouble(target, triple, seconds):
    """Runs one target; what it found, or None."""
    corpus, crashes = KEPT / "corpus" / target, KEPT / "crashes" / target
    for directory in (corpus, crashes):
        directory.mkdir(parents=True, exist_ok=True)
    command = [
        KEPT / "target" / triple / "release" / target,
        corpus,
        f"-max_total_time={seconds}",
        f"-timeout={SECONDS_AN_INPUT}",
        f"-rss_limit_mb={MEGABYTES}",
        f"-artifact_prefix={crashes}/",
        f"-dict={HERE / 'words.dict'}",
        "-max_len=4096",
        "-verbosity=1",
    ]
    environment = {**os.environ, "RUST_BACKTRACE": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode == 0:
        return None
    return "\n".join(done.stderr.splitlines()[-40:])
