#!/usr/bin/env python3
"""Images/s over several hosts: ours by PyTorch's DistributedDataParallel (gloo), in turn.

    tests/bench/scale_torch.py --program build/mnist_dist --hosts 4 --mbit 1000 --batches 256,1024

Run by hand, as root, on a quiet machine; see README.md beside this. The hosts are network namespaces
of this machine (tests/net/hosts.sh), whose lines have that rate; all share its cores, and each has one
process of one thread. A round measures ours and every kind of theirs, one after the other. Theirs is
every layout of each version of PyTorch: the fastest is what ours is held against.
"""
import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from compare_torch import Rounds
from sides import DEBIAN, KEEPING, PLAIN, SIDE, Failed, has_torch, last_line, newest_python
from sides import rate_of_all

NET = Path(__file__).resolve().parents[1] / "net"
PORT = "29500"  # the network is ours alone


class Ours:
    def __init__(self, options):
        self.options, self.name = options, f"ours, {options.shards} shards"

    def rate(self, batch):
        options = self.options
        command = [
            "mpirun", "-np", str(options.hosts), options.program, "bench", "step", "--json", *PLAIN,
            f"training.batch_size={batch}", f"training.shards={options.shards}", *options.keys
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            said = last_line(done.stderr)
            raise Failed(f"{' '.join(command)}: exit {done.returncode}: {said}")
        for figure in map(json.loads, done.stdout.splitlines()):
            if (figure["name"], figure["units"]) == ("training step", "images/s"):
                return figure["median"]
        raise Failed("bench step --json: no images/s")


class Theirs:
    def __init__(self, options, python, layout):
        self.options, self.python = options, python
        self.variant = {"compute": "float32", "layout": layout}
        ask = [python, "-c", "import torch; print(torch.__version__)"]
        version = subprocess.run(ask, capture_output=True, text=True, check=True).stdout.strip()
        self.name = f"PyTorch {version.split('+')[0]} {layout}"

    def start(self, rank, request, log):
        words = [self.python, str(SIDE), "ddp", str(rank), str(self.options.hosts), PORT, request]
        return subprocess.Popen(
            [NET / "on_host.sh", f"n{rank + 1}", *map(shlex.quote, words)],
            stdout=subprocess.PIPE, stderr=log, text=True,
            env=dict(KEEPING, MASTER_ADDR="10.99.0.1", GLOO_SOCKET_IFNAME="eth0"),
        )  # fmt: skip

    def rate(self, batch):
        wanted = {"variant": self.variant, "seconds": self.options.seconds, "batch": batch}
        with tempfile.TemporaryFile("w+") as log:
            started = [
                self.start(rank, json.dumps(wanted), log) for rank in range(self.options.hosts)
            ]
            return rate_of_all(started, self.name, log)


def compare(options):
    if not has_torch(DEBIAN):
        raise Failed(f"{DEBIAN} cannot import torch and h5py: install python3-torch, python3-h5py")
    pythons = [python for python in (DEBIAN, options.newest) if python]
    theirs = [Theirs(options, python, layout)
              for python in pythons for layout in ("nchw", "channels_last")]  # fmt: skip
    ours = Ours(options)
    for batch in map(int, options.batches.split(",")):
        rounds, loads = Rounds(f"batch {batch}", options.rounds), []
        for _ in rounds:
            for side in (ours, *theirs):
                rounds.add(side.name, side.rate(batch))
            loads.append(os.getloadavg()[0])
        rounds.table("images/s")
        best = rounds.best([side.name for side in theirs])
        where = f"ratio at batch {batch}, {options.hosts} hosts, {options.mbit} Mbit/s"
        note = f"{best}; load of the machine {min(loads):.1f} to {max(loads):.1f}"
        rounds.ratio(where, ours.name, best, note)


def read_options():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    venv = os.path.join(tempfile.gettempdir(), "mnist_dist-newest-torch")
    parser.add_argument("--program", default="build/mnist_dist", type=os.path.abspath)
    parser.add_argument("--hosts", type=int, default=4)
    parser.add_argument("--mbit", default="1000", help="of each host's line; 0: any")
    parser.add_argument("--batches", default="256,1024")
    parser.add_argument("--shards", default="8", help="training.shards of ours")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0, help="of PyTorch's steps, a round")
    parser.add_argument("--venv", default=venv,
                        help=f"for the newest PyTorch, kept; none: leave it out ({venv})")  # fmt: skip
    parser.add_argument("--newest", help=argparse.SUPPRESS)
    parser.add_argument("keys", nargs="*", help="key=value of our configuration")
    return parser.parse_args()


def enter_hosts(options):
    """Starts this anew where the hosts are; the newest PyTorch is got before, since there is no way
    to the Internet from there."""
    newest = newest_python(options.venv)
    rate = [] if options.mbit == "0" else ["-r", options.mbit]
    again = [sys.executable, os.path.abspath(__file__), *sys.argv[1:]]
    again += ["--newest", newest] if newest else []
    os.execv(NET / "hosts.sh", ["hosts.sh", "-n", str(options.hosts), *rate, "--", *again])


def main():
    options = read_options()
    try:
        if "HOSTS" not in os.environ:
            enter_hosts(options)
        compare(options)
    except Failed as failure:
        print(f"scale_torch: {failure}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
