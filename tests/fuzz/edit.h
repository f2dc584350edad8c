/* Edits of an HDF5 file's content, as the input has them: objects and attributes are removed, or
 * stand there with another type, shape or value. The file stays one that libhdf5 has written, so
 * that what is tried is this program's reading and not libhdf5's. */
#pragma once

#include "fuzz.h"

/* Copies the template to `path` and edits it there. */
void edit_file(const char *path, const uint8_t *bytes, size_t count, FuzzInput *input);
