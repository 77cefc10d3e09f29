"""The rules of the house as tests. `./tests/run tidy` runs it; each rule counts as one test."""

import sys

import documented
import layers
import text
from rules import Tree

SHOWN_MAX = 30


def main():
    tree = Tree()
    assert tree.files, "no files found: run this in the repository"
    rules = [rule for module in (layers, text, documented) for rule in module.rules(tree)]
    for rule in rules:
        print(f"{'FAIL' if rule.broken else 'ok  '} {rule.name}")
        for place in rule.broken[:SHOWN_MAX]:
            print(f"       {place}")
        if len(rule.broken) > SHOWN_MAX:
            print(f"       ... and {len(rule.broken) - SHOWN_MAX} more")
    failed = sum(1 for rule in rules if rule.broken)
    print(f"{len(rules) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
