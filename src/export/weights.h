/* What the files for Keras share. */
#pragma once

#include "mnist_dist/train/checkpoint.h"

/* Writes a file as `export_weights` does, at a path of the caller's that no one else looks at. */
Status weights_write(const Checkpoint *checkpoint, const char *path);

/* The learning rate that the next step of the checkpoint's run has; of an imported one, that a run
 * would start with. */
double weights_learning_rate(const Checkpoint *checkpoint);

/* Whether Keras has this optimizer, so that its state can be taken along. */
bool weights_has_optimizer(const OptimizerOptions *options);

/* STATUS_USAGE unless the path ends in `ending`: Keras tells its formats by the names of files. */
Status weights_check_name(const char *path, const char *ending);
