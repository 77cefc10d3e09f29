"""Who may depend on whom, as the design says, and what pure crates may not use."""

import re
import tomllib

from rules import Rule, without_tests

PURE = ("orchestrator/language", "orchestrator/machine", "orchestrator/rules")
# What stands on the engine: adapters and what serves people. None of them knows another.
CORE = {"schemas", *PURE, "orchestrator/engine"}
# Folder of each crate -> folders of our crates that it may name in [dependencies]. Tests may name more.
MAY_USE = {
    "schemas": set(),
    "orchestrator/language": set(),
    "orchestrator/rules": set(),
    "orchestrator/machine": {"schemas", "orchestrator/language"},
    "orchestrator/engine": {"schemas", *PURE},
    "orchestrator/kafka": CORE,
    "orchestrator/broker": set(),
    "orchestrator/graph": set(),
    "orchestrator/store": CORE,
    "orchestrator/objects": {"schemas"},
    "orchestrator/api": CORE,
    "orchestrator/ui": {*CORE, "orchestrator/graph"},
    "workers/sdk": {"schemas"},
    "workers/lambda": {"schemas", "workers/sdk"},
    "workers/http": {"schemas", "workers/sdk"},
    "workers/aws": {"schemas", "workers/sdk"},
    "workers/examples/rust": {"schemas", "workers/sdk"},
}
# The binary and the tests put everything together.
# A workspace of its own: the fuzzer's runtime and profile are in nothing else.
FUZZING = "tests/fuzz/Cargo.toml"
ASSEMBLY = re.compile(r"orchestrator/baton|tests/.+")
NOT_IN_PURE_CRATES = {"tokio", "axum", "rdkafka", "rand", "fastrand", "getrandom", "uuid", "chrono", "reqwest", "fjall", "rustc-hash"}
NOT_IN_PURE_CODE = re.compile(
    r"std::(?:time|env|fs|net|thread|process)\b|\b(?:SystemTime|Instant|HashMap|HashSet|RandomState)\b|\brand::|now_utc\b|\basync fn\b"
)
MAY_USE_RDKAFKA = re.compile(r"orchestrator/kafka|workers/sdk|tests/.+")


def rules(tree):
    """The rules of this file."""
    crates = {file.removesuffix("/Cargo.toml"): tomllib.loads(tree.text(file)) for file in tree.named("Cargo.toml") if "/" in file and file != FUZZING}
    ours = {crate["package"]["name"]: folder for folder, crate in crates.items()}
    yield Rule("every crate is a member of the workspace, named one by one", not_members(tree, crates))
    yield Rule("dependencies point downward", wrong_way(crates, ours))
    yield Rule("only the Kafka adapter, the worker SDK and tests know rdkafka", knows_rdkafka(crates))
    yield Rule("versions of dependencies stand in the workspace only", own_versions(crates))
    yield Rule("pure crates depend on nothing impure", impure_dependencies(crates))
    yield Rule("pure crates use no clock, randomness, environment, I/O, threads or unordered maps", impure_code(tree))
    yield Rule("every crate obeys the workspace's lints", without_lints(crates))


def not_members(tree, crates):
    members = set(tomllib.loads(tree.text("Cargo.toml"))["workspace"]["members"])
    yield from (f"{folder}/Cargo.toml: add {folder!r} to the workspace's members" for folder in crates.keys() - members)
    yield from (f"Cargo.toml: member {member!r} has no Cargo.toml in the repository" for member in members - crates.keys())


def wrong_way(crates, ours):
    for folder, crate in crates.items():
        if ASSEMBLY.fullmatch(folder):
            continue
        if folder not in MAY_USE:
            yield f"{folder}: say in tests/tidy/layers.py what it may depend on"
            continue
        for name in crate.get("dependencies", {}).keys() & ours.keys():
            if ours[name] not in MAY_USE[folder]:
                yield f"{folder}/Cargo.toml depends on {name} ({ours[name]}), which is not beneath it"
        for name in crate.get("dev-dependencies", {}).keys() & ours.keys():
            if folder.split("/")[0] != ours[name].split("/")[0] and ours[name] != "schemas":
                yield f"{folder}/Cargo.toml: its tests use {name}, which is across the wire"


def knows_rdkafka(crates):
    for folder, crate in crates.items():
        if "rdkafka" in dependencies(crate) and not MAY_USE_RDKAFKA.fullmatch(folder):
            yield f"{folder}/Cargo.toml depends on rdkafka; go through the engine's ports instead"


def own_versions(crates):
    for folder, crate in crates.items():
        for name, how in dependencies(crate).items():
            if not (isinstance(how, dict) and how.get("workspace")):
                yield f"{folder}/Cargo.toml: write `{name}.workspace = true` and the version in the root"


def impure_dependencies(crates):
    for folder in PURE:
        for name in crates.get(folder, {}).get("dependencies", {}).keys() & NOT_IN_PURE_CRATES:
            yield f"{folder}/Cargo.toml depends on {name}"


def impure_code(tree):
    for file in tree.named(".rs"):
        if not file.startswith(tuple(f"{folder}/src/" for folder in PURE)):
            continue
        for number, line in without_tests(tree.text(file)):
            code = line.split("//")[0]
            if found := NOT_IN_PURE_CODE.search(code):
                yield f"{file}:{number}: {found[0]}"


def without_lints(crates):
    for folder, crate in crates.items():
        if not crate.get("lints", {}).get("workspace"):
            yield f"{folder}/Cargo.toml: add `[lints] workspace = true`"


def dependencies(crate):
    """All dependencies of a crate, of whatever kind."""
    return {**crate.get("build-dependencies", {}), **crate.get("dev-dependencies", {}), **crate.get("dependencies", {})}
