#!/usr/bin/python3
"""Writes torch_reference.txt: a small network's loss, gradients and parameters after five steps.

An implementation independent of ours (PyTorch, in double precision; Debian's python3-torch) of a
network with every kind of layer, for tests/unit/test_nn_reference.c. The optimizers are Keras's
and are written out here, since PyTorch's differ (Adam's epsilon stands elsewhere).

    /usr/bin/python3 torch_reference.py > torch_reference.txt

The file holds named vectors: a line "name count", then the numbers. Parameters and gradients are
in the order and layout of the program's flat vector.
"""
import math

import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
torch.manual_seed(20)
torch.set_num_threads(1)

SAMPLES, HEIGHT, WIDTH, CHANNELS, CLASSES = 5, 9, 8, 2, 10
STEPS = 5
# (kernel height, width, in, out) and (in, out): Keras's layouts.
KERNELS = [(3, 3, 2, 3), (5, 5, 3, 4), (2, 3, 4, 5), (20, 12), (12, 10)]


def single(x):
    """Rounds to single precision, so that the program reads the very same number."""
    return x.float().double()


def convolve(x, kernel, bias):
    """x (n, c, h, w); padding "same" as Keras has it: floor((k - 1) / 2) above and to the left."""
    kh, kw = kernel.shape[:2]
    top, left = (kh - 1) // 2, (kw - 1) // 2
    x = F.pad(x, (left, kw - 1 - left, top, kh - 1 - top))
    return F.relu(F.conv2d(x, kernel.permute(3, 2, 0, 1), bias))


def loss_of(params, images, targets):
    k1, b1, k2, b2, k3, b3, k4, b4, k5, b5 = params
    x = images.permute(0, 3, 1, 2)
    x = convolve(x, k1, b1)
    x = convolve(x, k2, b2)
    x = F.max_pool2d(x, 2)
    x = convolve(x, k3, b3)
    x = F.max_pool2d(x, 2)
    x = x.permute(0, 2, 3, 1).reshape(len(x), -1)
    x = F.relu(x @ k4 + b4)
    x = x @ k5 + b5
    return -(targets * F.log_softmax(x, 1)).sum() / len(x)


def adam(w, g, m, v, t, rate=1e-3, b1=0.9, b2=0.999, decay=0.0):
    alpha = rate * math.sqrt(1 - b2**t) / (1 - b1**t)
    w -= w * decay * rate
    m += (g - m) * (1 - b1)
    v += (g * g - v) * (1 - b2)
    w -= alpha * m / (v.sqrt() + 1e-7)


def adamw(w, g, m, v, t):
    adam(w, g, m, v, t, decay=0.02)


def sgd(w, g, m, _, t, rate=1e-2, momentum=0.9):
    m.mul_(momentum).sub_(rate * g)
    w += m


def nesterov(w, g, m, _, t, rate=1e-2, momentum=0.9):
    m.mul_(momentum).sub_(rate * g)
    w += momentum * m - rate * g


def rmsprop(w, g, v, _, t, rate=1e-3, rho=0.9):
    v.mul_(rho).add_((1 - rho) * g * g)
    w -= rate * g / (v + 1e-7).sqrt()


def rmsprop_momentum(w, g, v, m, t, rate=1e-3, rho=0.9, momentum=0.5):
    v.mul_(rho).add_((1 - rho) * g * g)
    m.mul_(momentum).add_(rate * g / (v + 1e-7).sqrt())
    w -= m


def make_parameters():
    params = []
    for shape in KERNELS:
        receptive = math.prod(shape[:-2])
        limit = math.sqrt(6 / (receptive * (shape[-2] + shape[-1])))
        params.append(single((2 * torch.rand(shape) - 1) * limit))
        params.append(single(0.2 * torch.rand(shape[-1]) - 0.1))
    return params


def make_targets():
    targets = torch.zeros(SAMPLES, CLASSES)
    for i, label in enumerate([3, 0, 9, 3, 7]):
        targets[i, label] = 1
    targets[1] = 0.9 * targets[1] + 0.01  # smoothed
    targets[2] = 0.25 * targets[2] + 0.75 * targets[4]  # mixed
    return single(targets)


def train(start, images, targets, step):
    params = [p.clone().requires_grad_() for p in start]
    states = [(torch.zeros_like(p), torch.zeros_like(p)) for p in start]
    for t in range(1, STEPS + 1):
        gradients = torch.autograd.grad(loss_of(params, images, targets), params)
        with torch.no_grad():
            for w, g, (first, second) in zip(params, gradients, states):
                step(w, g, first, second, t)
    return params


def write(name, tensors):
    values = torch.cat([t.detach().reshape(-1) for t in tensors]).tolist()
    print(name, len(values))
    for i in range(0, len(values), 8):
        print(" ".join(f"{v:.10g}" for v in values[i : i + 8]))


def main():
    images = single(torch.rand(SAMPLES, HEIGHT, WIDTH, CHANNELS))
    targets, params = make_targets(), make_parameters()
    write("images", [images])
    write("targets", [targets])
    write("params", params)
    for p in params:
        p.requires_grad_()
    loss = loss_of(params, images, targets)
    write("loss", [loss])
    write("gradients", torch.autograd.grad(loss, params))
    for step in (adam, adamw, sgd, nesterov, rmsprop, rmsprop_momentum):
        write(step.__name__, train([p.detach() for p in params], images, targets, step))


main()
