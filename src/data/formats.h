/* What each importer does: rows of `source` into the part that `writer` has begun.
 *
 * `labels_needed` makes a source without labels an error. STATUS_DATA with a line that names file,
 * row and column. */
#pragma once

#include <stdbool.h>

#include "mnist_dist/base/status.h"
#include "source.h"
#include "writer.h"

/* Kaggle's digit-recognizer: 784 pixels a line, after the label if there is one. */
Status csv_import(Writer *writer, Source *source, bool labels_needed);

/* MNIST's pairs of files: `source` has the images, the labels lie beside it. */
Status idx_import(Writer *writer, Source *source, bool labels_needed);

/* A PNG sheet of 20x20 cells, sorted by digit; it always has labels. */
Status png_import(Writer *writer, Source *source, bool labels_needed);
