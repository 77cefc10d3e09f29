"""Runs the commands of a test run and counts the tests in what they print.

Owns: how each runner's closing line is read. A command that prints no such line counts as one test. Stdlib only.
"""

import os
import re
import subprocess
import time
from dataclasses import dataclass, field

from support.paths import ROOT

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
CARGO = re.compile(r"^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored")
PLAIN = re.compile(r"^(?:\w+: )?(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$")
PYTEST = re.compile(r"^(?:=+ )?\d+ (?:passed|failed|errors?|skipped|deselected|warnings?)\b.* in [\d.]+s\b")
PYTEST_PART = re.compile(r"(\d+) (passed|failed|errors?|skipped)")


@dataclass
class Tally:
    """Numbers of tests, and one line for each thing that failed."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    failures: list = field(default_factory=list)
    timings: list = field(default_factory=list)

    def command(self, title, command, environment=None):
        """Runs `command` in the root of the repository, shows its output and counts its tests. Returns whether it passed."""
        print(f"\n--- {title}: {' '.join(str(part) for part in command)}", flush=True)
        began = time.monotonic()
        counts = Counts()
        try:
            code = _stream([str(part) for part in command], environment, counts)
        except FileNotFoundError as missing:
            print(missing, flush=True)
            code = 127
        self._add(title, counts, code)
        self.timings.append((title, time.monotonic() - began))
        return code == 0

    def check(self, title, problem):
        """Counts one check that was made here; `problem` says what is wrong, or is empty."""
        if problem:
            print(f"\n--- {title}: {problem}", flush=True)
            self.failed += 1
            self.failures.append(f"{title}: {problem}")
        else:
            self.passed += 1

    def close(self):
        """Prints timings, failures and the one closing line; returns the exit code."""
        print("\n--- time spent")
        for title, seconds in self.timings:
            print(f"{seconds:8.1f} s  {title}")
        for failure in self.failures:
            print(f"FAILED {failure}")
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        print(f"{self.passed} passed, {self.failed} failed{skipped}", flush=True)
        return 1 if self.failed else 0

    def _add(self, title, counts, code):
        passed, failed = counts.passed, counts.failed
        if not counts.seen:
            passed, failed = (1, 0) if code == 0 else (0, 1)
        elif code != 0 and failed == 0:
            failed = 1
        self.passed += passed
        self.failed += failed
        self.skipped += counts.skipped
        if failed or code != 0:
            self.failures.append(f"{title}: {failed} failed, exit code {code}")


@dataclass
class Counts:
    """Numbers read from one command's output."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seen: bool = False

    def read(self, line):
        """Adds what a closing line says; other lines say nothing."""
        line = COLOUR.sub("", line).strip()
        if found := CARGO.match(line) or PLAIN.match(line):
            self._count(int(found[1]), int(found[2]), int(found[3] or 0))
        elif PYTEST.match(line):
            said = {word.rstrip("s") if word.startswith("error") else word: int(n) for n, word in PYTEST_PART.findall(line)}
            self._count(said.get("passed", 0), said.get("failed", 0) + said.get("error", 0), said.get("skipped", 0))

    def _count(self, passed, failed, skipped):
        self.passed += passed
        self.failed += failed
        self.skipped += skipped
        self.seen = True


def _stream(command, environment, counts):
    """Runs `command`, passing its output on line by line as it comes."""
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    for line in process.stdout:
        print(line, end="", flush=True)
        counts.read(line)
    return process.wait()
