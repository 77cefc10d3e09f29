"""Clients as programs: Kafka's Java client and tools, kafkajs, rdkafka, kcat.

Owns: how each is started and what it says. A program of checks prints `ok NAME` or `failed NAME: why` for each check;
it runs once for all of them, since a Java machine takes a second to start.
"""

import os
import shutil
import subprocess
from pathlib import Path

from support.paths import KAFKA_TOOLS_LIBS, KAFKAJS, RELEASE

HERE = Path(__file__).resolve().parent
# Short programs: little memory, no time for the second compiler.
JVM = ["-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-XX:-UsePerfData", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error"]
TIMEOUT_S = 240


def run(command, stdin=None, timeout_s=TIMEOUT_S, environment=None, fails=False):
    """Runs a program to its end and answers what it printed; its failure fails the test, unless failing is right."""
    done = subprocess.run(
        [str(part) for part in command], input=stdin, capture_output=True, timeout=timeout_s,
        env={**os.environ, **(environment or {})},
    )
    said = done.stdout.decode() + done.stderr.decode() if fails else done.stdout.decode()
    assert (done.returncode != 0) == fails, f"{command} ended with {done.returncode}: {done.stdout[-2000:]} {done.stderr[-2000:]}"
    return said


class Java:
    """Kafka's Java client: the checks in java/, and the tools in Kafka's jars."""

    def __init__(self, directory):
        self.classes = directory / "java"
        self.classpath = f"{KAFKA_TOOLS_LIBS}/*"
        run(["javac", "-nowarn", "-d", self.classes, "-cp", self.classpath, *sorted((HERE / "java").glob("*.java"))])

    def checks(self, *arguments):
        """Runs java/Checks.java."""
        return run(["java", *JVM, "-cp", f"{self.classes}{os.pathsep}{self.classpath}", "Checks", *arguments])

    def tool(self, name, *arguments, stdin=None, fails=False):
        """Runs one of Kafka's command line tools by its class."""
        return run(["java", *JVM, "-cp", self.classpath, name, *arguments], stdin=stdin, fails=fails)


class Kafkajs:
    """The checks in kafkajs/."""

    def checks(self, *arguments):
        """Runs kafkajs/checks.js."""
        return run(["node", HERE / "kafkajs" / "checks.js", *arguments], environment={"NODE_PATH": str(KAFKAJS / "node_modules")})


class Rdkafka:
    """The checks in rdkafka/."""

    def checks(self, *arguments):
        """Runs the program that rdkafka/ is built into."""
        return run([RELEASE / "baton-broker-rdkafka", *arguments])


def kcat(*arguments, stdin=None):
    """Runs kcat."""
    return run([shutil.which("kcat"), "-q", *arguments], stdin=stdin)


def outcomes(said):
    """What a program of checks said of each, by name: nothing, or why it failed."""
    found = {}
    for line in said.splitlines():
        word, _, rest = line.partition(" ")
        if word == "ok":
            found[rest] = None
        elif word == "failed":
            name, _, why = rest.partition(": ")
            found[name] = why
    return found
