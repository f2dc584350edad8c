#!/usr/bin/python3
"""Damages copies of Keras files, byte by byte, and has `import-model` read them: a checkpoint, or one line and exit code 3.

    damage.py PROGRAM CASES FILE...
"""
import os
import random
import subprocess
import sys


def damaged(content, numbers):
    """A few bytes are others, a stretch is missing, or the end is."""
    copy, kind = bytearray(content), numbers.randrange(4)
    at = numbers.randrange(len(copy))
    if kind == 0:
        del copy[at:]
    elif kind == 1:
        del copy[at:at + numbers.randrange(1, 64)]
    else:
        for _ in range(1 << numbers.randrange(5)):
            copy[numbers.randrange(len(copy))] = numbers.randrange(256)
    return bytes(copy)


def main():
    program, cases, *files = sys.argv[1:]
    contents, numbers, taken = [open(file, "rb").read() for file in files], random.Random(5), 0
    for case in range(int(cases)):
        with open("damaged", "wb") as file:
            file.write(damaged(contents[case % len(contents)], numbers))
        result = subprocess.run([program, "import-model", "damaged", "-o", "taken.h5"], capture_output=True, text=True,
                                check=False)
        lines = result.stderr.splitlines()
        refused = result.returncode == 3 and len(lines) == 1 and "damaged: " in lines[0]
        if not refused and result.returncode != 0:
            os.replace("damaged", "/tmp/mnist_dist_damaged")
            sys.exit(f"case {case}: exit code {result.returncode}: {result.stderr}(kept as /tmp/mnist_dist_damaged)")
        taken += result.returncode == 0
    print(f"{cases} damaged files: {int(cases) - taken} refused by a line, {taken} read in spite of it")


main()
