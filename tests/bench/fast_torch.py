#!/usr/bin/env python3
"""A recipe such as configs/fast.yaml in PyTorch: the same layers, batches, optimizer, schedule, augmentation
and average, on the same cores, for the ratio in configs/README.md. Run by hand.

    fast_torch.py configs/fast.yaml data/digits.h5 [--seed 0] [--threads 2]

Prints the accuracy on the held-out rows (a tenth, by seed; not the program's own split) and the seconds from
before the data file is opened to that figure; `import torch` is not in them. As in torch_side.py nothing is
slower than it need be: channels_last, gradients set to None, a fused optimizer, augmentation by whole batches.
"""
import argparse
import math
import time

import h5py
import torch
import torch.nn.functional as F
import yaml
from torch import nn

SIDE, CLASSES = 28, 10


def convolution(words, channels):
    size, out = int(words[1].split("x")[0]), int(words[2])
    return nn.Conv2d(channels, out, size, padding=size // 2, bias="nobias" not in words), out


def layer(words, channels, side):
    """A line of the list as modules; channels and side of what comes out."""
    word = words[0]
    if word == "conv":
        module, channels = convolution(words, channels)
    elif word == "batchnorm":
        momentum = float(words[words.index("momentum") + 1]) if "momentum" in words else 0.99
        module = nn.BatchNorm2d(channels, eps=1e-3, momentum=1 - momentum)
    elif word == "maxpool":
        module, side = nn.MaxPool2d(2), side // 2
    elif word == "dropout":
        module = nn.Dropout(float(words[1]))
    elif word == "flatten":
        module, channels, side = nn.Flatten(), channels * side * side, 1
    elif word == "dense":
        module, channels = nn.Linear(channels, int(words[1])), int(words[1])
    else:
        raise SystemExit(f"fast_torch.py: the layer {' '.join(words)!r} is not known here")
    active = [nn.ReLU(inplace=True)] if "relu" in words else []
    return [module, *active], channels, side


def network(lines):
    modules, channels, side = [], 1, SIDE
    for line in lines:
        added, channels, side = layer(line.split(), channels, side)
        modules += added
    return nn.Sequential(*modules)


def affine_maps(count, options):
    """Rotation, shift, shear and zoom as rows (x, y) by (x, y, 1), in units of half the side."""

    def around_zero(largest, *shape):
        return (torch.rand(count, *shape) * 2 - 1) * largest

    theta = around_zero(math.radians(options.get("rotation", 10)))
    zoom = 1 + around_zero(options.get("zoom", 0.1), 2)
    shift = around_zero(options.get("shift", 0.1) * 2, 2)
    shear = around_zero(options.get("shear", 0))
    cos, sin = torch.cos(theta), torch.sin(theta)
    rotation = torch.stack([cos, -sin, sin, cos], 1).view(count, 2, 2)
    sheared = torch.eye(2).repeat(count, 1, 1)
    sheared[:, 0, 1] = shear
    return torch.cat([rotation @ sheared * zoom.unsqueeze(1), rotation @ shift.unsqueeze(2)], 2)


def augment(images, options):
    count = len(images)
    grid = F.affine_grid(affine_maps(count, options), (count, 1, SIDE, SIDE), align_corners=False)
    padding = "zeros" if options.get("fill") == "zero" else "border"
    return F.grid_sample(images, grid, padding_mode=padding, align_corners=False)


def rate(step, steps, warmup, peak):
    """one_cycle of the program: up in a line, down in half a cosine."""
    first = peak / 25
    if step < warmup - 1:
        return first + (peak - first) * step / (warmup - 1)
    share = (step - warmup + 1) / max(1, steps - warmup)
    last = first / 10000
    return last + (peak - last) * 0.5 * (1 + math.cos(math.pi * share))


def adamw(model, options):
    plain = [p for p in model.parameters() if p.ndim == 1]
    kernels = [p for p in model.parameters() if p.ndim > 1]
    groups = [{"params": kernels, "weight_decay": options.get("weight_decay", 0.004)},
              {"params": plain, "weight_decay": 0.0}]  # fmt: skip
    betas = options.get("beta_1", 0.9), options.get("beta_2", 0.999)
    try:
        return torch.optim.AdamW(groups, lr=1e-3, betas=betas, eps=1e-7, fused=True)
    except (RuntimeError, TypeError):
        return torch.optim.AdamW(groups, lr=1e-3, betas=betas, eps=1e-7, foreach=True)


class Average:
    def __init__(self, model, decay):
        self.decay = decay
        self.live = [t for t in model.state_dict().values() if t.is_floating_point()]
        self.mean = None

    @torch.no_grad()
    def add(self):
        if self.mean is None:
            self.mean = [tensor.clone() for tensor in self.live]
        else:
            torch._foreach_mul_(self.mean, self.decay)
            torch._foreach_add_(self.mean, self.live, alpha=1 - self.decay)

    @torch.no_grad()
    def put(self):
        for live, mean in zip(self.live, self.mean):
            live.copy_(mean)


def hold_out(images, labels, seed):
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(1))
    part = torch.arange(len(images)) % 10 == seed % 10
    held, kept = order[part], order[~part]
    return (images[kept], labels[kept]), (images[held], labels[held])


def load(path):
    with h5py.File(path) as file:
        images, labels = file["train/images"][:], file["train/labels"][:]
    pixels = torch.from_numpy(images).view(-1, 1, SIDE, SIDE).float().div_(255)
    return pixels, torch.from_numpy(labels).long()


def train(recipe, images, labels):
    training, schedule, averaging = recipe["training"], recipe["schedule"], recipe["average"]
    batch, epochs = training["batch_size"], training["epochs"]
    per_epoch = -(-len(images) // batch)
    model = network(recipe["model"]["layers"]).to(memory_format=torch.channels_last).train()
    optimizer, average = adamw(model, recipe["optimizer"]), Average(model, averaging["decay"])
    step = 0
    for _ in range(epochs):
        for rows in torch.randperm(len(images)).split(batch):
            x = augment(images[rows], recipe["augmentation"])
            y = model(x.contiguous(memory_format=torch.channels_last))
            loss = F.cross_entropy(y, labels[rows], label_smoothing=training["label_smoothing"])
            warmup = round(schedule["warmup_epochs"] * per_epoch)
            for group in optimizer.param_groups:
                group["lr"] = rate(step, epochs * per_epoch, warmup,
                                   recipe["optimizer"]["learning_rate"])  # fmt: skip
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            step += 1
            if step > averaging["start_epoch"] * per_epoch:
                average.add()
    average.put()
    return model.eval()


@torch.no_grad()
def accuracy(model, images, labels):
    hits = sum((model(x).argmax(1) == y).sum().item()
               for x, y in zip(images.split(500), labels.split(500)))  # fmt: skip
    return hits / len(images)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("recipe")
    parser.add_argument("data")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    with open(arguments.recipe, encoding="utf-8") as file:
        recipe = yaml.safe_load(file)
    since = time.monotonic()
    kept, held = hold_out(*load(arguments.data), arguments.seed)
    model = train(recipe, *kept)
    share = accuracy(model, *held)
    print(f"PyTorch {torch.__version__}: {100 * share:.2f} % after {time.monotonic() - since:.1f} s")


if __name__ == "__main__":
    main()
