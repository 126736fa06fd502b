#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes ignorable.h from a file of the Unicode standard.

    src/base/ignorable.py DerivedCoreProperties.txt >src/base/ignorable.h

Debian's package unicode-data has the file in /usr/share/unicode.
"""
import re
import sys

PROPERTY = "Default_Ignorable_Code_Point"
TEXT = """\
/* SPDX-License-Identifier: MIT */
/*
 * ignorable: {property} of Unicode {version}, in order:
 * what has no glyph may show nothing in place of these.  Data alone.  Made by
 * ignorable.py; do not change it by hand.
 */
#ifndef PORTLOG_BASE_IGNORABLE_H
#define PORTLOG_BASE_IGNORABLE_H

#include <stdint.h>

static const struct {{
	uint32_t first, last;
}} ignorable[] = {{
{rows}}};

#endif
"""


def ranges(text):
    """[first, last] of each, those that touch in one."""
    found = []
    for first, last in re.findall(
            rf"(?m)^([0-9A-F]+)(?:\.\.([0-9A-F]+))? *; {PROPERTY}\b", text):
        first, last = int(first, 16), int(last or first, 16)
        if found and found[-1][1] + 1 == first:
            found[-1][1] = last
        else:
            found.append([first, last])
    return found


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        text = file.read()
    version = re.match(r"# DerivedCoreProperties-([\d.]+)\.txt\n", text)
    items = [f"{{ 0x{first:05x}, 0x{last:05x} }},"
             for first, last in ranges(text)]
    rows = "".join("\t" + " ".join(items[i:i + 3]) + "\n"
                   for i in range(0, len(items), 3))
    print(TEXT.format(version=version.group(1), property=PROPERTY, rows=rows),
          end="")


main()
