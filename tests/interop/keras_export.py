"""Loads what we wrote, in Keras 3 and in tf-keras: predictions, the optimizer's state, and training on.

    keras_export.py NAME...      of each: NAME.h5, NAME.keras, NAME.weights.h5 and NAME.cases
"""
import sys
import warnings

import h5py
import keras
import numpy as np
import tf_keras

from cases import agree, check, read_cases

warnings.filterwarnings("ignore")


def predict(model, images):
    return model.predict(images, batch_size=500, verbose=0)


def check_state(optimizer, path, what):
    """The optimizer holds all that the file has of it."""
    with h5py.File(path) as file:
        saved = file["optimizer/vars"]
        check(len(saved) == len(optimizer.variables), f"{what}: {len(optimizer.variables)} variables")
        for i, variable in enumerate(optimizer.variables):
            check(np.array_equal(saved[str(i)][()], variable.numpy()), f"{what}: variable {i}, {variable.path}")
            check(i < 2 or np.any(variable.numpy()), f"{what}: variable {i}, {variable.path}, is 0")
        return int(saved["0"][()])


def check_fit(model, images, path, what):
    """A training goes on from the state: the steps are counted on, and the loss is finite."""
    steps = check_state(model.optimizer, path, what)
    check(steps > 0, f"{what}: no steps")
    targets = keras.utils.to_categorical(np.arange(64) % 10, 10)
    history = model.fit(images[:64], targets, batch_size=32, epochs=1, verbose=0)
    check(np.isfinite(history.history["loss"]).all(), f"{what}: the loss is not finite")
    check(int(model.optimizer.iterations.numpy()) == steps + 2, f"{what}: the steps are not counted on")
    print(f"{what}: {type(model.optimizer).__name__} goes on after step {steps}")


def check_name(name):
    _, images, ours = read_cases(f"{name}.cases")
    check(len(images) == 1000, "1,000 images")
    agree(ours, predict(tf_keras.models.load_model(f"{name}.h5", compile=False), images), f"{name}.h5 in tf-keras")
    model = keras.models.load_model(f"{name}.h5", compile=False)
    agree(ours, predict(model, images), f"{name}.h5 in Keras 3")

    whole = keras.models.load_model(f"{name}.keras")
    agree(ours, predict(whole, images), f"{name}.keras in Keras 3")
    optimizer = type(whole.optimizer).from_config(whole.optimizer.get_config())
    check_fit(whole, images, f"{name}.weights.h5", f"{name}.keras")

    for variable in model.variables:
        variable.assign(np.zeros(variable.shape))
    model.compile(optimizer, "categorical_crossentropy")
    model.optimizer.build(model.trainable_variables)
    model.load_weights(f"{name}.weights.h5")
    agree(ours, predict(model, images), f"{name}.weights.h5 in Keras 3")
    check_fit(model, images, f"{name}.weights.h5", f"{name}.weights.h5")


print(f"Keras {keras.__version__}, tf-keras {tf_keras.__version__}")
for argument in sys.argv[1:]:
    check_name(argument)
