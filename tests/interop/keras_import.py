"""Models that real Keras writes, taken by `import-model`: predictions agree, and what is not known is named.

    keras_import.py PROGRAM DIGIT_CASES DIGITS.h5

Leaves layers_keras.keras in the folder, a model with every layer that is known.
"""
import io
import os
import re
import subprocess
import sys
import warnings
import zipfile

import h5py
import keras
import numpy as np
import tf_keras

from cases import agree, check, read_cases

warnings.filterwarnings("ignore")
PROGRAM, DIGIT_CASES, DIGITS = sys.argv[1:]
IMAGE = (28, 28, 1)


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=False)


def randomize(model, seed):
    """Numbers that tell every weight from the next; variances are positive."""
    numbers = np.random.default_rng(seed)
    for variable in model.weights:
        shape = tuple(variable.shape)
        spread = 0.5 if len(shape) == 1 else 1.5 / np.sqrt(np.prod(shape[:-1]))
        values = numbers.normal(0, spread, shape).astype(np.float32)
        name = getattr(variable, "path", variable.name)
        variable.assign(np.abs(values) + 0.5 if "variance" in name or "gamma" in name else values)
    return model


def every_layer(k):
    """k is keras or tf_keras; a slope has other names there."""
    layers = k.layers
    slope = {"negative_slope": 0.2} if k is keras else {"alpha": 0.2}
    return k.Sequential([
        k.Input(IMAGE),
        layers.Conv2D(6, 5, padding="same", activation="relu", kernel_regularizer="l2"),
        layers.Conv2D(5, (3, 2), strides=2, use_bias=False),
        layers.BatchNormalization(momentum=0.9, epsilon=1e-4), layers.Activation("relu"),
        layers.MaxPooling2D(2, padding="valid"), layers.Conv2D(4, 3, padding="same"), layers.LeakyReLU(**slope),
        layers.BatchNormalization(), layers.ReLU(), layers.AveragePooling2D((3, 7), padding="same"), layers.Dropout(0.25),
        layers.Flatten(), layers.Dense(12, use_bias=False), layers.BatchNormalization(), layers.Activation("relu"),
        layers.Dense(9, activation="relu"), layers.Dense(10, activation="softmax")])


def small(k, *first, last=None):
    layers = k.layers
    return k.Sequential([*first, layers.Conv2D(3, 3, activation="relu"), layers.GlobalAveragePooling2D(),
                         *(last or [layers.Dense(10, activation="softmax")])])


def rows(k, *first):
    return k.Sequential([*first, k.layers.Dense(8, activation="relu"), k.layers.Dense(10, activation="softmax")])


def models(k):
    """Name, model, and what to make of (n, 28, 28, 1) images before it sees them; of its outputs."""
    layers = k.layers
    same, logits = (lambda x: x), (lambda y: np.exp(y) / np.exp(y).sum(1, keepdims=True))
    yield "layers", every_layer(k), same, same
    yield "softmax", small(k, k.Input(IMAGE), last=[layers.Dense(10), layers.Softmax()]), same, same
    yield "logits", small(k, k.Input(IMAGE), last=[layers.Dense(10)]), same, logits
    yield "square", rows(k, k.Input((28, 28)), layers.Flatten()), (lambda x: x[..., 0]), same
    yield "row", rows(k, k.Input((784,))), (lambda x: x.reshape(-1, 784)), same
    yield "reshape", small(k, k.Input((784,)), layers.Reshape(IMAGE)), (lambda x: x.reshape(-1, 784)), same
    yield "rescale", small(k, k.Input(IMAGE), layers.Rescaling(1 / 255)), (lambda x: x * 255), same


def take(path, *options):
    """Our answers of the model in the file."""
    result = run(PROGRAM, "import-model", path, "-o", "taken.h5", *options)
    check(result.returncode == 0, f"{path}: {result.stderr}")
    result = run(DIGIT_CASES, "taken.cases", "taken.h5", DIGITS)
    check(result.returncode == 0, result.stderr)
    return read_cases("taken.cases")


def layers_of(path):
    """model.layers of an imported checkpoint, as an argument."""
    with h5py.File(path) as file:
        yaml = file["config"].attrs["yaml"]
    items = re.search(r"layers:\n((?:    - .*\n)*)", yaml).group(1)
    return "model.layers=" + ", ".join(re.findall(r'- "?([^"\n]*)"?', items))


def check_round_trip(k, label):
    for seed, (name, model, before, after) in enumerate(models(k)):
        randomize(model, seed)
        for ending in ("keras", "h5"):
            path = f"{name}_{label}.{ending}"
            model.save(path)
            _, images, ours = take(path)
            agree(ours, after(model.predict(before(images), batch_size=500, verbose=0)), f"{path} imported")
        layers = layers_of("taken.h5")
        for path in (f"{name}_{label}.weights.h5", *[f"weights_of_{name}.h5"] * (k is tf_keras)):
            model.save_weights(path)
            other = take(path, layers)[2]
            check(np.array_equal(other, ours), f"{path}: other answers than from the whole model")


# ---- What is not known --------------------------------------------------------------------------


def refused(path, pattern, code=3, options=()):
    result = run(PROGRAM, "import-model", path, "-o", "refused.h5", *options)
    lines = result.stderr.splitlines()
    check(result.returncode == code and len(lines) == 1, f"{path}: exit code {result.returncode}: {result.stderr}")
    check(re.search(pattern, lines[0]), f"{path}: no match for {pattern}: {lines[0]}")
    check(path in lines[0] and not os.path.exists("refused.h5"), f"{path}: {lines[0]}")


def unknown_models():
    layers, end = keras.layers, keras.layers.Dense(10, activation="softmax")
    conv = layers.Conv2D

    def with_layer(*middle):
        return keras.Sequential([keras.Input(IMAGE), *middle, layers.Flatten(), layers.Dense(10, activation="softmax")])
    named = r"layer 1, \"odd\" \({}\): .*{}".format
    yield with_layer(conv(4, 3, dilation_rate=2, name="odd")), named("Conv2D", r"dilation_rate is \[2")
    yield with_layer(conv(4, 3), conv(4, 3, groups=2, name="odd")), r"layer 2, \"odd\" \(Conv2D\): groups is 2"
    yield with_layer(conv(4, 3, strides=(2, 1), name="odd")), named("Conv2D", "strides are 2 and 1")
    yield with_layer(conv(4, 3, activation="tanh", name="odd")), named("Conv2D", r"activation is \"tanh\"")
    yield with_layer(conv(4, 3, data_format="channels_first", padding="same", name="odd")), named("Conv2D", "data_format")
    yield with_layer(layers.MaxPooling2D(3, strides=1, name="odd")), named("MaxPooling2D", "side by side")
    yield with_layer(layers.MaxPooling2D(3, padding="same", name="odd")), named("MaxPooling2D", "do not fit 28x28")
    yield with_layer(layers.BatchNormalization(axis=1, name="odd")), named("BatchNormalization", "axis is 1")
    yield with_layer(layers.BatchNormalization(center=False, name="odd")), named("BatchNormalization", "center is false")
    yield with_layer(layers.LayerNormalization(name="odd")), named("LayerNormalization", "is not known here")
    yield with_layer(layers.ReLU(max_value=6.0, name="odd")), named("ReLU", "max_value is 6")
    yield with_layer(layers.Rescaling(1 / 127.5, name="odd")), named("Rescaling", "scale is")
    yield with_layer(layers.Rescaling(1 / 255, offset=-1, name="odd")), named("Rescaling", "offset is -1")
    yield with_layer(layers.Activation("softmax", name="odd")), named("Activation", "softmax is known here only")
    yield with_layer(keras.Sequential([conv(2, 3)], name="odd")), named("Sequential", "is not known here")
    yield (keras.Sequential([keras.Input((32, 32, 3)), layers.Flatten(), end]), r"\[null, ?32, ?32, ?3\]")
    yield (keras.Sequential([keras.Input(IMAGE), layers.Flatten(), layers.Dense(7, activation="softmax")]), "10 units")
    yield (keras.Sequential([keras.Input(IMAGE), layers.Flatten(), layers.Dense(4)]), "last layer is not Dense with 10")
    yield (keras.Sequential([keras.Input(IMAGE), layers.Dense(10, activation="softmax")]), "needs its input in a row")
    source = keras.Input(IMAGE)
    yield keras.Model(source, layers.Dense(10, activation="softmax")(layers.Flatten()(source))), "is a Functional model"


def check_unknown():
    count = 0
    for model, pattern in unknown_models():
        model.save("unknown.keras")
        refused("unknown.keras", pattern)
        count += 1
    print(f"{count} models with what is not known here: each named")


def rewrite(path, **files):
    """A copy of the archive with other files; None leaves one out."""
    with zipfile.ZipFile("layers_keras.keras") as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    content.update({name.replace("__", "."): value for name, value in files.items()})
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, value in content.items():
            if value is not None:
                archive.writestr(name, value)


def spoilt_weights(place, change):
    with zipfile.ZipFile("layers_keras.keras") as archive:
        memory = io.BytesIO(archive.read("model.weights.h5"))
    with h5py.File(memory, "r+") as file:
        values = file[place][()]
        del file[place]
        value = change(values)
        if value is not None:
            file[place] = value
    return memory.getvalue()


def not_finite(values):
    values.flat[3] = np.nan
    return values


def check_damage():
    whole = open("layers_keras.keras", "rb").read()
    cases = {
        "empty.keras": (b"", "HDF5"),
        "text.h5": (b"no model\n" * 100, "HDF5"),
        "short.keras": (whole[:len(whole) // 2], r"\S"),
    }
    for path, (content, pattern) in cases.items():
        with open(path, "wb") as file:
            file.write(content)
        refused(path, pattern)
    refused("nowhere.keras", "No such file")
    rewrite("odd.keras", config__json=None)
    refused("odd.keras", "config.json: ")
    rewrite("odd.keras", config__json=b"{")
    refused("odd.keras", "no JSON")
    rewrite("odd.keras", config__json=b"[" * 100000)
    refused("odd.keras", "no JSON")
    rewrite("bomb.keras", **{"model__weights__h5": b"\0" * (1 << 28)})
    refused("bomb.keras", "model.weights.h5: is said to be 268435456 bytes, more than")
    for change, pattern in ((lambda v: v[..., :-1], r"/layers/conv2d/vars/0: has 5 in dimension 4, not 6"),
                            (lambda v: v.astype(np.float16), "/layers/conv2d/vars/0: holds another type"),
                            (lambda v: v[0], "/layers/conv2d/vars/0: is f32 with 3 dimensions, not f32 with 4"),
                            (lambda v: None, "/layers/conv2d/vars/0: is missing"),
                            (not_finite, "/layers/conv2d/vars/0: number 3 is not finite")):
        rewrite("odd.keras", **{"model__weights__h5": spoilt_weights("layers/conv2d/vars/0", change)})
        refused("odd.keras", pattern)
    refused("layers_keras.weights.h5", r"; the layers are those of model.layers: give the file's$")
    refused("softmax_keras.weights.h5", "model has no such layer|the layers are those of model.layers",
            options=("model.layers=flatten, dense 10 softmax",))
    print("damaged files, a bomb and wrong shapes: each refused by a line")


check_round_trip(keras, "keras")
check_round_trip(tf_keras, "tf_keras")
check_unknown()
check_damage()
