"""What the tests with Keras share: images, our answers, and the judgement."""
import json
import sys

import numpy as np

TOLERANCE = 1e-5


def read_cases(path):
    """Of digit_cases' output: parameters, images (n, 28, 28, 1) and our probabilities (n, 10)."""
    with open(path, "rb") as file:
        head = json.loads(file.readline())
        numbers = np.frombuffer(file.read(), np.float32)
    count, images = head["parameters"], head["images"]
    parameters, rest = numbers[:count], numbers[count:]
    return parameters, rest[:images * 784].reshape(-1, 28, 28, 1), rest[images * 784:].reshape(-1, 10)


def check(condition, what):
    if not condition:
        sys.exit(f"FAILED: {what}")


def agree(ours, theirs, what, tolerance=TOLERANCE):
    worst = float(np.abs(np.asarray(ours, np.float64) - np.asarray(theirs, np.float64)).max())
    check(worst <= tolerance, f"{what}: differ by {worst:.3g}, more than {tolerance}")
    print(f"{what}: agree to {worst:.2g}")
