/* The files of a run's history (train/history.h).
 *
 * metrics.h5 and metrics.csv are rewritten whole and renamed each time, since a small file that is
 * replaced can always be opened by a reader and has no repeated header and no lost row after a
 * resume. The same groups stand under /history of a checkpoint. What older versions did not write,
 * phases, restarts and their divergences, is optional when a file is read. */
#pragma once

#include "mnist_dist/base/h5file.h"
#include "mnist_dist/base/status.h"
#include "mnist_dist/train/history.h"

/* Writes GROUP/epoch/NAME, GROUP/step/NAME and, if there was one, GROUP/restart/NAME, with `units`
 * and `long_name`; "" is the root. */
Status history_write(H5File *file, const char *group, const History *history);

/* Makes a history with what the group holds and no room for more; nothing is left on failure. */
Status history_read(History *history, H5File *file, const char *group);

/* Reads a metrics.h5. STATUS_DATA with its path; nothing is left then. */
Status metrics_read(History *history, const char *path);

/* metrics.h5 and metrics.csv (Keras's CSVLogger columns first: epoch from 0, accuracy,
 * learning_rate, loss, val_accuracy, val_loss) in the run directory. */
Status metrics_write(const History *history, const char *run_directory);
