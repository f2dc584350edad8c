"""Files that `mnist_dist export` wrote, read by others' programs: onnx, ONNX Runtime, safetensors,
NumPy; and a run's event file, by TensorBoard.

    check_formats.py FOLDER        holding model.onnx, model.safetensors, model.npz, images.npz, run/
"""
import csv
import sys

import numpy
import onnx
import onnxruntime
from safetensors.numpy import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

folder = sys.argv[1]
data = numpy.load(f"{folder}/images.npz")

model = onnx.load(f"{folder}/model.onnx")
onnx.checker.check_model(model, full_check=True)
session = onnxruntime.InferenceSession(f"{folder}/model.onnx", providers=["CPUExecutionProvider"])
probabilities = session.run(None, {"images": data["images"]})[0]
difference = abs(probabilities - data["probabilities"]).max()
print(f"ONNX Runtime: {len(probabilities)} images, largest difference {difference:.2e}")
assert difference <= 1e-5
assert (probabilities.argmax(1) == data["labels"]).mean() > 0.9, "a network that knows nothing"

arrays, tensors = numpy.load(f"{folder}/model.npz"), load_file(f"{folder}/model.safetensors")
assert set(arrays) == set(tensors) and len(tensors) > 0
assert all(numpy.array_equal(arrays[name], tensors[name]) for name in tensors)
print(f"safetensors and NumPy: the same {len(tensors)} arrays")

events = EventAccumulator(f"{folder}/run", size_guidance={"scalars": 0, "images": 0})
events.Reload()
with open(f"{folder}/run/metrics.csv", encoding="ascii") as file:
    epochs = list(csv.DictReader(file))
seen = events.Scalars("epoch/val_accuracy")
assert [numpy.float32(e["val_accuracy"]) for e in epochs] == [numpy.float32(s.value) for s in seen]
steps = [s.step for s in events.Scalars("step/loss")]
assert steps == list(range(1, len(steps) + 1)) and seen[-1].step == len(steps)
assert events.Tags()["images"] == ["confusion matrix", "errors"]
picture = events.Images("confusion matrix")[0]
assert picture.encoded_image_string.startswith(b"\x89PNG") and picture.width == 2000
print(f"TensorBoard: {len(steps)} steps, {len(seen)} epochs, two pictures")
