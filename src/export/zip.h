/* Zip archives, written and read whole: the outside of .npz and .keras files. */
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

/* Takes a file out of an archive of these bytes: *content (*size), with a NUL behind it, is freed
 * by the caller. Refuses with `blame` and a line that begins with `path` if it is not there,
 * damaged, encrypted, or larger than `most`, before it is unpacked. */
Status zip_extract(char **content, size_t *size, const void *bytes, size_t count, const char *name,
                   size_t most, const char *path, Status blame);
