# SPDX-License-Identifier: Apache-2.0
"""A program in C to build, as a workload of real work: make, compiler, assembler, linker.

Owns the tree, which is written anew for each build, and the number of execs a build makes. Its
directory carries the mark, and stands early in the arguments of each program that runs, before
those that tracers cut.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

FUNCTIONS = 25
EXECS_OF_ALL = 4  # make; to link: gcc, collect2, ld
EXECS_PER_FILE = 3  # gcc, cc1, as
# gcc hands -I to the compiler and the assembler, and temporary names to the linker.
_MAKEFILE = """export TMPDIR := {directory}/tmp
CC := /usr/bin/gcc
FLAGS := -I {directory} -O1
OBJECTS := {objects}
{directory}/program: $(OBJECTS)
\t@$(CC) -o $@ $(OBJECTS)
{directory}/%.o: {directory}/%.c
\t@$(CC) $(FLAGS) -c -o $@ $<
"""
_FUNCTION = """
int part{file}_{number}(const char *text, int *counts)
{{
	int sum = {number};

	for (const char *at = text; *at; at++) {{
		counts[(unsigned char)*at % 64] += {file};
		sum = sum * 31 + (*at ^ counts[{number}]);
	}}
	if (sum < 0)
		fprintf(stderr, "part {file} {number}: %d %s\\n", sum, strerror(errno));
	return sum % {modulus};
}}
"""
_INCLUDES = "".join(
    f"#include <{name}.h>\n"
    for name in ("errno", "stdio", "stdlib", "string", "unistd", "sys/wait")
)
_MAIN = "int main(void)\n{\n\treturn 0;\n}\n"


def execs(files: int) -> int:
    """Execs that a build of so many files makes."""
    return EXECS_OF_ALL + EXECS_PER_FILE * files


def write_tree(directory: Path, files: int) -> None:
    """Write sources and Makefile."""
    (directory / "tmp").mkdir(parents=True)
    for file in range(files):
        text = _INCLUDES + "".join(
            _FUNCTION.format(file=file, number=number, modulus=97 + number)
            for number in range(FUNCTIONS)
        )
        (directory / f"part{file}.c").write_text(text + ("" if file else _MAIN))
    objects = " ".join(str(directory / f"part{file}.o") for file in range(files))
    (directory / "Makefile").write_text(_MAKEFILE.format(directory=directory, objects=objects))
