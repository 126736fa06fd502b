# SPDX-License-Identifier: MIT
"""The house rules of ARCHITECTURE.md and CONTRIBUTING.md, held to the code."""
import glob
import os
import re
import statistics
import unittest

from harness import TOP, main

LONGEST_FUNCTION = 80
LONGEST_FILE = 360


def read(*path):
    with open(os.path.join(TOP, *path), encoding="utf-8") as file:
        return file.read()


def sources(pattern="*.[ch]"):
    return sorted(os.path.basename(path)
                  for path in glob.glob(os.path.join(TOP, "src", pattern)))


def room(file):
    return re.split(r"[_.]", file)[0]


def levels():
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \|", read("ARCHITECTURE.md"),
                      re.M)
    return {name: int(level) for level, name in rows}


def functions(text):
    """(name, lines) of each function, from its type to its closing brace."""
    lines = text.split("\n")
    for number, line in enumerate(lines):
        if line != "{":
            continue
        end = lines.index("}", number)
        begin = number
        while begin > 0 and lines[begin - 1] and \
                lines[begin - 1][-1] not in "};/":
            begin -= 1
        name = next(re.match(r"\w+", text).group()
                    for text in lines[begin + 1:number]
                    if re.match(r"\w+\(", text))
        yield name, end - begin + 1


class House(unittest.TestCase):
    def test_every_room_is_in_architecture_md_and_every_row_has_files(self):
        self.assertEqual({room(file) for file in sources()}, set(levels()))

    def test_includes_go_to_a_lower_level_only(self):
        level = levels()
        for file in sources():
            for include in re.findall(r'^#include "(.*)"', read("src", file),
                                      re.M):
                with self.subTest(file=file, include=include):
                    self.assertTrue(room(include) == room(file) or
                                    level[room(include)] < level[room(file)])

    def test_headers_of_one_room_include_each_other_without_a_circle(self):
        includes = {file: re.findall(r'^#include "(.*)"', read("src", file),
                                     re.M) for file in sources("*.h")}

        def visit(file, way):
            self.assertNotIn(file, way)
            for include in includes[file]:
                visit(include, way + [file])

        for file in includes:
            visit(file, [])

    def test_functions_are_short(self):
        lengths = []
        for file in sources("*.c"):
            for name, length in functions(read("src", file)):
                lengths.append(length)
                with self.subTest(file=file, function=name):
                    self.assertLessEqual(length, LONGEST_FUNCTION)
        self.assertGreater(len(lengths), 200)
        self.assertLessEqual(statistics.median(lengths), 18)

    def test_files_are_short(self):
        for file in sources():
            with self.subTest(file=file):
                self.assertLessEqual(read("src", file).count("\n"),
                                     LONGEST_FILE)

    def test_lines_are_at_most_80_columns_wide(self):
        for file in sources():
            for number, line in enumerate(read("src", file).split("\n"), 1):
                with self.subTest(file=file, line=number):
                    self.assertLessEqual(len(line.expandtabs(8)), 80)

    def test_every_file_begins_with_its_licence(self):
        for path in glob.glob(os.path.join(TOP, "*", "*.[ch]")) + \
                glob.glob(os.path.join(TOP, "tests", "*.py")):
            with self.subTest(path=path), open(path, encoding="utf-8") as file:
                self.assertIn("SPDX-License-Identifier: MIT", file.readline())

    def test_every_source_and_test_is_in_the_makefile(self):
        named = set(re.findall(r"(?:src|tests)/\w+\.\w+", read("Makefile.am")))
        there = {os.path.relpath(path, TOP)
                 for pattern in ("src/*.[ch]", "tests/*.[ch]", "tests/*.py")
                 for path in glob.glob(os.path.join(TOP, pattern))}
        self.assertEqual(there - named, set())

    @unittest.skipUnless(os.path.isdir(os.path.join(TOP, ".github")),
                         "a tarball has no .github")
    def test_every_step_of_ci_has_a_job_in_the_workflow(self):
        steps = dict(re.findall(r"(?m)^step ([\w-]+) ([\w-]+) ",
                                read(".ci", "run")))
        if not steps:
            self.skipTest(".ci/run has no groups")
        workflow = read(".github", "workflows", "ci.yml")
        jobs = set(re.findall(r"group: ([\w-]+)\}", workflow))
        jobs.update(re.search(r"group: \[(.*)\]", workflow).group(1)
                    .split(", "))
        self.assertEqual(jobs - set(steps) - set(steps.values()), set())
        # What others need runs before them, unasked.
        self.assertEqual({step for step, group in steps.items()
                          if group != "prepare" and not {step, group} & jobs},
                         set())


if __name__ == "__main__":
    main()
