/* Networks that others trained, as checkpoints of ours. */
#pragma once

#include "mnist_dist/base/status.h"
#include "mnist_dist/train/checkpoint.h"

/* What of a model was not taken along: one line, or "". */
enum { IMPORT_NOTES = 1024 };

/* Reads a Sequential model that Keras 2 or 3 wrote: .keras, a whole model .h5, or weights alone
 * (.weights.h5, or .h5), whose layers are then the configuration's; which of them it is, the bytes
 * tell. The checkpoint is the start of a run under this configuration with the model's layers: its
 * weights, an empty optimizer, no progress, no data. STATUS_DATA with a line that names the file,
 * and the layer and option or the array that is not known here. A stranger's file is parsed in a
 * sandbox. checkpoint_free releases it. */
Status import_keras(Checkpoint *checkpoint, char notes[IMPORT_NOTES], const char *path,
                    const Config *config);
