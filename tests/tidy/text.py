"""How files look: headers, sizes, and words that must not be in them."""

import re
from statistics import median

from rules import Rule, without_tests

LINES_MAX = 800
LINES_MEDIAN_MAX = 150
CODE = (".rs", ".py", "tests/run")
# Written in pieces, so that this file does not break its own rules.
UNFINISHED = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X)\b|\b(?:to" r"do|unimple" r"mented)!")
MACHINE_PATHS = re.compile(r"(?<![\w./}])/(?:wo" r"rk|ro" r"ot|ho" r"me)/")
HOSTS = re.compile(
    r"index\.crates" r"\.io|static\.crates" r"\.io|pypi\." r"org|files\.python" r"hosted|registry\.npm" r"js|repo1?\.maven"
    r"|maven\.org|proxy\.golang|deb\.debian|artifact" r"ory|nex" r"us\."
)
SLEEPS = re.compile(r"\bsle" r"ep\s*\(|\bsleep_un" r"til\s*\(")
UNSAFE = re.compile(r"\bunsafe\s*(?:\{|fn|impl)")
# An allocator can't be written otherwise. The fuzzer's counts what an input takes; it is in no program of ours.
COUNTED_ALLOCATOR = "tests/fuzz/support/memory.rs"


def rules(tree):
    """The rules of this file."""
    rust = tree.named(".rs")
    code = [file for file in tree.files if file.endswith(CODE)]
    yield Rule("every Rust file opens with a module header (//!)", headless(tree, rust))
    yield Rule("every Python file opens with a docstring", speechless(tree, code))
    yield Rule(f"no file has more than {LINES_MAX} lines", too_long(tree, code))
    yield Rule(f"the median Rust file has fewer than {LINES_MEDIAN_MAX} lines", typically_long(tree, rust))
    yield Rule("no test sleeps", sleeping_tests(tree, code))
    yield Rule("nothing is unsafe", matches(tree, rust, UNSAFE, except_for=(COUNTED_ALLOCATOR,)))
    yield Rule("nothing is left unfinished", matches(tree, tree.files, UNFINISHED, except_for=("LICENSE", "Cargo.lock")))
    yield Rule("no path of somebody's machine", matches(tree, tree.files, MACHINE_PATHS, except_for=("Cargo.lock",)))
    yield Rule("no host of a package registry", matches(tree, tree.files, HOSTS, except_for=("Cargo.lock",)))


def headless(tree, files):
    return (f"{file}: begin with `//! ...`: what it owns, what it must not do" for file in files
            if not tree.text(file).startswith("//! ") and tree.text(file).strip())


def speechless(tree, files):
    for file in files:
        lines = [line for line in tree.text(file).splitlines() if not line.startswith("#!")]
        if not file.endswith(".rs") and lines and not lines[0].startswith('"""'):
            yield f"{file}: begin with a docstring"


def too_long(tree, files):
    return (f"{file}: {lines(tree, file)} lines; split it" for file in files if lines(tree, file) > LINES_MAX)


def typically_long(tree, files):
    middle = median(lines(tree, file) for file in files) if files else 0
    if middle >= LINES_MEDIAN_MAX:
        yield f"the median of {len(files)} files is {middle} lines"


def sleeping_tests(tree, files):
    """Files of tests as a whole; other Rust files from `#[cfg(test)]` on. Waiting with a deadline is tests/support/wait.py."""
    for file in files:
        text = tree.text(file)
        whole = file.startswith("tests/") or "/tests/" in file
        first = 1 if whole else 1 + sum(1 for _ in without_tests(text))
        for number, line in enumerate(text.splitlines(), 1):
            if number >= first and SLEEPS.search(line.split("//")[0]):
                yield f"{file}:{number}: {line.strip()[:100]}"


def matches(tree, files, pattern, except_for=()):
    for file in files:
        if file in except_for:
            continue
        for number, line in enumerate(tree.text(file).splitlines(), 1):
            if found := pattern.search(line):
                yield f"{file}:{number}: {found[0]!r}"


def lines(tree, file):
    return tree.text(file).count("\n")
