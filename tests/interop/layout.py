#!/usr/bin/python3
"""Checks the files that `export` writes for Keras 3 against the checkpoint that they are of, without Keras.

    layout.py CHECKPOINT.h5 MODEL.keras MODEL.weights.h5 [IMPORTED.h5...]

What Keras reads is spelled out here: the variables of each layer and of the optimizer by number, and the members
of the archive's JSON. Imported checkpoints have the same weights. Exit code 77: no h5py.
"""
import io
import json
import re
import sys
import zipfile

try:
    import h5py
    import numpy as np
except ImportError as error:
    print(f"skipped: {error} (Debian package python3-h5py)")
    sys.exit(77)

CLASSES = {"adam": "Adam", "adamw": "AdamW", "sgd": "SGD", "rmsprop": "RMSprop", "lamb": "Lamb"}
PLATEAU_RATE = "plateau.rate"


def check(condition, what):
    if not condition:
        sys.exit(f"{sys.argv[1]}: {what}")


def text(value):
    return value.decode("ascii") if isinstance(value, bytes) else value


def same(array, expected, name):
    check(array.dtype == expected.dtype, f"{name}: {array.dtype}, not {expected.dtype}")
    check(array.shape == expected.shape, f"{name}: {array.shape}, not {expected.shape}")
    check(np.array_equal(array, expected), f"{name}: other numbers")


def option(checkpoint, section, key):
    """A value of the configuration in the checkpoint."""
    yaml = text(checkpoint["config"].attrs["yaml"])
    part = re.search(rf"^{section}:\n((?:  .*\n)*)", yaml, re.M).group(1)
    return re.search(rf"^  {key}: \"?([^\"\n]*)\"?$", part, re.M).group(1)


def layers_of(checkpoint):
    """[(layer, [(weight, array)])], in the model's order."""
    root = checkpoint["model_weights"]
    layers = []
    for name in root.attrs["layer_names"]:
        group = root[text(name)]
        weights = [text(weight) for weight in group.attrs["weight_names"]]
        layers.append((text(name), [(weight, group[weight][()]) for weight in weights]))
    return layers


def optimizer_variables(checkpoint, layers):
    """As Keras orders them; None if it lacks the optimizer."""
    kind = option(checkpoint, "optimizer", "kind")
    if kind == "lars":
        return None
    group = checkpoint["optimizer"]
    flat = {name: group[name][()] for name in group}
    slots, offset = [], 0
    for weight, array in (pair for _, weights in layers for pair in weights):
        if "/moving_" in weight:
            continue
        slots.append({name: values[offset:offset + array.size].reshape(array.shape)
                      for name, values in flat.items()})
        offset += array.size
    variables = [np.array(group.attrs["iteration"], "<i8"),
                 np.array(checkpoint["training"].attrs[PLATEAU_RATE], "<f4")]
    if kind == "rmsprop":
        variables += [slot["velocity"] for slot in slots]
        variables += [slot["momentum"] for slot in slots if "momentum" in slot]
    else:
        for slot in slots:
            variables += [slot[name] for name in ("momentum", "velocity") if name in slot]
    return variables


def check_weights(file, checkpoint):
    layers = layers_of(checkpoint)
    check(isinstance(file["vars"], h5py.Group) and len(file["vars"]) == 0, "/vars is no empty group")
    check(set(file["layers"]) == {name for name, _ in layers}, f"layers are {list(file['layers'])}")
    for name, weights in layers:
        group = file[f"layers/{name}/vars"]
        check(text(group.attrs["name"]) == name, f"{name}: has another name")
        check(set(group) == {str(i) for i in range(len(weights))}, f"{name}: variables {list(group)}")
        for i, (weight, array) in enumerate(weights):
            same(group[str(i)][()], array, weight)
    variables = optimizer_variables(checkpoint, layers)
    check(("optimizer" in file) == (variables is not None), "/optimizer is there or not, and should not or should")
    if variables is None:
        return
    group = file["optimizer/vars"]
    check(len(group) == len(variables), f"/optimizer: {len(group)} variables, not {len(variables)}")
    for i, variable in enumerate(variables):
        same(np.asarray(group[str(i)][()]), variable, f"/optimizer/vars/{i}")


def check_placed(value, place):
    """Each object says where Keras 3 has its class."""
    if isinstance(value, dict):
        if "class_name" in value:
            check({"module", "config", "registered_name"} <= set(value), f"{place}: misses its module")
        for key, member in value.items():
            check_placed(member, f"{place}.{key}")
    elif isinstance(value, list):
        for i, member in enumerate(value):
            check_placed(member, f"{place}[{i}]")


def check_config(config, checkpoint):
    check_placed(config, "config.json")
    old = json.loads(checkpoint.attrs["model_config"])
    check(config["class_name"] == old["class_name"], "another kind of model")
    check(config["build_config"] == {"input_shape": [None, 28, 28, 1]}, "build_config")
    layers, olds = config["config"]["layers"], old["config"]["layers"]
    check(layers[0]["config"]["batch_shape"] == [None, 28, 28, 1], "the input's shape")
    check("ragged" not in layers[0]["config"], "the input is ragged")
    for layer, before in zip(layers, olds, strict=True):
        check(layer["class_name"] == before["class_name"], "other layers")
        check("alpha" not in layer["config"], "alpha is Keras 2's name")
        for key, value in before["config"].items():
            if key not in ("batch_input_shape", "ragged", "alpha") and not isinstance(value, dict):
                check(layer["config"][key] == value, f"{layer['config']['name']}.{key}")
    kind = option(checkpoint, "optimizer", "kind")
    check(("compile_config" in config) == (kind in CLASSES), "compile_config")
    if kind not in CLASSES:
        return
    optimizer = config["compile_config"]["optimizer"]
    check(optimizer["class_name"] == CLASSES[kind], f"the optimizer is {optimizer['class_name']}")
    for key, value in optimizer["config"].items():
        ours = {"global_clipnorm": "clip_norm"}.get(key, key)
        if value is not None and key not in ("learning_rate", "centered"):
            check(str(value).lower() == option(checkpoint, "optimizer", ours) or
                  float(value) == float(option(checkpoint, "optimizer", ours)), f"the optimizer's {key} is {value}")
    smooth = float(option(checkpoint, "training", "label_smoothing"))
    loss = config["compile_config"]["loss"]
    check(loss == "categorical_crossentropy" if smooth == 0 else loss["config"]["label_smoothing"] == smooth, "the loss")


def check_imported(path, checkpoint):
    with h5py.File(path) as imported:
        ours, theirs = ([pair for _, weights in layers_of(file) for pair in weights] for file in (imported, checkpoint))
        for (name, array), (other_name, other) in zip(ours, theirs, strict=True):
            check(name == other_name, f"{path}: {name} in the place of {other_name}")
            same(array, other, f"{path}: {name}")
        check(imported["training"].attrs["step"] == 0, f"{path}: has progress")
        check(not any(np.any(slot) for slot in imported["optimizer"].values()), f"{path}: has optimizer state")


def main():
    with h5py.File(sys.argv[1]) as checkpoint:
        with h5py.File(sys.argv[3]) as file:
            check_weights(file, checkpoint)
        with zipfile.ZipFile(sys.argv[2]) as archive:
            check(archive.testzip() is None, "a bad archive")
            check(set(archive.namelist()) == {"metadata.json", "config.json", "model.weights.h5"}, "the archive's files")
            metadata = json.loads(archive.read("metadata.json"))
            check(metadata["keras_version"] == "3.0.0" and
                  re.fullmatch(r"\d{4}-\d\d-\d\d@\d\d:\d\d:\d\d", metadata["date_saved"]), "metadata.json")
            check_config(json.loads(archive.read("config.json")), checkpoint)
            with h5py.File(io.BytesIO(archive.read("model.weights.h5"))) as file:
                check_weights(file, checkpoint)
        for path in sys.argv[4:]:
            check_imported(path, checkpoint)
    print(f"{sys.argv[2]}, {sys.argv[3]}: as Keras expects them")


if __name__ == "__main__":
    main()
