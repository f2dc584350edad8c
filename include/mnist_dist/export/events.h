/* TensorBoard's event file of a run: the metrics of every step and epoch that is done, and the
 * run's pictures.
 */
#pragma once

#include "mnist_dist/base/status.h"
#include "mnist_dist/train/checkpoint.h"

/* Brings directory/events.out.tfevents.mnist_dist up to the checkpoint's history. What stands there
 * is gone on with, so that a TensorBoard that is looking on sees the rest come; a file of another
 * history (of a run that has gone back) is replaced. The pictures confusion.png and errors.png
 * follow once the run is finished, if they are there. */
Status events_write(const char *directory, const Checkpoint *checkpoint);
