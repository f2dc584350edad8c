/* A run's event file for TensorBoard: RunRequest.events. */
#pragma once

#include "mnist_dist/train/checkpoint.h"

/* Warns if it cannot be written. */
void run_events_write(const char *directory, const Checkpoint *checkpoint);
