#!/usr/bin/python3
"""Draws the curves of a run: plot_run.py RUNDIR OUT.png (Debian's python3-matplotlib and python3-h5py).

Made tests/reference/baseline.png, the picture in README.md.
"""

import sys

import h5py
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

run, out = sys.argv[1:3]
with h5py.File(run + "/metrics.h5") as file:
    epoch = {name: values[:] for name, values in file["epoch"].items()}
    step_loss = file["step/loss"][:]

epochs = range(1, len(epoch["loss"]) + 1)
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6), dpi=100)
steps = [len(epoch["loss"]) * (i + 1) / len(step_loss) for i in range(len(step_loss))]
left.plot(steps, step_loss, color="0.85", linewidth=0.5, label="training, each step")
left.plot(epochs, epoch["loss"], label="training (dropout and augmentation on)")
left.plot(epochs, epoch["val_loss"], label="validation")
left.set(xlabel="epoch", ylabel="cross-entropy, nats", yscale="log")
left.legend(fontsize=8)
right.plot(epochs, 100 * epoch["accuracy"], label="training (dropout and augmentation on)")
right.plot(epochs, 100 * epoch["val_accuracy"], label="validation")
right.set(xlabel="epoch", ylabel="accuracy, %", ylim=(95, 100))
rate = right.twinx()
rate.step(epochs, epoch["learning_rate"], where="mid", color="0.6", linestyle=":")
rate.set(ylabel="learning rate (dotted)", yscale="log")
right.legend(fontsize=8, loc="lower center")
figure.tight_layout()
figure.savefig(out)
