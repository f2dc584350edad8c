#!/usr/bin/python3
"""Checks that a checkpoint has the layout of a Keras whole-model file, without Keras.

    keras_layout.py CHECKPOINT.h5 [METRICS.h5]

What Keras 2 and 3 ask of such a file is spelled out here as they read it: attributes, the order of
layers, listed weights, shapes that follow from model_config, and no links that lead elsewhere. Of
metrics.h5 it checks that each dataset says its units and what it is. Exit code 77: no h5py.
"""
import json
import sys

try:
    import h5py
    import numpy as np
except ImportError as error:
    print(f"skipped: {error} (Debian package python3-h5py)")
    sys.exit(77)

LAYERS_WITH_WEIGHTS = {"Conv2D": ("kernel", "bias"), "Dense": ("kernel", "bias"),
                       "BatchNormalization": ("gamma", "beta", "moving_mean", "moving_variance")}


def check(condition, what):
    if not condition:
        sys.exit(f"{sys.argv[1]}: {what}")


def text(value):
    return value.decode("ascii") if isinstance(value, bytes) else value


def texts(values):
    return [text(value) for value in values]


def check_links(group, path=""):
    """Only hard links, and no dataset whose numbers lie in another file."""
    for name in group:
        place = f"{path}/{name}"
        link = group.get(name, getlink=True)
        check(type(link) is h5py.HardLink, f"{place}: is a soft or external link")
        item = group[name]
        if isinstance(item, h5py.Group):
            check_links(item, place)
        else:
            check(not item.external and not item.is_virtual, f"{place}: is stored elsewhere")


def check_versions(item, name):
    for attribute in ("keras_version", "backend"):
        check(attribute in item.attrs, f"{name}: has no {attribute}")
    major = int(text(item.attrs["keras_version"]).split(".")[0])
    check(major >= 2, f"{name}: keras_version below 2, so that Keras would transpose kernels")


def with_bias(config, kernel):
    """The shapes of a kernel and, if the layer has one, its bias."""
    return [kernel, kernel[-1:]] if config["use_bias"] else [kernel]


def output_shape(layer, shape):
    """The shape of a layer's output, and those of its weights, by Keras's rules."""
    kind, config = layer["class_name"], layer["config"]
    if kind == "Conv2D":
        height, width = config["kernel_size"]
        weights = with_bias(config, (height, width, shape[-1], config["filters"]))
        cut = (0, 0) if config["padding"] == "same" else (height - 1, width - 1)
        sides = [-(-(shape[i] - cut[i]) // config["strides"][i]) for i in range(2)]
        return (*sides, config["filters"]), weights
    if kind == "Dense":
        return (config["units"],), with_bias(config, (shape[-1], config["units"]))
    if kind in ("MaxPooling2D", "AveragePooling2D"):
        sides = [(shape[i] - config["pool_size"][i]) // config["strides"][i] + 1 for i in range(2)]
        return (*sides, shape[-1]), []
    if kind == "GlobalAveragePooling2D":
        return (shape[-1],), []
    if kind == "Flatten":
        return (int(np.prod(shape)),), []
    if kind == "BatchNormalization":
        check(config["axis"] == len(shape), f"{config['name']}: axis is {config['axis']}")
        return shape, [(shape[-1],)] * 4
    return shape, []


def check_weights(group, layer, shapes):
    """A layer's group lists its arrays, kernel first, and holds them with these shapes."""
    name = layer["config"]["name"]
    listed = texts(group.attrs["weight_names"])
    kinds = LAYERS_WITH_WEIGHTS.get(layer["class_name"], ())[:len(shapes)]
    check(listed == [f"{name}/{kind}:0" for kind in kinds], f"{name}: weight_names is {listed}")
    for weight, shape in zip(listed, shapes):
        array = group[weight]
        check(array.shape == tuple(shape), f"{name}/{weight}: shape {array.shape}, not {shape}")
        check(array.dtype == np.dtype("<f4"), f"{name}/{weight}: type {array.dtype}")
        check(np.isfinite(array[()]).all(), f"{name}/{weight}: holds a number that is not finite")


def check_nodes(config):
    """Of a Functional model: each layer reads layers before it, the last one is the output."""
    known = []
    for layer in config["layers"]:
        nodes = layer["inbound_nodes"]
        read = [node[0] for node in nodes[0]] if nodes else []
        count = {"InputLayer": 0, "Add": 2}.get(layer["class_name"], 1)
        check(len(read) == count and set(read) <= set(known), f"{layer['name']}: reads {read}")
        check(layer["name"] == layer["config"]["name"], f"{layer['name']}: has two names")
        known.append(layer["name"])
    check(config["input_layers"] == [[known[0], 0, 0]], "the input is not the first layer")
    check(config["output_layers"] == [[known[-1], 0, 0]], "the output is not the last layer")


def check_model(file):
    check("training_config" not in file.attrs, "has a training_config, which is not written")
    check_versions(file, "/")
    check_versions(file["model_weights"], "/model_weights")
    check(text(file.attrs["model_config"]).isascii(), "model_config is not ASCII")
    model = json.loads(file.attrs["model_config"])
    functional = model["class_name"] == "Functional"
    check(functional or model["class_name"] == "Sequential", "model_config is of no known model")
    first, *layers = model["config"]["layers"]
    if functional:
        check_nodes(model["config"])
    check(first["class_name"] == "InputLayer", "the first layer is not an InputLayer")
    shape = tuple(first["config"]["batch_input_shape"][1:])
    check(shape == (28, 28, 1), f"the input has shape {shape}")
    names = [layer["config"]["name"] for layer in layers]
    check(len(set(names)) == len(names), "two layers have one name")
    listed = texts(file["model_weights"].attrs["layer_names"])
    check(listed == names, f"layer_names is {listed}, the model's are {names}")
    for layer, name in zip(layers, names):
        shape, weights = output_shape(layer, shape)
        check_weights(file["model_weights"][name], layer, weights)
    check(shape == (10,), f"the output has shape {shape}")
    check(layers[-1]["config"].get("activation") == "softmax", "the last layer is not softmax")
    return len(layers)


def check_optimizer(file):
    """Slots are as long as all weights; moving statistics begin at a multiple of 4,096."""
    trained, moving = [], []
    file["model_weights"].visititems(
        lambda name, item: (moving if "/moving_" in name else trained).append(item.size)
        if isinstance(item, h5py.Dataset) else None)
    length = sum(trained)
    if moving:
        length = -(-length // 4096) * 4096 + sum(moving)
    for name, slot in file["optimizer"].items():
        check(slot.shape == (length,), f"/optimizer/{name}: shape {slot.shape}")
    return sum(trained) + sum(moving)


def check_series(group):
    """Every dataset says what it is; those of one group have one length."""
    for part in ("epoch", "step"):
        lengths = {item.shape for item in group[part].values()}
        check(len(lengths) == 1, f"{group[part].name}: series of several lengths: {lengths}")
        for item in group[part].values():
            for attribute in ("units", "long_name"):
                check(item.attrs.get(attribute), f"{item.name}: has no {attribute}")


def main():
    with h5py.File(sys.argv[1], "r") as file:
        check(file.userblock_size == 512, "has no user block of 512 bytes")
        check_links(file)
        layers = check_model(file)
        parameters = check_optimizer(file)
        check_series(file["history"])
    for path in sys.argv[2:]:
        with h5py.File(path, "r") as file:
            check_links(file)
            check_series(file)
    print(f"{sys.argv[1]}: {layers} layers, {parameters:,} parameters, as Keras expects them")


if __name__ == "__main__":
    main()
