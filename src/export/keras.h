/* Keras's JSON by libjansson: the files keras*.c alone of this wing include jansson.h. */
#pragma once

#include <jansson.h>

#include "mnist_dist/train/checkpoint.h"

/* config.json of a .keras archive: the model, and how it was trained. NULL, with the failure
 * recorded, if there is no memory for it; freed by the caller. */
char *keras_config_text(const Checkpoint *checkpoint);
