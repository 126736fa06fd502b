# SPDX-License-Identifier: MIT
"""The code follows the rules of ARCHITECTURE.md and CONTRIBUTING.md."""
import collections
import glob
import os
import re
import statistics
import unittest

from harness import TOP, main

# A long function is refused; a long file too, though later.
LONGEST_FUNCTION = 60
LONGEST_FILE = 500

# What the files of each folder may include, beside those of their own.
MAY_INCLUDE = {
    "base": set(),
    "record": {"base"},
    "config": {"base", "record"},
    "system": {"base", "record", "config"},
    "output": {"base", "record", "config"},
    "input": {"base", "record", "config", "system", "output"},
    "daemon": {"base", "record", "config", "system", "output", "input"},
    "client": {"base", "record", "config"},
    "": {"base", "config", "daemon", "client"},  # the two main()
}


def read(*path):
    with open(os.path.join(TOP, *path), encoding="utf-8") as file:
        return file.read()


def sources(*patterns):
    """Paths below TOP of the files that match: src/input/udp.c, ..."""
    return sorted(os.path.relpath(path, TOP) for pattern in patterns
                  for path in glob.glob(os.path.join(TOP, pattern)))


def all_sources(extension="[ch]"):
    return sources(f"src/*.{extension}", f"src/*/*.{extension}")


def code(path):
    """The text of a file without its comments, attributes and strings."""
    text = re.sub(r"/\*.*?\*/", " ", read(path), flags=re.S)
    text = re.sub(r"__attribute__\(\((?:[^()]|\([^()]*\))*\)\)", "", text)
    return re.sub(r'"(?:\\.|[^"\\\n])*"', '""', text)


def module(path):
    """A .c and its .h are one: src/input/udp."""
    return os.path.splitext(path)[0]


def includes(path):
    return re.findall(r'^#include "(.*)"', read(path), re.M)


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


def include_arrows(paths, root):
    """(module, module that it includes)."""
    there = {module(path) for path in paths}
    for path in paths:
        for include in includes(path):
            target = module(os.path.join(root, include))
            if target in there and target != module(path):
                yield module(path), target


def call_arrows(paths):
    """(module, module whose function it names)."""
    home = {}
    own = collections.defaultdict(set)
    for path in paths:
        if path.endswith(".c"):
            for before, name in re.findall(r"^(.*)\n(\w+)\(", code(path), re.M):
                own[path].add(name)
                if "static" not in before.split() and name != "main":
                    home[name] = module(path)
    for path in paths:
        for word in set(re.findall(r"\b\w+\b", code(path))):
            if path.endswith(".c") and word in home and \
                    word not in own[path] and home[word] != module(path):
                yield module(path), home[word]


def circle(arrows):
    """One circle of modules, as a list; None: there is none."""
    targets = collections.defaultdict(set)
    for source, target in arrows:
        targets[source].add(target)
    done = set()

    def visit(node, way):
        if node in way:
            return way[way.index(node):] + [node]
        if node in done:
            return None
        for target in sorted(targets[node]):
            found = visit(target, way + [node])
            if found:
                return found
        done.add(node)
        return None

    for node in sorted(targets):
        found = visit(node, [])
        if found:
            return found
    return None


class Folders(unittest.TestCase):
    def test_a_folder_includes_only_what_it_may(self):
        for path in all_sources():
            folder = os.path.dirname(os.path.relpath(path, "src"))
            for include in includes(path):
                with self.subTest(file=path, include=include):
                    self.assertIn(os.path.dirname(include),
                                  MAY_INCLUDE[folder] | {folder})

    def test_only_tls_files_include_openssl(self):
        for path in all_sources():
            if not re.fullmatch(r"src/(base|client|input)/tls\w*\.c", path):
                with self.subTest(file=path):
                    self.assertNotRegex(
                        read(path), r"(?m)^\s*#\s*include\s*[<\"]openssl/")

    def test_every_folder_is_in_architecture_md(self):
        named = set(re.findall(r"^\| `(\w+)/` \|", read("ARCHITECTURE.md"),
                               re.M))
        self.assertEqual(named, set(MAY_INCLUDE) - {""})
        there = {path.split("/")[1] for path in sources("src/*/*.c")}
        self.assertEqual(named, there)

    def test_no_files_include_or_call_each_other_in_a_circle(self):
        paths = all_sources()
        arrows = set(include_arrows(paths, "src")) | set(call_arrows(paths))
        self.assertGreater(len(arrows), 200)
        self.assertIsNone(circle(arrows))

    def test_no_files_of_bench_include_or_call_each_other_in_a_circle(self):
        paths = sources("bench/*.[ch]")
        self.assertIsNone(circle(set(include_arrows(paths, "bench")) |
                                 set(call_arrows(paths))))

    def test_a_circle_is_found(self):
        self.assertEqual(circle({("a", "b"), ("b", "c"), ("c", "b")}),
                         ["b", "c", "b"])
        self.assertIsNone(circle({("a", "b"), ("b", "c"), ("a", "c")}))


class Lengths(unittest.TestCase):
    def test_functions_are_short(self):
        lengths = []
        for path in all_sources("c"):
            for name, length in functions(read(path)):
                lengths.append(length)
                with self.subTest(file=path, function=name):
                    self.assertLessEqual(length, LONGEST_FUNCTION)
        self.assertGreater(len(lengths), 200)
        self.assertLessEqual(statistics.median(lengths), 18)

    def test_files_are_short(self):
        for path in all_sources():
            with self.subTest(file=path):
                self.assertLessEqual(read(path).count("\n"), LONGEST_FILE)

    def test_lines_are_at_most_80_columns_wide(self):
        for path in all_sources():
            for number, line in enumerate(read(path).split("\n"), 1):
                with self.subTest(file=path, line=number):
                    self.assertLessEqual(len(line.expandtabs(8)), 80)


class Files(unittest.TestCase):
    def test_every_file_begins_with_its_licence(self):
        for path in all_sources() + sources("*/*.[ch]", "tests/*.py"):
            with self.subTest(path=path):
                self.assertIn("SPDX-License-Identifier: MIT",
                              read(path).split("\n")[0])

    def test_every_header_begins_with_its_name(self):
        """Of a folder's first header, the folder's name stands above it."""
        for path in all_sources("h"):
            folder, name = module(path).split("/")[-2:]
            with self.subTest(path=path):
                self.assertRegex(
                    read(path), rf"\A.*\n/\*(\n \*)? ({name}: |{folder}/: "
                                rf"(?s:(?!\*/).)*\n \* {name}: )")

    def test_every_header_says_who_may_call_it(self):
        for path in all_sources("h"):
            comments = " ".join(re.findall(r"/\*.*?\*/", read(path), re.S))
            with self.subTest(path=path):
                self.assertRegex(comments, r"(?i)thread|\bpure\b|data alone")

    def test_every_source_and_test_is_in_the_makefile(self):
        named = set(re.findall(r"(?:src|tests)/[\w/]+\.\w+",
                               read("Makefile.am")))
        there = set(all_sources() + sources("tests/*.[ch]", "tests/*.py"))
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
        # Steps of this group run when another step needs them.
        self.assertEqual({step for step, group in steps.items()
                          if group != "prepare" and not {step, group} & jobs},
                         set())


if __name__ == "__main__":
    main()
