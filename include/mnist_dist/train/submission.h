/* Kaggle's submission file. */
#pragma once

#include <stddef.h>

#include "mnist_dist/base/status.h"

/* Writes `ImageId,Label` and a row per image, ids from 1: the argmax of probabilities (count, 10).
 * The file appears whole or not at all. */
Status submission_write(const char *path, const float *probabilities, size_t count);
