"""Pictures of digits as people have them, out of the rows of a digits.h5, in styles that are told by
their files' names: STYLE-ROW-LABEL.png.

    draw_pictures.py DIGITS FOLDER FIRST_ROW COUNT

Each row is drawn in each style. Seeds are fixed, so a picture is the same every time."""
import struct
import sys
import zlib

import h5py
import numpy as np


def write_png(path, pixels, depth=8):
    """pixels (h, w) gray, (h, w, 3) or (h, w, 4), in 0..1."""
    height, width = pixels.shape[:2]
    kind = {2: 0, 3: {3: 2, 4: 6}.get(pixels.shape[-1])}[pixels.ndim]
    most = 2**depth - 1
    samples = np.rint(np.clip(pixels, 0, 1) * most).astype(">u2" if depth == 16 else np.uint8)
    rows = samples.reshape(height, -1)
    raw = b"".join(b"\0" + row.tobytes() for row in rows)
    def chunk(name, data):
        body = name + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))
    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        file.write(chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)))
        file.write(chunk(b"IDAT", zlib.compress(raw, 1)))
        file.write(chunk(b"IEND", b""))


def draw(digit, height, width, centre, side, angle=0.0):
    """The digit (28, 28) at a place of a larger canvas, bilinear, its frame `side` pixels high."""
    y, x = np.mgrid[0:height, 0:width].astype(float)
    y, x = y - centre[0], x - centre[1]
    cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    v, u = (cos * y - sin * x) * 28 / side + 13.5, (sin * y + cos * x) * 28 / side + 13.5
    inside = (v > 0) & (v < 26.999) & (u > 0) & (u < 26.999)
    v, u = np.clip(v, 0, 26.999), np.clip(u, 0, 26.999)
    i, j = v.astype(int), u.astype(int)
    a, b = v - i, u - j
    value = (digit[i, j] * (1 - a) * (1 - b) + digit[i + 1, j] * a * (1 - b)
             + digit[i, j + 1] * (1 - a) * b + digit[i + 1, j + 1] * a * b)
    ink = np.where(inside, value, 0.0)
    return np.clip((ink - 0.35) / 0.3, 0, 1)  # a pen has edges


def thin(ink):
    """The stroke's core, of about a third of its width."""
    before = ink.sum()
    while ink.sum() > before / 3:
        padded = np.pad(ink, 1)
        ink = np.minimum.reduce([padded[1:-1, 1:-1], padded[:-2, 1:-1], padded[2:, 1:-1],
                                 padded[1:-1, :-2], padded[1:-1, 2:]])
    return ink


def light(height, width, low, angle):
    """Light that falls from one side, from 1 down to `low`."""
    y, x = np.mgrid[0:height, 0:width]
    along = np.cos(angle) * x / width + np.sin(angle) * y / height
    along = (along - along.min()) / (along.max() - along.min())
    return low + (1 - low) * along


def on_paper(ink, paper, pen, rng, noise):
    return paper * (1 - ink) + pen * ink + rng.normal(0, noise, ink.shape)


def noisy(digit, rng):
    ink = draw(digit, 300, 240, (150, 120), 200, rng.uniform(-10, 10))
    return on_paper(ink, 0.9, 0.15, rng, 0.05), 8


def reversed_(digit, rng):
    ink = draw(digit, 240, 320, (100, 180), 150, rng.uniform(-10, 10))
    return 1 - on_paper(ink, 0.85, 0.1, rng, 0.04), 16


def gradient(digit, rng):
    ink = draw(digit, 400, 400, (200, 200), 280, rng.uniform(-10, 10))
    shade = light(400, 400, 0.35, rng.uniform(0, 6.28))
    return on_paper(ink, 0.95, 0.25, rng, 0.02) * shade, 8


def edge(digit, rng):
    """The ink's box at the picture's left or upper edge."""
    side = 250
    ys, xs = np.nonzero(digit > 0.4)
    corner = [13.5 - ys.min(), 13.5 - xs.min()] if rng.integers(2) else [15, 13.5 - xs.min()]
    centre = [c * side / 28 + 3 for c in corner]
    ink = draw(digit, 400, 350, centre, side)
    return on_paper(ink, 0.9, 0.2, rng, 0.03), 8


def coloured(digit, rng):
    ink = draw(digit, 350, 500, (160, 300), 240, rng.uniform(-10, 10))[..., None]
    paper, pen = np.array([0.98, 0.95, 0.7]), np.array([0.1, 0.15, 0.6])
    return paper * (1 - ink) + pen * ink + rng.normal(0, 0.02, (350, 500, 3)), 8


def small(digit, rng):
    """A digit of 4 % of the sheet's area, with specks all over."""
    ink = draw(digit, 900, 1200, rng.uniform(200, 700, 2), 220, rng.uniform(-10, 10))
    for y, x in rng.integers(0, 890, (60, 2)):
        ink[y:y + 3, x:x + 3] = 1
    return on_paper(ink, 0.8, 0.2, rng, 0.03), 8


def pencil(digit, rng):
    """A thin, pale line."""
    ink = thin(draw(digit, 600, 600, (300, 300), 500, rng.uniform(-10, 10)))
    return on_paper(ink, 0.92, 0.55, rng, 0.02) * light(600, 600, 0.7, 1.0), 8


def vignette(digit, rng):
    ink = draw(digit, 480, 640, (240, 320), 300, rng.uniform(-10, 10))
    y, x = np.mgrid[-1:1:480j, -1:1:640j]
    return on_paper(ink, 0.9, 0.3, rng, 0.02) * (1 - 0.3 * (x * x + y * y)), 8


def sheet(digit, rng):
    """A sheet of paper on a dark table."""
    ink = draw(digit, 480, 640, (240, 320), 180, rng.uniform(-10, 10))
    paper = np.full((480, 640), 0.2)
    paper[60:420, 120:520] = 0.9
    return on_paper(ink, paper, 0.15, rng, 0.02), 8


def ruled(digit, rng):
    ink = draw(digit, 480, 640, (240, 320), 220, rng.uniform(-10, 10))
    paper = np.full((480, 640), 0.92)
    paper[[y for y in range(480) if y % 60 < 3]] = 0.6
    return on_paper(ink, paper, 0.25, rng, 0.02), 8


def original(digit, _):
    return digit, 8


def transparent(digit, rng):
    ink = draw(digit, 200, 200, (100, 100), 160)
    return np.dstack([np.full((200, 200, 3), float(rng.integers(2))), ink]), 8


STYLES = {"noisy": noisy, "reversed": reversed_, "gradient": gradient, "edge": edge,
          "coloured": coloured, "small": small, "pencil": pencil, "vignette": vignette, "sheet": sheet, "ruled": ruled,
          "original": original, "transparent": transparent}


def main():
    digits, folder, first, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    with h5py.File(digits, "r") as file:
        images = file["train/images"][first:first + count] / 255.0
        labels = file["train/labels"][first:first + count]
    for row, (image, label) in enumerate(zip(images, labels), first):
        for style, (name, make) in enumerate(STYLES.items()):
            pixels, depth = make(image, np.random.default_rng([row, style]))
            write_png(f"{folder}/{name}-{row}-{label}.png", pixels, depth)


main()
