#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Prints everything that a package needs, from a Debian package index alone.

Usage: packages_closure.py FILE PACKAGE...
       packages_closure.py --count FILE

The rules are those of client/examples/packages.c, written down a second time, so
that the two can be compared. Several packages are printed one after the other,
each behind a line "# PACKAGE". --count prints packages, dependencies and
dependencies that have no package, as packages.c does.
"""

import re
import sys


def stanzas(path):
    fields, last = {}, None
    with open(path, encoding="utf-8", errors="surrogateescape") as lines:
        for line in lines:
            line = line.rstrip("\r\n")
            if not line:
                if fields:
                    yield fields
                fields, last = {}, None
            elif line[0] in " \t":
                if last is not None:
                    fields[last] += line
            else:
                name, _, text = line.partition(":")
                last = name
                fields[name] = text.strip(" \t")
    if fields:
        yield fields


def names(text):
    """The names of a comma-separated field, each a list of alternatives."""
    for group in text.split(","):
        alternatives = []
        for alternative in group.split("|"):
            found = re.match(r"[ \t\n]*([^ \t\n(:\[<]+)", alternative)
            if found:
                alternatives.append(found.group(1))
        if alternatives:
            yield alternatives


def read(path):
    packages, provided = {}, {}
    for fields in stanzas(path):
        name = fields.get("Package")
        if name and name not in packages and fields.get("Status", " installed").endswith(
            " installed"
        ):
            packages[name] = fields
    for name, fields in packages.items():
        for alternatives in names(fields.get("Provides", "")):
            provided.setdefault(alternatives[0], name)
    links, missing = {}, 0
    for name, fields in packages.items():
        needed = []
        for field in ("Pre-Depends", "Depends"):
            for alternatives in names(fields.get(field, "")):
                for wanted in alternatives:
                    target = wanted if wanted in packages else provided.get(wanted)
                    if target:
                        break
                else:
                    missing += 1
                    continue
                if target != name and target not in needed:
                    needed.append(target)
        links[name] = needed
    return links, missing


def closure(links, start):
    seen, waiting = {start}, [start]
    while waiting:
        for name in links[waiting.pop()]:
            if name not in seen:
                seen.add(name)
                waiting.append(name)
    return sorted(seen - {start})


def main():
    if len(sys.argv) == 3 and sys.argv[1] == "--count":
        links, missing = read(sys.argv[2])
        total = sum(len(needed) for needed in links.values())
        print(
            f"{len(links)} packages with {total} dependencies; "
            f"{missing} dependencies have no package"
        )
        return 0
    if len(sys.argv) < 3:
        sys.stderr.write(__doc__)
        return 2
    links, _ = read(sys.argv[1])
    for package in sys.argv[2:]:
        if package not in links:
            sys.stderr.write(f"packages_closure.py: there is no package {package}\n")
            return 1
        if len(sys.argv) > 3:
            print(f"# {package}")
        for name in closure(links, package):
            print(name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
