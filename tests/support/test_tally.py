"""Counting: a run that says "all passed" while something failed would be worse than no run."""

import sys

import pytest

from support.tally import Tally


def run(script):
    """A tally of one command that prints and exits as `script` says."""
    tally = Tally()
    tally.command("it", [sys.executable, "-c", script])
    return tally.passed, tally.failed, tally.skipped


@pytest.mark.parametrize(
    ("printed", "counts"),
    [
        ("test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s", (12, 0, 1)),
        ("======== 3 passed, 1 skipped in 0.12s ========", (3, 0, 1)),
        ("157 passed, 2 deselected in 62.50s (0:01:02)", (157, 0, 0)),
        ("3 passed, 0 failed", (3, 0, 0)),
        ("nothing that is counted", (1, 0, 0)),
    ],
)
def test_closing_lines_are_counted(printed, counts):
    assert run(f"print({printed!r})") == counts


@pytest.mark.parametrize(
    ("printed", "counts"),
    [
        ("test result: FAILED. 12 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out", (12, 2, 0)),
        ("=== 1 failed, 3 passed, 2 errors in 0.12s ===", (3, 3, 0)),
        ("5 passed, 0 failed", (5, 1, 0)),
        ("killed before it said anything", (0, 1, 0)),
    ],
)
def test_failures_are_counted_and_an_exit_code_is_believed(printed, counts):
    assert run(f"print({printed!r}); raise SystemExit(1)") == counts


def test_several_closing_lines_add_up():
    line = "test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured"
    assert run(f"print({line!r}); print({line!r})") == (4, 0, 0)


def test_a_command_that_is_not_there_is_a_failure(capsys):
    tally = Tally()
    tally.command("it", ["a-program-that-nobody-has"])
    assert tally.close() == 1
    assert capsys.readouterr().out.splitlines()[-1] == "0 passed, 1 failed"
