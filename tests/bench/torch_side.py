"""PyTorch's side of compare_torch.py: the baseline network, trained as fast as PyTorch can.

    torch_side.py serve DIGITS.h5               requests as JSON lines on standard input, answers on
                                                standard output; idle while it waits
    torch_side.py ddp RANK RANKS PORT REQUEST   one process of DistributedDataParallel

What a request may vary ("variant") is in Trainer. Nothing here is slower than it need be: gradients
are set to None, ReLU works in place, Adam is fused where PyTorch has that, no loss is fetched, and
batches of a step lie ready in the right layout.
"""
import contextlib
import importlib
import json
import math
import os
import signal
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

BATCH, SIDE, CLASSES = 86, 28, 10
IMAGES_AND_LABELS = ("train/images", "train/labels", "test/images", "test/labels")
ROTATION, ZOOM, SHIFT = math.radians(10), 0.1, 0.1


def network():
    return nn.Sequential(
        nn.Conv2d(1, 32, 5, padding=2), nn.ReLU(inplace=True),
        nn.Conv2d(32, 32, 5, padding=2), nn.ReLU(inplace=True),
        nn.MaxPool2d(2), nn.Dropout(0.25),
        nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(inplace=True),
        nn.Conv2d(64, 64, 3, padding=1), nn.ReLU(inplace=True),
        nn.MaxPool2d(2), nn.Dropout(0.25), nn.Flatten(),
        nn.Linear(3136, 256), nn.ReLU(inplace=True), nn.Dropout(0.5),
        nn.Linear(256, 128), nn.ReLU(inplace=True), nn.Dropout(0.5),
        nn.Linear(128, CLASSES),
    )  # fmt: skip


def adam(parameters):
    parameters = list(parameters)
    try:
        return torch.optim.Adam(parameters, lr=1e-3, eps=1e-7, fused=True)
    except (RuntimeError, TypeError):
        return torch.optim.Adam(parameters, lr=1e-3, eps=1e-7)


class Trainer:
    """variant: compute (float32, bfloat16), layout (nchw, channels_last), compiled."""

    def __init__(self, variant, wrap=lambda model: model):
        channels_last = variant["layout"] == "channels_last"
        self.memory_format = torch.channels_last if channels_last else torch.contiguous_format
        self.bfloat16 = variant["compute"] == "bfloat16"
        self.model = wrap(network().to(memory_format=self.memory_format)).train()
        if variant.get("compiled"):
            self.model = torch.compile(self.model)
        self.optimizer = adam(self.model.parameters())

    def context(self):
        if self.bfloat16:
            return torch.autocast("cpu", dtype=torch.bfloat16)
        return contextlib.nullcontext()

    def step(self, images, labels):
        with self.context():
            loss = F.cross_entropy(self.model(images).float(), labels)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()


def made_up_batches(trainer, size=BATCH, count=8):
    return [
        (torch.rand(size, 1, SIDE, SIDE).contiguous(memory_format=trainer.memory_format),
         torch.randint(CLASSES, (size,)))
        for _ in range(count)
    ]  # fmt: skip


def affine_maps(count):
    """The program's (Keras's) rotation, shift and zoom, as rows (y, x) by (y, x, 1) in pixels."""
    theta = (torch.rand(count) * 2 - 1) * ROTATION
    shift = (torch.rand(count, 2) * 2 - 1) * SHIFT * SIDE
    zoom = 1 + (torch.rand(count, 2) * 2 - 1) * ZOOM
    cos, sin = torch.cos(theta), torch.sin(theta)
    rotation = torch.stack([cos, -sin, sin, cos], 1).view(count, 2, 2)
    moved = torch.bmm(rotation, shift.unsqueeze(2))
    return torch.cat([rotation * zoom.unsqueeze(1), moved], 2)


def augment_by_grid(images):
    """images (n, 784) of bytes; PyTorch's own functions over the whole batch."""
    count = len(images)
    maps = affine_maps(count)
    maps[:, :, 2] *= 2 / SIDE
    grid = F.affine_grid(maps, (count, 1, SIDE, SIDE), align_corners=False)
    pixels = images.view(count, 1, SIDE, SIDE).float().div_(255)
    return F.grid_sample(pixels, grid, padding_mode="border", align_corners=False)


CENTRED = torch.stack(
    torch.meshgrid(torch.arange(SIDE) - 13.5, torch.arange(SIDE) - 13.5, indexing="ij")
).view(2, -1)
PLACES = torch.cat([CENTRED, torch.ones(1, SIDE * SIDE)])


def augment_by_gather(images):
    """The same by four look-ups in the bytes."""
    count = len(images)
    places = (affine_maps(count) @ PLACES).add_(13.5).clamp_(0, SIDE - 1)
    first = places.floor().clamp_(max=SIDE - 2)
    parts = places.sub_(first)
    y, x = parts[:, 0], parts[:, 1]
    corner = first.long()
    index = corner[:, 0] * SIDE + corner[:, 1]
    top = torch.lerp(images.gather(1, index).float(), images.gather(1, index + 1).float(), x)
    low = torch.lerp(
        images.gather(1, index + SIDE).float(), images.gather(1, index + SIDE + 1).float(), x
    )
    return torch.lerp(top, low, y).div_(255).view(count, 1, SIDE, SIDE)


AUGMENTATIONS = {"grid_sample": augment_by_grid, "gather": augment_by_gather}


class Server:
    def __init__(self, path):
        self.path = path
        self.trainers, self.batches, self.data = {}, {}, None

    def load(self):
        if self.data is None:
            import h5py

            with h5py.File(self.path) as file:
                images, labels = file["train/images"][:], file["train/labels"][:]
            self.data = torch.from_numpy(images).view(len(images), -1), torch.from_numpy(labels)
        return self.data

    def trainer(self, variant):
        key = json.dumps(variant, sort_keys=True)
        if key not in self.trainers:
            self.trainers[key] = trainer = Trainer(variant)
            self.batches[key] = made_up_batches(trainer)
            for _ in range(2):
                trainer.step(*self.batches[key][0])
        return self.trainers[key], self.batches[key]

    def versions(self, _):
        answer = {"torch": torch.__version__, "compiles": hasattr(torch, "compile")}
        for name in ("pandas", "pyarrow"):
            with contextlib.suppress(ImportError):
                answer[name] = importlib.import_module(name).__version__
        return answer

    def step(self, request):
        """Images a second over at least so many seconds. The first request compiles, in `limit`."""
        signal.alarm(request.get("limit", 0))
        trainer, batches = self.trainer(request["variant"])
        signal.alarm(0)
        steps, since = 0, time.monotonic()
        while time.monotonic() - since < request["seconds"]:
            trainer.step(*batches[steps % len(batches)])
            steps += 1
        return {"rate": steps * BATCH / (time.monotonic() - since)}

    def augmented_step(self, trainer, augment, rows):
        images, labels = self.load()
        batch = augment(images[rows]).contiguous(memory_format=trainer.memory_format)
        trainer.step(batch, labels[rows].long())

    def epoch(self, request):
        """Images a second of an epoch over the first `rows` rows, the short last batch included."""
        self.load()
        trainer, _ = self.trainer(request["variant"])
        augment = AUGMENTATIONS[request["augmentation"]]
        rows = request["rows"]
        if rows % BATCH:
            self.augmented_step(trainer, augment, torch.arange(rows % BATCH))
        since = time.monotonic()
        for part in torch.randperm(rows).split(BATCH):
            self.augmented_step(trainer, augment, part)
        return {"rate": rows / (time.monotonic() - since)}

    def memory(self, request):
        """MB of this process's own after some steps of training, less its images and labels."""
        trainer, _ = self.trainer(request["variant"])
        augment = AUGMENTATIONS[request["augmentation"]]
        for _ in range(30):
            self.augmented_step(trainer, augment, torch.randint(1000, (BATCH,)))
        data = sum(part.numel() for part in self.load())
        with open("/proc/self/smaps_rollup") as file:
            fields = dict(line.split()[:2] for line in file if line.startswith("Pss_"))
        own = int(fields["Pss_Anon:"]) + int(fields["Pss_Shmem:"])
        return {"megabytes": own / 1024 - data / 2**20}

    def data_bytes(self, _):
        """Of all images and labels of the file."""
        import h5py

        with h5py.File(self.path) as file:
            sizes = [file[name].nbytes for name in IMAGES_AND_LABELS if name in file]
        return {"bytes": int(sum(sizes))}

    def read_csv(self, request):
        import pandas

        if request["engine"] == "pyarrow":  # which takes OMP_NUM_THREADS for the machine's cores
            import pyarrow

            pyarrow.set_cpu_count(len(os.sched_getaffinity(0)))
        since = time.monotonic()
        table = pandas.read_csv(request["path"], engine=request["engine"])
        return {"seconds": time.monotonic() - since, "rows": len(table)}


def refuse_late(*_):
    raise TimeoutError("it took too long")


def serve(path):
    """Whatever else is printed goes to standard error."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    signal.signal(signal.SIGALRM, refuse_late)
    torch.set_num_threads(1)
    server = Server(path)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = getattr(server, request["do"])(request)
        except Exception as error:  # pylint: disable=broad-except # the other side judges
            signal.alarm(0)
            answer = {"error": f"{type(error).__name__}: {error}".splitlines()[0]}
        print(json.dumps(answer), file=answers, flush=True)


def ddp(rank, ranks, port, request):
    import torch.distributed as dist

    torch.set_num_threads(1)
    os.environ["MASTER_PORT"] = port
    os.environ.setdefault("MASTER_ADDR", "127.0.0.1")
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    dist.init_process_group("gloo", rank=rank, world_size=ranks)
    trainer = Trainer(
        request["variant"],
        lambda model: nn.parallel.DistributedDataParallel(
            model, gradient_as_bucket_view=True, static_graph=True
        ),
    )
    batch = request.get("batch", BATCH)
    size = (rank + 1) * batch // ranks - rank * batch // ranks
    batches = made_up_batches(trainer, size)

    def timed(steps):
        dist.barrier()
        since = time.monotonic()
        for i in range(steps):
            trainer.step(*batches[i % len(batches)])
        dist.barrier()
        return time.monotonic() - since

    timed(3)
    steps = torch.tensor([max(3, round(request["seconds"] / (timed(3) / 3)))])
    dist.broadcast(steps, 0)
    seconds = timed(int(steps))
    if rank == 0:
        print(json.dumps({"rate": int(steps) * batch / seconds}))
    dist.destroy_process_group()


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(sys.argv[2])
    else:
        ddp(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], json.loads(sys.argv[5]))
