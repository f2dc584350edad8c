/* Predictions for the data's test images, and Kaggle's submission file. */
#pragma once

#include "mnist_dist/base/status.h"
#include "mnist_dist/data/dataset.h"
#include "mnist_dist/train/evaluate.h"

/* The test part of the data; `count` is 0 if it has none. */
EvaluationImages test_images(const Dataset *dataset);

/* Writes `ImageId,Label` and a row per image, ids from 1: the argmax of probabilities (count, 10).
 * The file appears whole or not at all. */
Status submission_write(const char *path, const float *probabilities, size_t count);
