"""Installs what the tests need, once, into .cache/: Python environments, Kafka's jars, kafkajs, AWS's
clients, cargo-deny.

Owns: the list of system packages and how each missing one is named to the user. Stdlib only. It never touches the
system unless it runs as root on a machine with apt-get; otherwise it says what to install.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys

from support.paths import (
    CACHE, CLIENT_TOOLS, CLIENT_TOOLS_REQUIREMENTS, KAFKA_LIBS, KAFKA_POM, KAFKA_TOOLS_LIBS, KAFKA_TOOLS_POM, KAFKAJS,
    KAFKAJS_PACKAGE, REQUIREMENTS, SDK_JS, SDK_JS_PACKAGE, VENV, VENV_PYTHON, WORKERS, WORKERS_NODE, WORKERS_SOURCES,
)

# command -> Debian package that has it.
FOR_BUILD = {"cc": "gcc", "g++": "g++", "make": "make", "perl": "perl"}
FOR_CERTIFICATES = {"openssl": "openssl"}
FOR_KAFKA = {"java": "openjdk-17-jre-headless", "mvn": "maven"}
FOR_KAFKA_TOOLS = {**FOR_KAFKA, "javac": "openjdk-17-jdk-headless"}
FOR_KAFKAJS = {"node": "nodejs", "npm": "npm"}
# AWS's runtime interface clients for Python and Node bring C++ with them, and build it.
FOR_LAMBDA = {"autoconf": "autoconf", "automake": "automake", "cmake": "cmake", "libtoolize": "libtool", **FOR_BUILD}
FOR_KCAT = {"kcat": "kcat"}
JAVA_MINIMUM = 17


class Missing(Exception):
    """Something the tests need is not there and could not be installed; the message says how to get it."""


def build_tools():
    """Rust and the compilers that librdkafka, OpenSSL and zstd are built with."""
    if shutil.which("cargo") is None:
        raise Missing("cargo is not on PATH: install Rust with rustup (https://rustup.rs)")
    _system_packages(FOR_BUILD)


def openssl():
    """What makes the certificates of the tests."""
    _system_packages(FOR_CERTIFICATES)


def kafka():
    """Java and Kafka's jars."""
    _system_packages(FOR_KAFKA)
    _check_java()
    _jars(KAFKA_POM, KAFKA_LIBS)


def kafka_tools():
    """A Java compiler, and the jars of Kafka's client and console tools."""
    _system_packages(FOR_KAFKA_TOOLS)
    _check_java()
    _jars(KAFKA_TOOLS_POM, KAFKA_TOOLS_LIBS)


def kafkajs():
    """Node's Kafka client with codecs for it."""
    _system_packages(FOR_KAFKAJS)
    _npm(KAFKAJS, KAFKAJS_PACKAGE, "kafkajs")


def sdk_js():
    """AWS's SDK for JavaScript."""
    _system_packages(FOR_KAFKAJS)
    _npm(SDK_JS, SDK_JS_PACKAGE, "AWS's SDK for JavaScript")


def client_tools():
    """The AWS CLI and schemathesis, in an environment of their own: the CLI wants a botocore of its own."""
    stamp = CLIENT_TOOLS / "stamp"
    if _stamped(stamp, CLIENT_TOOLS_REQUIREMENTS):
        return
    shutil.rmtree(CLIENT_TOOLS, ignore_errors=True)
    _must([sys.executable, "-m", "venv", str(CLIENT_TOOLS)], "python3 could not make a virtual environment")
    _must(
        [str(CLIENT_TOOLS / "bin" / "python"), "-m", "pip", "install", "-q", "--disable-pip-version-check", "-r",
         str(CLIENT_TOOLS_REQUIREMENTS)],
        "pip could not install tests/clients/requirements.txt: check the network, or your package index settings",
    )
    _stamp(stamp, CLIENT_TOOLS_REQUIREMENTS)


def _npm(folder, package, what):
    stamp = folder / "stamp"
    if _stamped(stamp, package):
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    shutil.copy(package, folder)
    # Nothing of it needs a script at its installation; none is run.
    _must(
        ["npm", "install", "--prefix", str(folder), "--ignore-scripts", "--no-audit", "--no-fund"],
        f"npm could not install {what}: check the network, or your npm registry settings",
    )
    _stamp(stamp, package)


def lambda_runtimes():
    """AWS's runtime interface clients for Lambda, and moto; what can't be had is said, and its tests are skipped."""
    for name, step in (("Python", _lambda_python), ("Node", _lambda_node), ("Rust", _lambda_rust)):
        try:
            _system_packages(FOR_LAMBDA)
            step()
        except Missing as missing:
            print(f"workers in {name} are skipped: {missing}", flush=True)


def _lambda_python():
    source = WORKERS_SOURCES / "requirements.txt"
    folder = WORKERS / "venv"
    if _stamped(folder / "stamp", source):
        return
    WORKERS.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    otherwise = "pip could not install tests/workers/requirements.txt: check the network, or your package index settings"
    _must([sys.executable, "-m", "venv", str(folder)], "python3 could not make a virtual environment")
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "-q", "--disable-pip-version-check", "-r", str(source)]
    _must(pip, otherwise, on_failure=folder)
    _stamp(folder / "stamp", source)


def _lambda_node():
    _system_packages(FOR_KAFKAJS)
    source = WORKERS_SOURCES / "package.json"
    if _stamped(WORKERS_NODE / "stamp", source):
        return
    shutil.rmtree(WORKERS_NODE, ignore_errors=True)
    WORKERS_NODE.mkdir(parents=True)
    shutil.copy(source, WORKERS_NODE)
    npm = ["npm", "install", "--prefix", str(WORKERS_NODE), "--no-audit", "--no-fund"]
    otherwise = "npm could not install tests/workers/package.json: check the network, or your npm registry settings"
    _must(npm, otherwise, on_failure=WORKERS_NODE)
    _stamp(WORKERS_NODE / "stamp", source)


def _lambda_rust():
    source = WORKERS_SOURCES / "functions" / "rust"
    folder = WORKERS / "rust"
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(source / "manifest.toml", folder / "Cargo.toml")
    shutil.copy(source / "main.rs", folder)
    shutil.copy(WORKERS_SOURCES / "rust" / "src" / "lib.rs", folder / "steps.rs")
    cargo = ["cargo", "build", "-q", "--release", "--manifest-path", str(folder / "Cargo.toml"), "--target-dir", str(folder / "target")]
    _must(cargo, "cargo could not build the function of tests/workers/functions/rust")


def kcat():
    """kcat, if the system has it or can get it; its tests are skipped otherwise, as it is in no registry of a language."""
    try:
        _system_packages(FOR_KCAT)
    except Missing as missing:
        print(f"tests with kcat are skipped: {missing}", flush=True)


def python():
    """The virtual environment with the packages of requirements.txt."""
    stamp = VENV / "stamp"
    if _stamped(stamp, REQUIREMENTS):
        return
    CACHE.mkdir(exist_ok=True)
    shutil.rmtree(VENV, ignore_errors=True)
    made = subprocess.run([sys.executable, "-m", "venv", str(VENV)], capture_output=True, text=True)
    if made.returncode != 0:
        _apt(["python3-venv"], "python3 has no venv module")
        shutil.rmtree(VENV, ignore_errors=True)
        _must([sys.executable, "-m", "venv", str(VENV)], "python3 could not make a virtual environment")
    _must(
        [str(VENV_PYTHON), "-m", "pip", "install", "-q", "--disable-pip-version-check", "-r", str(REQUIREMENTS)],
        "pip could not install tests/support/requirements.txt: check the network, or your package index settings",
    )
    _stamp(stamp, REQUIREMENTS)


def _jars(pom, libs):
    stamp = libs.parent / "stamp"
    if _stamped(stamp, pom):
        return
    shutil.rmtree(libs, ignore_errors=True)
    libs.mkdir(parents=True)
    _must(
        ["mvn", "-q", "-B", "-f", str(pom), "dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={libs}"],
        "Maven could not fetch Kafka's jars: check the network, or your Maven mirror settings",
    )
    _stamp(stamp, pom)


def _system_packages(wanted):
    missing = {command: package for command, package in wanted.items() if shutil.which(command) is None}
    if missing:
        _apt(sorted(missing.values()), f"not on PATH: {', '.join(sorted(missing))}")


def _apt(packages, why):
    how = f"install: {' '.join(packages)} (Debian names)"
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise Missing(f"{why}; {how}")
    print(f"{why}; installing {' '.join(packages)}", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "-q"], env=environment, stdout=subprocess.DEVNULL)
    _must(["apt-get", "install", "-q", "-y", "--no-install-recommends", *packages], f"{why}; {how}", environment)


def _check_java():
    said = subprocess.run(["java", "-version"], capture_output=True, text=True).stderr
    found = re.search(r'version "(\d+)', said)
    if found is None or int(found[1]) < JAVA_MINIMUM:
        raise Missing(f"Kafka 4 needs Java {JAVA_MINIMUM} or newer, but `java -version` says: {said.strip()[:200]}")


def _must(command, otherwise, environment=None, on_failure=None):
    run = subprocess.run(command, env=environment, capture_output=True, text=True)
    if run.returncode != 0:
        if on_failure is not None:  # half of it must not look like all of it
            shutil.rmtree(on_failure, ignore_errors=True)
        raise Missing(f"{otherwise}\n{' '.join(command)} said:\n{(run.stdout + run.stderr)[-2000:]}")


def _digest(source):
    return hashlib.sha256(source.read_bytes()).hexdigest()


def _stamped(stamp, source):
    return stamp.exists() and stamp.read_text() == _digest(source)


def _stamp(stamp, source):
    stamp.write_text(_digest(source))
