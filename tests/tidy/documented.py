"""What is served and written must be documented: routes, records, decisions."""

import re
import tomllib

from rules import Rule, without_tests

ROUTE = re.compile(r"\.route(?:_service)?\(\s*\"([^\"]+)\"")
DESCRIBED = re.compile(r"path = \"(/[^\"]+)\"")
RECORD_TYPE = re.compile(r"pub const TYPE_\w+: &str = \"([^\"]+)\"")
TOPIC = re.compile(r"name\(\"([a-z-]+)\"\)")
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)")


def rules(tree):
    """The rules of this file."""
    yield Rule("every route is in docs/http.md", unlisted(tree, routes(tree), "docs/http.md"))
    yield Rule("every route under /v1 is in the OpenAPI document", undescribed(tree))
    yield Rule("every record type is in docs/wire-contract.md", unlisted(tree, constants(tree, RECORD_TYPE, "cloudevents"), "docs/wire-contract.md"))
    yield Rule("every topic is in docs/wire-contract.md", unlisted(tree, constants(tree, TOPIC, "topics"), "docs/wire-contract.md"))
    yield Rule("every dependency has its reason in docs/decisions", unlisted(tree, dependencies(tree), "docs/decisions/0002-dependencies.md", quoted=True))
    yield Rule("links between documents lead somewhere", dead_links(tree))


def routes(tree):
    for file in tree.named(".rs"):
        if file.startswith(("orchestrator/api/src/", "orchestrator/ui/src/")):
            code = "\n".join(line for _, line in without_tests(tree.text(file)))
            yield from ((path, file) for path in [*ROUTE.findall(code), *DESCRIBED.findall(code)])


def undescribed(tree):
    """`routes!` takes a route from its description; `.route` has none."""
    for file in tree.named(".rs"):
        if file.startswith("orchestrator/api/src/"):
            code = "\n".join(line for _, line in without_tests(tree.text(file)))
            yield from (f"{file}: describe {path} with utoipa::path and add it by routes!" for path in ROUTE.findall(code) if path.startswith("/v1/"))


def constants(tree, pattern, module):
    file = f"schemas/src/{module}.rs"
    found = pattern.findall(tree.text(file))
    # A pattern that finds nothing checks nothing.
    assert found, f"{file}: nothing looks like {pattern.pattern}; change tests/tidy/documented.py with it"
    return ((name, file) for name in found)


def dependencies(tree):
    for name, how in tomllib.loads(tree.text("Cargo.toml"))["workspace"]["dependencies"].items():
        if not (isinstance(how, dict) and "path" in how):
            yield name, "Cargo.toml"


def unlisted(tree, named, document, quoted=False):
    """Names that a document does not have as a whole word, or as a whole in backticks if `quoted`."""
    text = tree.text(document)
    if not text:
        yield f"{document} is missing"
        return
    for name, file in named:
        form = f"`{re.escape(name)}`" if quoted else rf"(?<![\w{{}}/]){re.escape(name)}(?![\w{{}}/-])"
        if not re.search(form, text):
            yield f"{file}: {name!r} is not in {document}"


def dead_links(tree):
    for file in tree.named(".md"):
        folder = (tree.root / file).parent
        for target in LINK.findall(tree.text(file)):
            if not (folder / target).exists():
                yield f"{file}: links to {target}, which is not there"
