"""Where things are, seen from the root of the repository. Stdlib only: ./tests/run imports it before anything is installed."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache"
VENV = CACHE / "venv"
VENV_PYTHON = VENV / "bin" / "python"
KAFKA_LIBS = CACHE / "kafka" / "libs"
KAFKA_POM = ROOT / "tests" / "support" / "kafka" / "pom.xml"
KAFKA_TOOLS_LIBS = CACHE / "kafka-tools" / "libs"
KAFKA_TOOLS_POM = ROOT / "tests" / "support" / "kafka" / "tools" / "pom.xml"
KAFKAJS = CACHE / "kafkajs"
KAFKAJS_PACKAGE = ROOT / "tests" / "broker" / "kafkajs" / "package.json"
CLIENT_TOOLS = CACHE / "client-tools"
CLIENT_TOOLS_REQUIREMENTS = ROOT / "tests" / "clients" / "requirements.txt"
SDK_JS = CACHE / "sdk-js"
SDK_JS_PACKAGE = ROOT / "tests" / "clients" / "js" / "package.json"
WORKERS = CACHE / "workers"
WORKERS_PYTHON = WORKERS / "venv" / "bin" / "python"
WORKERS_NODE = WORKERS / "node"
WORKERS_LAMBDA_RUST = WORKERS / "rust" / "target" / "release" / "steps-lambda"
WORKERS_SOURCES = ROOT / "tests" / "workers"
REQUIREMENTS = ROOT / "tests" / "support" / "requirements.txt"
RESULTS = CACHE / "results"
RELEASE = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"
BATON = RELEASE / "baton"
EXAMPLES = ROOT / "workers" / "examples"
