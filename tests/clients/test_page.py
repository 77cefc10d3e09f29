"""Each command of docs/coming-from-step-functions.md, as it stands there."""

import os
import re
import subprocess
import sys

import pytest

from support.paths import BATON, CLIENT_TOOLS, ROOT, SDK_JS

PAGE = (ROOT / "docs" / "coming-from-step-functions.md").read_text()
BLOCKS = re.findall(r"^```(bash|python|javascript)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def place(directory):
    """A folder to run them in, one after another."""
    made = directory / "page"
    made.mkdir()
    return made


def ran(command, url, place):
    """What a command printed; it must succeed."""
    tools = f"{CLIENT_TOOLS / 'bin'}:{BATON.parent}:{os.environ['PATH']}"
    environment = {"PATH": tools, "HOME": str(place), "BATON_ENDPOINT": url, "NODE_PATH": str(SDK_JS / "node_modules"),
                   "AWS_PAGER": "", "AWS_EC2_METADATA_DISABLED": "true"}
    done = subprocess.run(command, env=environment, cwd=place, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_block_in_order(baton, place):
    assert len(BLOCKS) == 5, "the page has other blocks than this test knows"
    # Settings of the first block hold for those that follow, as in one shell.
    settings, printed = "", []
    for language, text in BLOCKS:
        text = text.replace("http://127.0.0.1:7070", baton.url)
        if language == "bash":
            settings += "".join(line + "\n" for line in text.splitlines() if line.startswith("export "))
            printed.append(ran(["bash", "-euc", settings + text], baton.url, place))
        elif language == "python":
            printed.append(ran([sys.executable, "-c", text], baton.url, place))
        else:
            printed.append(ran(["node", "-e", text], baton.url, place))
    cli, synchronous, python, javascript, applied = printed
    assert "ExecutionSucceeded" in cli and '"status": "SUCCEEDED"' in synchronous
    assert python.splitlines()[:2] == ['"hello"', "[1]"] and "Execution Does Not Exist" in python
    assert javascript.splitlines() == ['"hello"', "SUCCEEDED"]
    assert "created orders" in applied and "arn:aws:lambda:us-east-1:000000000000:function:charge" in applied
