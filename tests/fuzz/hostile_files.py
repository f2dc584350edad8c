"""Makes HDF5 files that a stranger could send, from a checkpoint without its block.

    hostile_files.py CHECKPOINT FOLDER

Each is one file FOLDER/NAME.h5. TARGET is a FIFO: whoever opens it, in whichever way, hangs.
"""
import os
import shutil
import sys

import h5py
import numpy as np

checkpoint, folder = sys.argv[1:]
TARGET = os.path.join(folder, "target").encode()
os.mkfifo(TARGET)

with open(checkpoint, "rb") as file:
    whole = file.read()[512:]
stripped = os.path.join(folder, "stripped.h5")
with open(stripped, "wb") as file:
    file.write(whole)


def names(file):
    found = []
    file.visititems(lambda name, item: found.append(name) if isinstance(item, h5py.Dataset) else None)
    return [name for name in found if name.startswith("model_weights/")]


def hostile(name):
    """Decorates a function that edits a copy of the checkpoint."""
    def make(edit):
        path = os.path.join(folder, name + ".h5")
        shutil.copy(stripped, path)
        with h5py.File(path, "r+") as file:
            edit(file, names(file)[0])
    return make


def replace(file, name, **how):
    shape, kind = file[name].shape, file[name].dtype
    del file[name]
    return file.create_dataset(name, shape, kind, **how)


@hostile("external-link")
def _(file, name):
    del file[name]
    file[name] = h5py.ExternalLink(os.fsdecode(TARGET), "/x")


@hostile("external-group")
def _(file, name):
    del file["training"]
    file["training"] = h5py.ExternalLink(os.fsdecode(TARGET), "/x")


@hostile("soft-link")
def _(file, name):
    other = names(file)[1]
    del file[name]
    file[name] = h5py.SoftLink("/" + other)


@hostile("soft-loop")
def _(file, name):
    del file["config"]
    file["config"] = h5py.SoftLink("/config")


@hostile("external-storage")
def _(file, name):
    replace(file, name, external=[(os.fsdecode(TARGET), 0, h5py.h5f.UNLIMITED)])


@hostile("virtual")
def _(file, name):
    shape, kind = file[name].shape, file[name].dtype
    del file[name]
    layout = h5py.VirtualLayout(shape=shape, dtype=kind)
    layout[...] = h5py.VirtualSource(os.fsdecode(TARGET), "/x", shape=shape)
    file.create_virtual_dataset(name, layout)


@hostile("plugin")
def _(file, name):
    shape, kind = file[name].shape, file[name].dtype
    del file[name]
    space = h5py.h5s.create_simple(shape)
    create = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    create.set_chunk(shape)
    create.set_filter(32015, h5py.h5z.FLAG_OPTIONAL, (1,))
    file.require_group(os.path.dirname(name))
    h5py.h5d.create(file.id, name.encode(), h5py.h5t.py_create(kind), space, create)


@hostile("four-tebibytes")
def _(file, name):
    del file["data/trained"]
    file.create_dataset("data/trained", (1 << 39,), "u8", chunks=(1 << 20,))


@hostile("four-tebibytes-of-weights")
def _(file, name):
    del file[name]
    file.create_dataset(name, (1 << 40,), "f4", chunks=(1 << 20,))


@hostile("bomb")
def _(file, name):
    """A gigabyte of zeros, which deflate packs into a megabyte."""
    del file["data/trained"]
    data = file.create_dataset("data/trained", (1 << 27,), "u8", chunks=(1 << 22,), compression="gzip",
                               compression_opts=9)
    for i in range(0, 1 << 27, 1 << 22):
        data[i:i + (1 << 22)] = 0


@hostile("huge-text")
def _(file, name):
    file["config"].attrs["yaml"] = "#" * (20 << 20)


@hostile("deep-groups")
def _(file, name):
    del file["training"]
    group = file
    for _ in range(20000):
        group = group.create_group("training")


@hostile("a-configuration-that-is-none")
def _(file, name):
    file["config"].attrs["yaml"] = "training: {epochs: [[[["


@hostile("a-huge-model")
def _(file, name):
    text = file["config"].attrs["yaml"]
    lines = [line if "layers:" not in line else
             '  layers: "conv 27x27 4096 same relu, conv 27x27 4096 same relu, flatten, dense 10 softmax"'
             for line in text.split("\n") if not line.startswith("    -")]
    file["config"].attrs["yaml"] = "\n".join(lines)


@hostile("other-type")
def _(file, name):
    shape = file[name].shape
    del file[name]
    file[name] = np.full(shape, "x", dtype=h5py.string_dtype())


@hostile("not-finite")
def _(file, name):
    file[name][...] = np.nan


@hostile("keras")
def _(file, name):
    for group in ("training", "config", "optimizer", "history", "data", "provenance"):
        del file[group]


# A length in the global heap, where texts lie, that makes libhdf5 1.10.8 go round for ever.
at, count = whole.find(b"GCOL"), 0
hang = bytearray(whole)
while at >= 0:
    hang[at + 24:at + 32] = (2 ** 64 - 16).to_bytes(8, "little")
    at, count = whole.find(b"GCOL", at + 1), count + 1
assert count > 0
with open(os.path.join(folder, "hang.h5"), "wb") as file:
    file.write(hang)
