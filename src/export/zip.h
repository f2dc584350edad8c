/* Zip archives, written whole: the outside of .npz and .keras files. */
#pragma once

#include <stddef.h>

#include "mnist_dist/base/status.h"

typedef struct Zip Zip;

/* A new archive, to be put at `path` by zip_finish. */
Status zip_new(Zip **out, const char *path);

/* Adds a file of these bytes, stored as they are, which are copied. */
Status zip_add_file(Zip *zip, const char *name, const void *bytes, size_t count);

/* Writes the archive to its path, whole or not at all. */
Status zip_finish(Zip *zip);

/* NULL is fine. */
void zip_destroy(Zip *zip);
