"""Both sides of compare_torch.py as it sees them: workers with PyTorch, and our program's runs."""
import contextlib
import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

SIDE = Path(__file__).with_name("torch_side.py")
DEBIAN = "/usr/bin/python3"
PACKAGES = ["torch", "numpy", "h5py", "pandas", "pyarrow"]
COMPUTES = ["float32", "bfloat16"]
PLAIN = [f"augmentation.{key}=0" for key in ("rotation", "zoom", "shift")]
# pandas and nothing else, as a program that a person might write
READ_CSV = """
import os, sys, pandas
if sys.argv[2] == "pyarrow":
    import pyarrow
    pyarrow.set_cpu_count(len(os.sched_getaffinity(0)))
pandas.read_csv(sys.argv[1], engine=sys.argv[2])
"""
ENVIRONMENT = dict(
    os.environ,
    OMP_NUM_THREADS="1",
    OMPI_ALLOW_RUN_AS_ROOT="1",
    OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1",
    OMPI_MCA_rmaps_base_oversubscribe="1",
    OMPI_MCA_hwloc_base_binding_policy="none",
)
# PyTorch frees and asks anew for its tensors at every step: malloc shall keep them, and not give
# pages back that the kernel must then zero again. At the cost of memory, so not where that counts.
KEEPING = dict(
    ENVIRONMENT, MALLOC_TRIM_THRESHOLD_="1000000000", MALLOC_MMAP_THRESHOLD_="1000000000"
)


class Failed(Exception):
    """One line: which side could not run, and what it said."""


def say(text):
    print(text, file=sys.stderr, flush=True)


def last_line(text):
    lines = [line for line in text.strip().splitlines() if line.strip("- \t")]
    return lines[-1] if lines else "nothing said"


def rate_of_all(started, name, log=None):
    """What the first of these processes says is their rate together, when all have ended; `log` is what
    they wrote besides."""
    try:
        said = [process.communicate(timeout=300)[0] for process in started]
    except subprocess.TimeoutExpired:
        raise Failed(f"{name}: hung") from None
    finally:
        for process in started:
            process.kill()
    if any(process.returncode for process in started):
        if log is None:
            raise Failed(f"{name}: failed")
        log.seek(0)
        raise Failed(f"{name}: failed: {last_line(log.read())}")
    return json.loads(said[0])["rate"]


def pinned(cores, environment=None):
    return {"preexec_fn": lambda: os.sched_setaffinity(0, cores), "env": environment or ENVIRONMENT}


def parent_of(name):
    """A process's parent, or None if it is gone."""
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{name}/stat").read_text().rsplit(")", 1)[1].split()[1])
    return None


def own_bytes(process):
    """Pss_Anon and Pss_Shmem: its own, and its part of what it shares in /dev/shm."""
    text = Path(f"/proc/{process}/smaps_rollup").read_text()
    return 1024 * sum(map(int, re.findall(r"^Pss_(?:Anon|Shmem):\s+(\d+)", text, re.M)))


# ---- their side ----


class Worker:
    """One Python with PyTorch, that answers requests; idle in between."""

    def __init__(self, python, data, cores, log, environment=None):
        self.python, self.log = python, log
        self.process = subprocess.Popen(
            [python, SIDE, "serve", data],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
            **pinned(cores, environment)
        )  # fmt: skip
        versions = self.ask(do="versions")
        self.version, self.compiles = versions["torch"].split("+")[0], versions["compiles"]
        self.pandas, self.pyarrow = versions.get("pandas"), versions.get("pyarrow")
        self.name = f"PyTorch {self.version}"

    def try_to(self, **request):
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        return json.loads(line) if line else {"error": "it ended; see its output above"}

    def ask(self, **request):
        answer = self.try_to(**request)
        if "error" in answer:
            raise Failed(f"{self.python}: {request['do']}: {answer['error']}")
        return answer

    def read_csv_process(self, path, engine, cores):
        """Seconds of a Python of its own that reads a CSV and ends."""
        since = time.monotonic()
        command = [self.python, "-c", READ_CSV, path, engine]
        done = subprocess.run(command, stderr=self.log, check=False, **pinned(cores, KEEPING))
        if done.returncode != 0:
            raise Failed(f"{self.python}: pandas.read_csv by engine {engine}: it failed")
        return time.monotonic() - since

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def has_torch(python):
    check = [python, "-c", "import torch, h5py"]
    return subprocess.run(check, capture_output=True, check=False).returncode == 0


def newest_python(folder):
    """The venv's Python, made and filled if need be; None, with a word, if it cannot be had."""
    if folder == "none":
        return None
    python = Path(folder, "bin", "python")
    if python.exists() and has_torch(python):
        return str(python)
    say(f"installing {' '.join(PACKAGES)} into {folder}")
    try:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True, capture_output=True)
        install = [python, "-m", "pip", "install", "-q", *PACKAGES]
        subprocess.run(install, check=True, capture_output=True, text=True, timeout=1800)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired, OSError) as error:
        said = last_line(error.stderr) if getattr(error, "stderr", None) else str(error)
        print(f"the newest PyTorch: skipped, since pip could not install it: {said}", flush=True)
        return None
    return str(python)


# ---- our side ----


class Ours:
    def __init__(self, options, cores, folder):
        self.program, self.data = os.path.abspath(options.program), os.path.abspath(options.data)
        self.cores, self.folder, self.runs = cores, folder, 0
        done = subprocess.run(
            [self.program, "train", "--print-config", "model.compute=bfloat16"],
            capture_output=True, check=False
        )  # fmt: skip
        self.computes = COMPUTES if done.returncode == 0 else COMPUTES[:1]
        if self.computes != COMPUTES:
            print("bfloat16: skipped, since the program has no model.compute=bfloat16", flush=True)

    def run(self, words, ranks=0, cores=None):
        command = (["mpirun", "-np", str(ranks)] if ranks else []) + [self.program, *words]
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, cwd=self.folder,
            **pinned(cores or self.cores[:1])
        )  # fmt: skip
        if done.returncode != 0:
            raise Failed(f"{' '.join(command)}: exit {done.returncode}: {last_line(done.stderr)}")
        return done.stdout

    def step(self, compute, ranks=0, cores=None):
        """Images a second of training steps without augmentation."""
        keys = PLAIN if compute == "float32" else [*PLAIN, f"model.compute={compute}"]
        text = self.run(["bench", "step", "--json", *keys], ranks, cores)
        for figure in map(json.loads, text.splitlines()):
            if (figure["name"], figure["units"]) == ("training step", "images/s"):
                return figure["median"]
        raise Failed(f"{self.program} bench step --json: no images/s")

    def train_words(self, *keys):
        self.runs += 1
        return ["train", "--data", self.data, "--out", f"run{self.runs}", "output.predict=false",
                *keys]  # fmt: skip

    def epoch(self, compute, rows):
        """Images a second of an epoch over the first `rows` rows, with augmentation."""
        keys = [] if compute == "float32" else [f"model.compute={compute}"]
        keys += ["training.epochs=1", f"data.limit={rows}", "data.folds=0", "schedule.kind=constant"]
        self.run(self.train_words(*keys))
        with open(Path(self.folder, f"run{self.runs}", "metrics.csv")) as file:
            return float(list(csv.DictReader(file))[-1]["images_per_second"])

    @contextlib.contextmanager
    def training(self, ranks, *keys):
        """A training under mpirun; its output is read line by line."""
        command = ["mpirun", "-np", str(ranks), self.program, *self.train_words(*keys)]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=self.folder,
            **pinned(self.cores)
        ) as process:  # fmt: skip
            try:
                yield process
            except BaseException:
                process.terminate()  # mpirun, which ends its ranks
                raise
            for _ in process.stdout:  # until it is done
                pass

    @staticmethod
    def wait_for_epoch(process):
        said = ""
        for line in process.stdout:
            if line.startswith("epoch  1"):
                return
            said += line
        raise Failed(f"training ended before its first epoch: {last_line(said)}")

    def memory(self, ranks, data_bytes):
        """MB of a rank: of all together, less the images, by their number. (Which rank's share of
        shared memory a page is in hangs on who has touched it; their sum does not.)"""
        with self.training(ranks, "training.epochs=1000", "data.limit=1000") as process:
            self.wait_for_epoch(process)
            found = [p.name for p in Path("/proc").iterdir() if p.name.isdigit()]
            found = [name for name in found if parent_of(name) == process.pid]
            sizes = [own_bytes(name) for name in found]
            for name in found:
                os.kill(int(name), signal.SIGTERM)
        if len(sizes) != ranks:
            raise Failed(f"{len(sizes)} ranks of {ranks} were found to measure their memory")
        return (sum(sizes) - data_bytes) / ranks / 2**20

    def start(self, ranks):
        """Seconds from mpirun to the end of an epoch of a single step."""
        since = time.monotonic()
        keys = ["training.epochs=1", "data.limit=86", "data.folds=0", "schedule.kind=constant"]
        with self.training(ranks, *keys) as process:
            self.wait_for_epoch(process)
            return time.monotonic() - since

    def read_csv(self, path):
        since = time.monotonic()
        self.run(["import", path, "-o", "imported.h5"], cores=self.cores)
        return time.monotonic() - since
