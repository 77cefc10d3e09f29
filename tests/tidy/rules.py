"""What the tidy rules share: the tracked files, and what a rule is."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
IGNORED = ("target", ".cache", ".git")


class Rule:
    """One rule: a name, and the places that break it (one line each, saying where and what)."""

    def __init__(self, name, broken):
        self.name = name
        self.broken = sorted(broken)


class Tree:
    """The files of the repository: tracked, or new and not ignored."""

    def __init__(self, root=ROOT):
        self.root = root
        self.files = sorted(file for file in _listed(root) if (root / file).is_file())

    def named(self, ending):
        """Files whose path ends like this."""
        return [file for file in self.files if file.endswith(ending)]

    def text(self, file):
        """A file's text; empty if it is not there or not text."""
        try:
            return (self.root / file).read_text(encoding="utf-8")
        except (FileNotFoundError, UnicodeDecodeError):
            return ""


def without_tests(text):
    """`(line number, line)` of Rust code before its tests, which come last in a file."""
    for number, line in enumerate(text.splitlines(), 1):
        if re.match(r"\s*#\[cfg\((?:test|all\(test)", line):
            return
        yield number, line


def _listed(root):
    try:
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
            cwd=root, capture_output=True, text=True, check=True,
        )
        return listed.stdout.splitlines()
    except (FileNotFoundError, subprocess.CalledProcessError):  # an exported tree without git
        paths = (path.relative_to(root) for path in root.rglob("*"))
        return [str(path) for path in paths if path.parts[0] not in IGNORED]
