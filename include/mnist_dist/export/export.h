/* A checkpoint's network as other programs' files. The weights are those that predict; the input of
 * each is pixels / 255, (n, 28, 28, 1), and the output ten probabilities. */
#pragma once

#include <stddef.h>

#include "mnist_dist/base/status.h"
#include "mnist_dist/train/checkpoint.h"

/* "npz", "onnx" ...: the formats, NULL at the end. */
extern const char *const EXPORT_FORMATS[];

/* Writes the file `path`, whole or not at all. STATUS_USAGE for another format, naming the nearest;
 * STATUS_FAILED with the path if it cannot be written. */
Status export_write(const Checkpoint *checkpoint, const char *format, const char *path);
