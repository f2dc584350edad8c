"""Holds the program's arithmetic against Keras's, step by step.

    parity.py PARITY

Each step starts from Keras's weights and optimizer state of that step: free-running trajectories diverge within 100
steps even between two float32 back ends. The loss agrees to 1e-5, gradients to 1e-4 of their tensor's largest, the
update rules, fed with Keras's gradients, to 1e-6, an augmented image to 1e-3.

A relu or a maximum that stands within rounding of its kink has two gradients, and both are right. A step whose
gradients differ is judged again without the samples that differ by themselves; there are few of those. Under batch
normalisation samples hang together and none can be left out, so that network has no kinks.
"""
import struct
import subprocess
import sys
import warnings

import keras
import numpy as np
import tensorflow as tf
import tf_keras

from cases import check

warnings.filterwarnings("ignore")
BATCH, STEPS = 32, 100
LOSS, GRADIENT, UPDATE, IMAGE, NOTHING = 1e-5, 1e-4, 1e-6, 1e-3, 1e-4
# Keras takes a variance as the difference of two means, which costs digits.
STATISTICS, NORMALISED = 1e-5, 1e-3
MOST_KINKS = 4  # samples of all steps with one network

PLAIN_LAYERS = ("conv 5x5 6 same relu, maxpool 2x2, conv 3x3 8 same, leakyrelu 0.2, maxpool 2x2, flatten, "
                "dense 24 relu, dense 10 softmax")
NORMALISED_LAYERS = ("conv 3x3 6 nobias stride 2, batchnorm, conv 4x3 5 nobias valid, batchnorm, avgpool 2x2, "
                     "conv 3x3 7 nobias, globalavgpool, dense 12 nobias, batchnorm, dense 10 softmax")


def plain():
    layers = keras.layers
    return [layers.Conv2D(6, 5, padding="same", activation="relu"), layers.MaxPooling2D(2),
            layers.Conv2D(8, 3, padding="same"), layers.LeakyReLU(negative_slope=0.2), layers.MaxPooling2D(2), layers.Flatten(),
            layers.Dense(24, activation="relu"), layers.Dense(10, activation="softmax")]


def normalised():
    layers = keras.layers
    return [layers.Conv2D(6, 3, strides=2, padding="same", use_bias=False), layers.BatchNormalization(),
            layers.Conv2D(5, (4, 3), use_bias=False), layers.BatchNormalization(), layers.AveragePooling2D(2),
            layers.Conv2D(7, 3, padding="same", use_bias=False), layers.GlobalAveragePooling2D(), layers.Dense(12, use_bias=False),
            layers.BatchNormalization(), layers.Dense(10, activation="softmax")]


class Side:
    """The program: see parity.c."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen([sys.argv[1], *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, request, *arrays):
        self.process.stdin.write(request + b"".join(np.ascontiguousarray(array).tobytes() for array in arrays))
        self.process.stdin.flush()

    def floats(self, count):
        content = self.process.stdout.read(4 * count)
        check(len(content) == 4 * count, "the program gave up")
        return np.frombuffer(content, np.float32)

    def gradients(self, weights, images, targets):
        self.ask(b"g" + struct.pack("=I", len(images)), *weights, images, targets)
        loss = struct.unpack("=d", self.process.stdout.read(8))[0]
        return loss, [self.floats(weight.size).reshape(weight.shape) for weight in weights]

    def update(self, rate, iteration, weights, gradients, slots):
        flat = [np.concatenate([array.ravel() for array in arrays]) for arrays in (weights, gradients, *slots)]
        self.ask(b"u" + struct.pack("=dQ", rate, iteration), *flat)
        return [self.floats(flat[0].size) for _ in range(1 + len(slots))]

    def augmented(self, draw, image):
        self.ask(b"a" + struct.pack("=5d", *draw), image)
        return self.floats(784).reshape(28, 28)

    def close(self):
        self.process.stdin.close()
        check(self.process.wait() == 0, "the program failed")


def digits(count, numbers):
    """Images with some of a digit's looks: soft strokes on black, of ten kinds."""
    y, x = np.mgrid[0:28, 0:28]
    images, labels = np.zeros((count, 28, 28, 1), np.float32), numbers.integers(0, 10, count)
    for i, label in enumerate(labels):
        angle, at = label * np.pi / 10 + numbers.normal(0, 0.05), 13.5 + numbers.normal(0, 2, 2)
        stroke = np.abs((x - at[0]) * np.sin(angle) - (y - at[1]) * np.cos(angle))
        images[i, :, :, 0] = np.clip(1.3 - stroke / 2.5 + numbers.normal(0, 0.05, (28, 28)), 0, 1)
    return np.round(images * 255) / np.float32(255), np.eye(10, dtype=np.float32)[labels]


def largest(array):
    return float(np.abs(array).max())


def far(ours, theirs):
    """By how much gradients differ, as a share of the tensor's largest. A shift that a batch normalisation further on
    takes away again has a gradient of 0, of which rounding is all that is left: it is passed over."""
    least = NOTHING * max(largest(b) for b in theirs)
    pairs = [(a, b) for a, b in zip(ours, theirs, strict=True) if max(largest(a), largest(b)) > least]
    return max(largest(a - b) / max(largest(b), least) for a, b in pairs)


class Theirs:
    """A model of Keras in training; weights by layer, moving statistics among them."""

    def __init__(self, layers, optimizer):
        keras.utils.set_random_seed(1)
        self.model = keras.Sequential([keras.Input((28, 28, 1)), *layers])
        self.optimizer = optimizer
        self.optimizer.build(self.model.trainable_variables)
        self.loss = keras.losses.CategoricalCrossentropy()
        self.variables = [weight for layer in self.model.layers for weight in layer.weights]
        self.trained = [weight.trainable for weight in self.variables]
        self.run = tf.function(self.compute, reduce_retracing=True)

    def compute(self, images, targets):
        with tf.GradientTape() as tape:
            loss = self.loss(targets, self.model(images, training=True))
        return loss, tape.gradient(loss, [variable.value for variable in self.model.trainable_variables])

    def weights(self):
        return [variable.numpy() for variable in self.variables]

    def assign(self, weights):
        for variable, weight in zip(self.variables, weights, strict=True):
            variable.assign(weight)

    def pick(self, arrays):
        """Those that are trained."""
        return [array for array, trained in zip(arrays, self.trained, strict=True) if trained]

    def slots(self, names):
        """The optimizer's vectors of these names, each a list over the trained variables."""
        return [[variable.numpy() for variable in getattr(self.optimizer, name)] for name in names]

    def gradients(self, images, targets):
        loss, gradients = self.run(images, targets)
        return float(loss), [gradient.numpy() for gradient in gradients]


def without_kinks(ours, theirs, before, images, targets):
    """The samples whose own gradients agree."""
    keep = []
    for i in range(len(images)):
        one, mine = theirs.gradients(images[i:i + 1], targets[i:i + 1]), ours.gradients(before, images[i:i + 1], targets[i:i + 1])
        theirs.assign(before)
        if far(theirs.pick(mine[1]), one[1]) <= GRADIENT:
            keep.append(i)
    return keep


def check_statistics(theirs, before, gradients, what):
    """Batch normalisation moves its statistics as ours does: towards those of the batch."""
    names = [(layer, i) for layer in theirs.model.layers for i in range(len(layer.weights))]
    for (layer, _), then, found, now, trained in zip(names, before, gradients, theirs.weights(), theirs.trained, strict=True):
        if not trained:
            moved = then + np.float32(1 - layer.momentum) * (found - then)
            check(largest(moved - now) <= STATISTICS * max(1, largest(now)), f"{what}: statistics of {layer.name} differ by "
                  f"{largest(moved - now):.3g} of {largest(now):.3g}")


def check_gradients(ours, theirs, before, images, targets, what):
    """Returns the worst share, Keras's gradients, and how many samples stood on a kink."""
    loss, gradients = theirs.gradients(images, targets)
    my_loss, mine = ours.gradients(before, images, targets)
    check(abs(my_loss - loss) <= LOSS, f"{what}: loss {my_loss}, Keras's is {loss}")
    check_statistics(theirs, before, mine, what)
    worst, kinks = far(theirs.pick(mine), gradients), 0
    if worst > GRADIENT and all(theirs.trained):
        keep = without_kinks(ours, theirs, before, images, targets)
        kinks = len(images) - len(keep)
        worst = far(theirs.pick(ours.gradients(before, images[keep], targets[keep])[1]),
                    theirs.gradients(images[keep], targets[keep])[1])
    check(worst <= (GRADIENT if all(theirs.trained) else NORMALISED), f"{what}: gradients differ by {worst:.3g} of the largest")
    return worst, gradients, kinks


def check_update(ours, theirs, before, gradients, names, what):
    """Takes Keras's step, and ours from the same state with the same gradients."""
    rate, iteration = float(theirs.optimizer.learning_rate.numpy()), int(theirs.optimizer.iterations.numpy())
    mine = ours.update(rate, iteration + 1, theirs.pick(before), gradients, theirs.slots(names))
    theirs.optimizer.apply([tf.convert_to_tensor(gradient) for gradient in gradients])
    now = [theirs.pick(theirs.weights()), *theirs.slots(names)]
    for own, keras_side, name in zip(mine, now, ("weights", *names), strict=True):
        flat = np.concatenate([array.ravel() for array in keras_side])
        check(largest(own - flat) <= UPDATE * max(1, largest(flat)), f"{what}: {name} differ by {largest(own - flat):.3g}")
    return largest(mine[0] - np.concatenate([array.ravel() for array in now[0]]))


def compare(layers, network, optimizer, names, settings, steps):
    numbers = np.random.default_rng(7)
    images, targets = digits(BATCH * 8, numbers)
    ours, theirs = Side(layers, *settings), Theirs(network, optimizer)
    worst, moved, kinks, first = 0, 0, 0, None
    for step in range(steps):
        what = f"{settings[0]}, step {step + 1}"
        batch = numbers.choice(len(images), BATCH, replace=False)
        before = theirs.weights()
        share, gradients, found = check_gradients(ours, theirs, before, images[batch], targets[batch], what)
        worst, kinks = max(worst, share), kinks + found
        if found:
            theirs.assign(before)
        moved = max(moved, check_update(ours, theirs, before, gradients, names, what))
    loss = theirs.gradients(images[:BATCH], targets[:BATCH])[0]
    ours.close()
    check(kinks <= MOST_KINKS, f"{settings[0]}: {kinks} samples on kinks are more than chance has")
    check(loss < 2.0, f"{settings[0]}: nothing was learnt: {loss}")
    print(f"{' '.join(settings)}: {steps} steps agree, gradients to {worst:.2g} of the largest, updates to {moved:.2g}, "
          f"{kinks} samples on kinks; loss {loss:.3f}")


def check_augmentation():
    """The generator's own draws and images."""
    ours = Side(PLAIN_LAYERS)
    generator = tf_keras.preprocessing.image.ImageDataGenerator(
        rotation_range=10, zoom_range=0.1, width_shift_range=0.1, height_shift_range=0.1)
    images, worst = digits(300, np.random.default_rng(3))[0], 0
    for i, image in enumerate(images):
        draw = generator.get_random_transform(image.shape, seed=i)
        theirs = generator.apply_transform(image, draw)[:, :, 0]
        mine = ours.augmented([np.deg2rad(draw["theta"]), *(draw[key] for key in ("tx", "ty", "zx", "zy"))],
                              np.round(image * 255).astype(np.uint8))
        worst = max(worst, largest(mine - theirs))
        check(worst <= IMAGE, f"image {i}, {draw}: differs by {worst:.3g}")
        check(largest(mine - image[:, :, 0]) > 0.1, "an image that was not changed")
    ours.close()
    print(f"{len(images)} augmented images agree to {worst:.2g}")


optimizers = keras.optimizers
compare(PLAIN_LAYERS, plain(), optimizers.Adam(), ["_momentums", "_velocities"], ["optimizer.kind=adam"], STEPS)
compare(PLAIN_LAYERS, plain(), optimizers.RMSprop(), ["_velocities"], ["optimizer.kind=rmsprop"], STEPS)
compare(PLAIN_LAYERS, plain(), optimizers.SGD(0.02, momentum=0.9), ["momentums"],
        ["optimizer.kind=sgd", "optimizer.momentum=0.9"], STEPS)
compare(PLAIN_LAYERS, plain(), optimizers.SGD(0.02, momentum=0.9, nesterov=True), ["momentums"],
        ["optimizer.kind=sgd", "optimizer.momentum=0.9", "optimizer.nesterov=true"], STEPS)
compare(NORMALISED_LAYERS, normalised(), optimizers.RMSprop(momentum=0.9), ["_velocities", "_momentums"],
        ["optimizer.kind=rmsprop", "optimizer.momentum=0.9"], STEPS)
compare(NORMALISED_LAYERS, normalised(), optimizers.AdamW(weight_decay=0.01), ["_momentums", "_velocities"],
        ["optimizer.kind=adamw", "optimizer.weight_decay=0.01"], STEPS)
check_augmentation()
