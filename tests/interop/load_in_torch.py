"""The baseline's network in PyTorch, with weights that `mnist_dist export` wrote.

    load_in_torch.py MODEL.safetensors|MODEL.npz IMAGES.npz

Convolution kernels turn from (kh, kw, in, out) to (out, in, kh, kw); dense ones are transposed, and
the first one's rows are numbered as Keras flattens: row, column, channel. IMAGES.npz holds `images`
(n, 28, 28, 1), pixels / 255, and `probabilities` (n, 10) to compare with.
"""
import sys

import numpy
import torch
from torch import nn


class Flatten(nn.Module):
    def forward(self, x):
        return x.permute(0, 2, 3, 1).flatten(1)


def network():
    return nn.Sequential(
        nn.Conv2d(1, 32, 5, padding=2), nn.ReLU(), nn.Conv2d(32, 32, 5, padding=2), nn.ReLU(),
        nn.MaxPool2d(2), nn.Dropout(0.25),
        nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.Conv2d(64, 64, 3, padding=1), nn.ReLU(),
        nn.MaxPool2d(2), nn.Dropout(0.25), Flatten(),
        nn.Linear(3136, 256), nn.ReLU(), nn.Dropout(0.5), nn.Linear(256, 128), nn.ReLU(),
        nn.Dropout(0.5), nn.Linear(128, 10), nn.Softmax(1)).eval()


def load(path):
    if path.endswith(".npz"):
        return dict(numpy.load(path))
    from safetensors.numpy import load_file

    return load_file(path)


def fill(model, arrays):
    names = ["conv2d", "conv2d_1", "conv2d_2", "conv2d_3", "dense", "dense_1", "dense_2"]
    layers = [layer for layer in model if hasattr(layer, "weight")]
    for name, layer in zip(names, layers):
        kernel, bias = arrays[f"{name}/kernel"], arrays[f"{name}/bias"]
        kernel = kernel.transpose(3, 2, 0, 1) if kernel.ndim == 4 else kernel.T
        layer.weight.data = torch.from_numpy(kernel.copy())
        layer.bias.data = torch.from_numpy(bias.copy())


if __name__ == "__main__":
    model, data = network(), numpy.load(sys.argv[2])
    fill(model, load(sys.argv[1]))
    with torch.no_grad():
        images = torch.from_numpy(data["images"].transpose(0, 3, 1, 2).copy())
        difference = abs(model(images).numpy() - data["probabilities"]).max()
    print(f"{len(data['images'])} images, largest difference {difference:.2e}")
    sys.exit(int(difference > 1e-5))
