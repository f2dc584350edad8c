#!/usr/bin/env python3
"""The same network, batch, optimizer, data and cores in PyTorch and here, in turn.

    tests/bench/compare_torch.py --program build/mnist_dist --data data/digits.h5 --csv train.csv.gz

Run by hand on a quiet machine; see README.md beside this. Each round measures ours and theirs one
after the other, so that what slows the machine slows both; a ratio is the median of the rounds'
ratios, ours by PyTorch's, and above 1 is in our favour unless the line says otherwise. "PyTorch" is
the fastest of its layouts, compiled or not, in each version: Debian's (/usr/bin/python3) and the
newest on PyPI (in --venv). Every ratio's line names what it was held against.
"""
import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from sides import DEBIAN, KEEPING, SIDE, Failed, Ours, Worker, has_torch, last_line
from sides import newest_python, pinned, rate_of_all, say

LOOKS = 3


class Rounds:
    """What was measured, by name; a name's values are of the rounds in order."""

    def __init__(self, title, count):
        self.title, self.count, self.values = title, count, {}

    def __iter__(self):
        for i in range(self.count):
            say(f"{self.title}: round {i + 1} of {self.count}")
            yield i

    def add(self, name, value):
        self.values.setdefault(name, []).append(value)

    def table(self, units):
        for name, values in self.values.items():
            print(f"  {self.title:10} {name:58} {summary(values)} {units}")

    def best(self, names, most=True):
        """The name with the greatest median, or the least."""
        return (max if most else min)(names, key=lambda name: statistics.median(self.values[name]))

    def ratio(self, text, top, bottom, note=""):
        # a round's ratio, so that what slowed the whole round is not in it
        ratios = [a / b for a, b in zip(self.values[top], self.values[bottom])]
        spread = f"{min(ratios):.2f} to {max(ratios):.2f}, {len(ratios)} rounds"
        print(f"{text} {statistics.median(ratios):.2f}  ({spread}; {note or bottom})", flush=True)


def summary(values):
    return f"{statistics.median(values):9.1f} ({min(values):.1f} to {max(values):.1f})"


def variants(worker, compute, eager):
    for layout in ("nchw", "channels_last"):
        for compiled in (False, True) if worker.compiles and not eager else (False,):
            yield {"compute": compute, "layout": layout, "compiled": compiled}


def describe(worker, variant, *words):
    compiled = ["compiled"] if variant["compiled"] else []
    return " ".join([worker.name, variant["compute"], variant["layout"], *compiled, *words])


def describe_engine(worker, engine):
    return f"pandas {worker.pandas} {engine}{f' {worker.pyarrow}' if engine == 'pyarrow' else ''}"


class Comparison:
    def __init__(self, options, ours, workers):
        self.options, self.ours, self.workers = options, ours, workers
        self.chosen = {}

    def choose(self, worker, compute, eager=False):
        """The variant that trains fastest, compiled or not unless it is to be eager: by the best of
        some short looks at each in turn. Those that fail are left out."""
        key = worker.name, compute, eager
        if key not in self.chosen:
            looks = {describe(worker, v): (v, []) for v in variants(worker, compute, eager)}
            for _ in range(LOOKS):
                for name in list(looks):
                    self.look(worker, name, looks)
            if not looks:
                raise Failed(f"{worker.name} cannot train in {compute}")
            for name, (_, rates) in looks.items():
                say(f"{name}: {max(rates):.0f} images/s at the best of {LOOKS} looks")
            self.chosen[key] = max(looks.values(), key=lambda look: max(look[1]))[0]
        return self.chosen[key]

    @staticmethod
    def look(worker, name, looks):
        variant, rates = looks[name]
        answer = worker.try_to(do="step", variant=variant, seconds=1.0, limit=90)
        if "error" in answer:
            say(f"{name}: left out: {answer['error']}")
            del looks[name]
        else:
            rates.append(answer["rate"])

    def choose_augmentation(self, worker, variant):
        def rate(name):
            request = {"do": "epoch", "variant": variant, "augmentation": name, "rows": 860}
            return max(worker.ask(**request)["rate"] for _ in range(LOOKS))

        return max(("grid_sample", "gather"), key=rate)

    def compare_training(self, title, measure_ours, theirs):
        """theirs: (name, compute, function), of which each is called once a round."""
        rounds = Rounds(title, self.options.rounds)
        for _ in rounds:
            for compute in self.ours.computes:
                rounds.add(f"ours {compute}", measure_ours(compute))
                for name, their_compute, measure in theirs:
                    if their_compute == compute:
                        rounds.add(name, measure())
        rounds.table("images/s")
        self.print_ratios(rounds, title, theirs)

    def print_ratios(self, rounds, title, theirs):
        best = {
            compute: rounds.best([name for name, its, _ in theirs if its == compute])
            for compute in self.ours.computes
        }
        rounds.ratio(f"float32 {title} ratio", "ours float32", best["float32"])
        if "bfloat16" not in best:
            return
        for compute, name in best.items():
            text = f"bfloat16 {title} ratio to PyTorch's {compute}"
            rounds.ratio(text, "ours bfloat16", name)

    def step(self):
        theirs = []
        for worker in self.workers:
            for compute in self.ours.computes:
                variant = self.choose(worker, compute)
                request = {"do": "step", "variant": variant, "seconds": self.options.seconds}
                theirs.append((describe(worker, variant), compute,
                               lambda w=worker, r=request: w.ask(**r)["rate"]))  # fmt: skip
        self.compare_training("step", self.ours.step, theirs)

    def epoch(self):
        theirs, rows = [], self.options.epoch_rows
        for worker in self.workers:
            for compute in self.ours.computes:
                variant = self.choose(worker, compute)
                way = self.choose_augmentation(worker, variant)
                request = {"do": "epoch", "variant": variant, "augmentation": way, "rows": rows}
                theirs.append((describe(worker, variant, way), compute,
                               lambda w=worker, r=request: w.ask(**r)["rate"]))  # fmt: skip
        self.compare_training("epoch", lambda compute: self.ours.epoch(compute, rows), theirs)

    def run_ddp(self, worker, ranks, variant):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = str(probe.getsockname()[1])
        request = json.dumps({"variant": variant, "seconds": self.options.seconds})
        started = [
            subprocess.Popen(
                [worker.python, SIDE, "ddp", str(rank), str(ranks), port, request],
                stdout=subprocess.PIPE, stderr=worker.log, text=True,
                **pinned(self.ours.cores, KEEPING)
            )
            for rank in range(ranks)
        ]  # fmt: skip
        return rate_of_all(started, f"{worker.name}: DistributedDataParallel of {ranks} processes")

    def ddp(self):
        for ranks in (2, 8):
            rounds, names = Rounds(f"ddp {ranks}", self.options.rounds), {}
            for worker in self.workers:
                variant = self.choose(worker, "float32", eager=True)
                names[describe(worker, variant, f"DDP {ranks}")] = worker, variant
            for _ in rounds:
                rounds.add(f"ours -np {ranks}", self.ours.step("float32", ranks, self.ours.cores))
                for name, (worker, variant) in names.items():
                    rounds.add(name, self.run_ddp(worker, ranks, variant))
            rounds.table("images/s")
            for name in names:
                rounds.ratio(f"ratio at {ranks} processes", f"ours -np {ranks}", name)

    def ranks(self):
        rounds = Rounds("ranks", self.options.rounds)
        for _ in rounds:
            for ranks in (1, 2, 8):
                rate = self.ours.step("float32", ranks, self.ours.cores)
                rounds.add(f"ours -np {ranks}", rate)
        rounds.table("images/s")
        rounds.ratio("ratio of -np 2 to -np 1", "ours -np 2", "ours -np 1")
        rounds.ratio("ratio of -np 8 to -np 2", "ours -np 8", "ours -np 2")

    def memory(self):
        """A process that trains and nothing else, on either side."""
        rounds, names = Rounds("memory", 1), []
        data_bytes = self.workers[0].ask(do="data_bytes")["bytes"]
        for worker in self.workers:
            variant = self.choose(worker, "float32", eager=True)
            fresh = Worker(worker.python, self.ours.data, self.ours.cores[:1], worker.log)
            request = {"do": "memory", "variant": variant, "augmentation": "gather"}
            names.append(describe(worker, variant))
            rounds.add(names[-1], fresh.ask(**request)["megabytes"])
            fresh.close()
        for ranks in (2, 8):
            rounds.add(f"ours, a rank of {ranks}", self.ours.memory(ranks, data_bytes))
        rounds.table("MB")
        least = rounds.best(names, most=False)
        for ranks in (2, 8):
            text = f"memory ratio of a rank of {ranks}"
            rounds.ratio(text, f"ours, a rank of {ranks}", least, f"to {least}; less is better")

    def read_csv(self):
        if self.options.csv is None:
            print("import: skipped, since no --csv was named")
            return
        path, rows = os.path.abspath(self.options.csv), {}
        for worker in self.workers:
            os.sched_setaffinity(worker.process.pid, self.ours.cores)
            for engine in ("c", "pyarrow") if worker.pandas else ():
                request = {"do": "read_csv", "path": path, "engine": engine}
                answer = worker.try_to(**request)
                if "error" not in answer:
                    rows[describe_engine(worker, engine)] = worker, request
        if not rows:
            raise Failed("pandas.read_csv: no Python here has pandas (Debian: python3-pandas)")
        rounds = self.time_imports(path, rows)
        for worker in self.workers:
            os.sched_setaffinity(worker.process.pid, self.ours.cores[:1])
        rounds.table("ms")
        for name in rows:
            for what in ("process", "call"):
                bottom = f"{name}, {what}"
                note = f"{bottom} by our process"
                rounds.ratio(f"import ratio to the {what}", bottom, "ours, process", note)

    def time_imports(self, path, rows):
        rounds = Rounds("import", self.options.rounds)
        for _ in rounds:
            rounds.add("ours, process", 1000 * self.ours.read_csv(path))
            for name, (worker, request) in rows.items():
                rounds.add(f"{name}, call", 1000 * worker.ask(**request)["seconds"])
                seconds = worker.read_csv_process(path, request["engine"], self.ours.cores)
                rounds.add(f"{name}, process", 1000 * seconds)
        return rounds

    def start(self):
        rounds = Rounds("start", self.options.rounds)
        for _ in rounds:
            rounds.add("ours", 1000 * self.ours.start(8))
        rounds.table("ms from mpirun -np 8 to the end of the first step")
        seconds = statistics.median(rounds.values["ours"]) / 1000
        print(f"start to first step, 8 ranks, seconds {seconds:.2f}")


PARTS = {
    "step": Comparison.step,
    "epoch": Comparison.epoch,
    "ddp": Comparison.ddp,
    "ranks": Comparison.ranks,
    "memory": Comparison.memory,
    "import": Comparison.read_csv,
    "start": Comparison.start,
}


def read_options():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    venv = os.path.join(tempfile.gettempdir(), "mnist_dist-newest-torch")
    parser.add_argument("--program", default="build/mnist_dist")
    parser.add_argument("--data", default="data/digits.h5", help="from mnist_dist import")
    parser.add_argument("--csv", help="Kaggle's train.csv or train.csv.gz, for import")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0, help="of PyTorch's steps, a round")
    parser.add_argument("--epoch-rows", type=int, default=12000, help="rows of an epoch")
    parser.add_argument("--only", default=",".join(PARTS), help="parts, by commas (all of them)")
    parser.add_argument("--quick", action="store_true", help="one short round: does it work?")
    parser.add_argument("--cores", help="which, by commas (the first two; one process has the first)")
    parser.add_argument("--venv", default=venv,
                        help=f"for the newest PyTorch, kept; none: leave it out ({venv})")  # fmt: skip
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.seconds, options.epoch_rows = 1, 1.0, 2000
    unknown = set(options.only.split(",")) - set(PARTS)
    if unknown:
        parser.error(f"--only: {', '.join(sorted(unknown))}: there are {', '.join(PARTS)}")
    return options


def compare(options, folder):
    allowed = sorted(os.sched_getaffinity(0))
    cores = [int(core) for core in options.cores.split(",")] if options.cores else allowed[:2]
    for path in (options.program, options.data, *([options.csv] if options.csv else [])):
        if not os.path.exists(path):
            raise Failed(f"{path}: there is no such file")
    if not has_torch(DEBIAN):
        raise Failed(f"{DEBIAN} cannot import torch and h5py: install python3-torch, python3-h5py")
    ours = Ours(options, cores, folder)
    with open(Path(folder, "torch.log"), "w+") as log:
        pythons = [python for python in (DEBIAN, newest_python(options.venv)) if python]
        workers = [Worker(python, ours.data, cores[:1], log, KEEPING) for python in pythons]
        comparison = Comparison(options, ours, workers)
        for part in options.only.split(","):
            PARTS[part](comparison)
        for worker in workers:
            worker.close()


def main():
    options = read_options()
    with tempfile.TemporaryDirectory(prefix="mnist_dist-") as folder:
        try:
            compare(options, folder)
        except Failed as failure:
            log = Path(folder, "torch.log")
            if log.exists() and log.stat().st_size:
                say(f"PyTorch's output ended with: {last_line(log.read_text())}")
            say(f"compare_torch: {failure}")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
