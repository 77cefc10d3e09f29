"""The rules themselves: each finds what it is there to find, in a small tree made for it."""

import documented
import layers
import pytest
import text
from rules import Tree

WORKSPACE = '[workspace]\nmembers = ["orchestrator/language", "workers/sdk"]\n[workspace.dependencies]\nserde = "1"\n'
CRATE = '[package]\nname = "{}"\n[lints]\nworkspace = true\n[dependencies]\n{}\n'
CONSTANTS = 'pub const TYPE_A: &str = "baton.a.v1";\n'
CLEAN = {
    "Cargo.toml": WORKSPACE,
    "orchestrator/language/Cargo.toml": CRATE.format("baton-language", "serde.workspace = true"),
    "orchestrator/language/src/lib.rs": "//! Reads.\n",
    "workers/sdk/Cargo.toml": CRATE.format("baton-worker", "rdkafka.workspace = true"),
    "schemas/src/cloudevents.rs": "//! Names.\n" + CONSTANTS,
    "schemas/src/topics.rs": '//! Topics.\nlet history = name("history");\n',
    "docs/wire-contract.md": "`baton.a.v1` on `baton.history`\n",
    "docs/http.md": "GET `/v1/things/{id}`\n",
    "docs/decisions/0002-dependencies.md": "| `serde` | JSON |\n",
}


def broken(tmp_path, **files):
    """Names of the rules that a tree breaks: the clean one, with these files in it."""
    for file, content in {**CLEAN, **{name.replace("__", "/"): content for name, content in files.items()}}.items():
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(content)
    tree = Tree(tmp_path)
    return [rule.name for module in (layers, text, documented) for rule in module.rules(tree) if rule.broken]


def test_a_clean_tree_breaks_nothing(tmp_path):
    assert broken(tmp_path) == []


@pytest.mark.parametrize(
    ("file", "content", "rule"),
    [
        ("workers__sdk__Cargo.toml", CRATE.format("baton-worker", "baton-language.workspace = true"), "dependencies point downward"),
        ("orchestrator__language__Cargo.toml", CRATE.format("baton-language", "tokio.workspace = true"), "pure crates depend on nothing impure"),
        ("orchestrator__language__Cargo.toml", CRATE.format("baton-language", 'serde = "1"'), "versions of dependencies"),
        ("orchestrator__language__Cargo.toml", CRATE.format("baton-language", "rdkafka.workspace = true"), "know rdkafka"),
        ("orchestrator__language__Cargo.toml", '[package]\nname = "baton-language"\n', "lints"),
        ("orchestrator__language__src__lib.rs", "//! A.\nuse std::collections::HashMap;\n", "pure crates use no clock"),
        ("orchestrator__language__src__lib.rs", "//! A.\nlet now = SystemTime::now();\n", "pure crates use no clock"),
        ("orchestrator__language__src__lib.rs", "use a;\n", "module header"),
        ("orchestrator__language__src__lib.rs", "//! A.\n" + "\n" * 800, "no file has more than"),
        ("orchestrator__language__src__lib.rs", "//! A.\n#[cfg(test)]\nmod tests { fn t() { sle" "ep(1) } }\n", "no test sleeps"),
        ("orchestrator__language__src__lib.rs", "//! A.\nlet x = to" "do!();\n", "nothing is left unfinished"),
        ("orchestrator__language__src__lib.rs", "//! A.\nuns" "afe { x() }\n", "nothing is unsafe"),
        ("a.sh", "cd /ro" "ot/x\n", "no path of somebody's machine"),
        ("a.toml", 'url = "https://index.crates' '.io"\n', "no host of a package registry"),
        ("docs__http.md", "nothing\n", "every route"),
        ("docs__wire-contract.md", "`baton.a.v10` on `history`\n", "every record type"),
        ("docs__decisions__0002-dependencies.md", "| `serde_json` |\n", "every dependency"),
        ("a.md", "see [b](b.md)\n", "links between documents"),
        ("new__Cargo.toml", CRATE.format("new", ""), "every crate is a member"),
    ],
)
def test_each_rule_finds_what_it_is_there_for(tmp_path, file, content, rule):
    (tmp_path / "orchestrator/api/src").mkdir(parents=True)
    (tmp_path / "orchestrator/api/src/lib.rs").write_text('//! Routes.\nrouter.route("/v1/things/{id}", get(it))\n')
    assert any(rule in name for name in broken(tmp_path, **{file: content}))


def test_code_after_the_tests_begin_is_not_the_crates_own(tmp_path):
    code = "//! A.\nfn a() {}\n#[cfg(test)]\nmod tests { use std::collections::HashMap; }\n"
    assert broken(tmp_path, **{"orchestrator__language__src__lib.rs": code}) == []


def test_every_folder_of_the_design_has_its_row():
    for folder in ("orchestrator/language", "orchestrator/machine", "orchestrator/engine", "workers/sdk", "schemas"):
        assert folder in layers.MAY_USE
    assert not any(used.startswith("orchestrator") for folder, uses in layers.MAY_USE.items() if folder.startswith("workers") for used in uses)
    assert not any(used.startswith("workers") for folder, uses in layers.MAY_USE.items() if folder.startswith("orchestrator") for used in uses)
