#!/usr/bin/env python3
"""How many messages and bytes each phase of a training costs, by the number of ranks.

    tests/net/messages.py --program build/mnist_dist --data digits.h5 --ranks 2,4,8 --node-ranks 1,8

The network is the baseline's; of the data a few rows are used.

Open MPI's pml_monitoring counts what each rank sends to each other, inside collectives too, from
MPI_Init to MPI_Finalize. Phases are told apart by differences of short runs that have more of one of
them: steps, epochs, checkpoints, an end. Where a node has several ranks, MNIST_DIST_NODE_RANKS makes
nodes of so many. "own" are the program's own messages; the others are those of which MPI makes its
collectives, and the number of those is MPI's choice.

Beside them stand, of runs that are not counted: seconds from mpirun to the end of the first step, from
a signal that asks for a stop to mpirun's end, and MB of a rank.
"""
import argparse
import collections
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "bench"))
from sides import ENVIRONMENT, Failed, own_bytes, parent_of  # noqa: E402

COUNTED = {
    "OMPI_MCA_pml_monitoring_enable": "2",
    "OMPI_MCA_pml_monitoring_enable_output": "3",
    "OMPI_MCA_osc": "^monitoring",  # which has no shared windows
}
STEPS, MANY = 2, 4
ROWS, LIMIT = 256, 308  # rows that are trained on; rows read, of which some are held out
# E: point to point, by the program; I: the same within MPI's collectives
LINE = re.compile(r"^([EI])\t(\d+)\t(\d+)\t(\d+) bytes\t(\d+) msgs sent", re.M)
PHASES = ("start", "step", "epoch end", "checkpoint", "stop")


class Counts(collections.Counter):
    """(kind, from, to, "messages" or "bytes") to a number; differences may be below zero."""

    def plus(self, other, times=1):
        return Counts({key: self[key] + times * other[key] for key in self.keys() | other.keys()})

    def of(self, what, kinds="EI", sender=None, receiver=None):
        return sum(
            value for (kind, a, b, unit), value in self.items()
            if unit == what and kind in kinds and sender in (None, a) and receiver in (None, b)
        )  # fmt: skip


class Runs:
    def __init__(self, options, folder, ranks, node_ranks):
        self.options, self.folder, self.ranks = options, Path(folder), ranks
        self.environment = dict(ENVIRONMENT, MNIST_DIST_NODE_RANKS=str(node_ranks))
        self.number = 0

    def command(self, epochs, steps, *keys):
        self.number += 1
        where = f"{self.ranks}-{self.environment['MNIST_DIST_NODE_RANKS']}-{self.number}"
        return where, [
            "mpirun", "-np", str(self.ranks), self.options.program, "train",
            "--data", self.options.data, "--out", where, "training.drop_last=true",
            f"training.shards={self.options.shards}", f"training.batch_size={ROWS // steps}",
            "schedule.kind=constant", f"data.limit={LIMIT}",
            f"training.epochs={epochs}", "output.report=never", "training.check_replicas=1000000", *self.options.keys, *keys,
        ]  # fmt: skip

    def count(self, epochs, steps, *keys, code=0, **variables):
        """What all ranks sent in a run of so many epochs of so many steps."""
        where, command = self.command(epochs, steps, *keys)
        environment = dict(self.environment, OMPI_MCA_pml_monitoring_filename=f"{where}.sent",
                           **COUNTED, **variables)  # fmt: skip
        done = subprocess.run(command, cwd=self.folder, env=environment, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)  # fmt: skip
        if done.returncode != code:
            raise Failed(f"{' '.join(command)}: exit code {done.returncode}\n{done.stdout}")
        counts = Counts()
        for rank in range(self.ranks):
            text = Path(self.folder, f"{where}.sent.{rank}.prof").read_text()
            for kind, a, b, size, messages in LINE.findall(text.split("# OSC")[0]):
                counts[kind, int(a), int(b), "messages"] += int(messages)
                counts[kind, int(a), int(b), "bytes"] += int(size)
        return counts, done.stdout

    def phases(self):
        one, _ = self.count(1, STEPS)
        more_steps, _ = self.count(1, 2 * STEPS)
        more_epochs, _ = self.count(2, STEPS)
        checkpoints, _ = self.count(1, STEPS, "checkpoint.every_steps=1")
        stopped, said = self.count(10, MANY, "--max-time", "0:01", code=75)
        made = int(re.search(r"in epoch 1 after step (\d+)", said).group(1))
        step = per(more_steps.plus(one, -1), STEPS)
        checkpoint = per(checkpoints.plus(one, -1), STEPS)
        end = more_epochs.plus(one, -1).plus(step, -STEPS).plus(checkpoint, -1)
        start = stopped.plus(step, -made).plus(checkpoint, -1)
        stop = one.plus(start, -1).plus(step, -STEPS).plus(checkpoint, -1).plus(end, -1)
        return dict(zip(PHASES, (start, step, end, checkpoint, stop)))

    def watch(self):
        """Seconds to the end of the first step, MB of a rank, seconds of a stop."""
        _, command = self.command(1000000, 1)
        since = time.monotonic()
        with subprocess.Popen(command, cwd=self.folder, env=self.environment, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:  # fmt: skip
            try:
                for line in process.stdout:
                    if re.match(r"epoch +1/", line):
                        break
                started = time.monotonic() - since
                megabytes = memory_of(process.pid, self.ranks)
                since = time.monotonic()
                process.send_signal(signal.SIGUSR1)
                process.stdout.read()
            except BaseException:
                process.terminate()
                raise
        if process.returncode != 75:
            raise Failed(f"{' '.join(command)}: exit code {process.returncode}")
        return started, time.monotonic() - since, megabytes


def per(counts, times):
    """One of `times` of the same. How many messages MPI takes to make a communicator differs from run
    to run, so its counts are about right."""
    odd = {key: n for key, n in counts.items() if n % times and key[0] == "E"}
    if odd:
        raise Failed(f"{times} more of the same did not cost {times} times as much: {odd}")
    return Counts({key: round(value / times) for key, value in counts.items()})


def memory_of(launcher, ranks):
    """MB of a rank: what is its own, and its part of what it shares."""
    found = [p.name for p in Path("/proc").iterdir() if p.name.isdigit()]
    sizes = [own_bytes(name) for name in found if parent_of(name) == launcher]
    if len(sizes) != ranks:
        raise Failed(f"{len(sizes)} ranks of {ranks} were found to measure their memory")
    return sum(sizes) / 2**20 / ranks


def row(counts, ranks):
    """Of rank 0, its own messages and all, sent and received; the most of a rank; all ranks'."""
    by_rank = [(counts.of("messages", sender=r), counts.of("bytes", sender=r)) for r in range(ranks)]
    return {
        "own_sent": counts.of("messages", "E", sender=0),
        "own_received": counts.of("messages", "E", receiver=0),
        "sent": counts.of("messages", sender=0),
        "received": counts.of("messages", receiver=0),
        "sent_bytes": counts.of("bytes", sender=0),
        "received_bytes": counts.of("bytes", receiver=0),
        "most": max(messages for messages, _ in by_rank),
        "most_bytes": max(size for _, size in by_rank),
        "all": counts.of("messages"),
        "all_bytes": counts.of("bytes"),
    }


HEADING = f"""
{"":27}{"rank 0: own":>15}{"rank 0: all":>15}{"rank 0: kB":>19}{"most of a rank":>19}{"all ranks":>19}
{"phase":11}{"ranks":>6}{"a node":>8}  {"sent":>7}{"recvd":>8}{"sent":>7}{"recvd":>8}{"sent":>9}{"recvd":>10}{"sent":>9}{"kB":>10}{"sent":>9}{"kB":>10}
"""


def print_row(phase, ranks, node_ranks, a):
    print(
        f"{phase:11}{ranks:6}{node_ranks:8}  {a['own_sent']:7}{a['own_received']:8}{a['sent']:7}"
        f"{a['received']:8}{a['sent_bytes'] / 1e3:9.1f}{a['received_bytes'] / 1e3:10.1f}"
        f"{a['most']:9}{a['most_bytes'] / 1e3:10.1f}{a['all']:9}{a['all_bytes'] / 1e3:10.1f}",
        flush=True,
    )


def read_options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--ranks", default="2,4,8,16,32,64")
    parser.add_argument("--node-ranks", default="1,8")
    parser.add_argument("--shards", default="64")
    parser.add_argument("--times", action="store_true", help="measure times and memory, too")
    parser.add_argument("keys", nargs="*", help="key=value of the configuration")
    options = parser.parse_args()
    for name in ("program", "data"):
        setattr(options, name, os.path.abspath(getattr(options, name)))
    return options


def measure(options, folder):
    figures = []
    for node_ranks in map(int, options.node_ranks.split(",")):
        for ranks in map(int, options.ranks.split(",")):
            runs = Runs(options, folder, ranks, node_ranks)
            for phase, counts in runs.phases().items():
                figures.append({"phase": phase, "ranks": ranks, "node_ranks": node_ranks,
                                **row(counts, ranks)})  # fmt: skip
            if not options.times:
                continue
            started, stopped, megabytes = runs.watch()
            print(f"{ranks} ranks, {node_ranks} a node: {started:.2f} s to the first step, "
                  f"{stopped:.2f} s from stop to exit, {megabytes:.1f} MB a rank", flush=True)  # fmt: skip
    return figures


def judge(figures, phase, node_ranks):
    """Whether rank 0's own messages grow no faster than the logarithm of the nodes, which double from
    figure to figure: then what is added does not grow. A step costs so many to each other node."""
    mine = [a for a in figures if (a["phase"], a["node_ranks"]) == (phase, node_ranks) and a["ranks"] >= node_ranks]
    counts, nodes = [a["own_sent"] + a["own_received"] for a in mine], [a["ranks"] // node_ranks for a in mine]
    if phase == "step":
        to_each = [count / (n - 1) for count, n in zip(counts, nodes) if n > 1]
        good = all(b <= a for a, b in zip(to_each, to_each[1:]))
    else:
        added = [b - a for a, b in zip(counts, counts[1:])]
        good = all(b <= max(a, 2) for a, b in zip(added, added[1:]))
    if not good:
        print(f"{phase}: rank 0's own messages at {nodes} nodes of {node_ranks}: {counts}", file=sys.stderr)
    return good


def main():
    options = read_options()
    with tempfile.TemporaryDirectory(prefix="mnist_dist-") as folder:
        try:
            figures = measure(options, folder)
        except Failed as failure:
            print(f"messages: {failure}", file=sys.stderr)
            return 1
    print(HEADING)
    for phase in PHASES:
        for figure in figures:
            if figure["phase"] == phase:
                print_row(phase, figure["ranks"], figure["node_ranks"], figure)
    kinds = {(figure["phase"], figure["node_ranks"]) for figure in figures}
    return 0 if all([judge(figures, *kind) for kind in sorted(kinds)]) else 1


if __name__ == "__main__":
    sys.exit(main())
