/* HDF5, as much of it as this program needs: whole arrays, rows of arrays, text and number
 * attributes. Only src/base/h5file*.[ch] include hdf5.h.
 *
 * HDF5 1.10 on a full disk reports success from H5Dwrite and fails in H5Dclose, and H5Fclose may
 * succeed after that; so every return is checked and the first failure stays with the file:
 * later calls return it, and so does h5file_close. It never calls fsync: that is safefile's work.
 * The library's own error stack is silenced, H5dont_atexit() is called first, plugins are off,
 * and soft, external and virtual links are not followed into other files.
 *
 * Every failure is a STATUS the caller chose at open (`blame`), with a line that names the file
 * and the object. A file object is used by one thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mnist_dist/base/status.h"

typedef struct H5File H5File;

typedef enum H5Type { H5_U8, H5_I32, H5_U32, H5_I64, H5_U64, H5_F32, H5_F64 } H5Type;

enum { H5FILE_MAX_RANK = 4 };

/* Creates (truncating) or opens read-only. `user_block` bytes (0, or a power of two from 512) are
 * left in front of the HDF5 signature. New files use the latest format: its metadata carry
 * checksums. */
Status h5file_create(H5File **out, const char *path, size_t user_block, Status blame);
Status h5file_open(H5File **out, const char *path, Status blame);

/* Creates a file that is sealed when it is closed: digests of its pieces stand behind it, and
 * libhdf5 is shown only bytes that match them when it is opened again, by h5file_open as any other.
 * A file that has been sealed is refused if a bit of what is read of it is another. */
Status h5file_create_sealed(H5File **out, const char *path, Status blame);

/* Whether a file begins with a seal. */
bool h5file_is_sealed(const char *path);

/* Checks what nobody has read of a sealed file; a file without a seal passes. And the same of its
 * i-th share, of so many, where several share the work. */
Status h5file_check_rest(H5File *file);
Status h5file_check_share(H5File *file, size_t i, size_t of);

/* Whether threads may use files of their own at a time. */
bool h5file_is_threadsafe(void);

/* Opens the bytes of a file that the caller has read and verified, so that libhdf5 parses these and
 * no others. They are not copied: they stay as they are until the file is closed. `name` stands for
 * the file in messages. */
Status h5file_open_bytes(H5File **out, const void *bytes, size_t count, const char *name,
                         Status blame);

/* Closes and frees; returns the first failure of this file, its own included. */
Status h5file_close(H5File *file);

/* Closes and frees whatever happens; NULL is fine. */
void h5file_destroy(H5File *file);

bool h5file_has(H5File *file, const char *name);

/* Groups and names: "/a/b"; the groups above are made as needed. */
Status h5file_make_group(H5File *file, const char *name);

/* Writes a whole array in C order; chunked with fletcher32 unless it is empty or a scalar
 * (rank 0). A dataset is written once. */
Status h5file_write(H5File *file, const char *name, H5Type type, int rank, const size_t dims[],
                    const void *values);

/* The shape of a dataset; it must have this type and rank. */
Status h5file_shape(H5File *file, const char *name, H5Type type, int rank, size_t dims[]);

/* Reads a whole array whose type and shape must be exactly these. */
Status h5file_read(H5File *file, const char *name, H5Type type, int rank, const size_t dims[],
                   void *values);

/* Rows: an array that grows along its first axis, in chunks of chunk_rows rows; dims[1..] are
 * fixed, dims[0] is ignored. Writing past the end extends it. */
Status h5file_make_rows(H5File *file, const char *name, H5Type type, int rank, const size_t dims[],
                        size_t chunk_rows);
Status h5file_write_rows(H5File *file, const char *name, size_t first, size_t count,
                         const void *values);
Status h5file_read_rows(H5File *file, const char *name, size_t first, size_t count, void *values);

/* Attributes of a group or dataset ("/" is the root). Texts are variable-length ASCII, as Keras
 * writes them; a list of 0 texts is an array of shape {0}. */
Status h5file_set_text(H5File *file, const char *object, const char *name, const char *text);
Status h5file_set_texts(H5File *file, const char *object, const char *name,
                        const char *const texts[], size_t count);
Status h5file_set_i64(H5File *file, const char *object, const char *name, int64_t value);
Status h5file_set_f64(H5File *file, const char *object, const char *name, double value);

/* Whether an object is there and has this attribute. */
bool h5file_has_attribute(H5File *file, const char *object, const char *name);

/* The caller frees *text. Fixed- and variable-length strings are both taken. */
Status h5file_get_text(char **text, H5File *file, const char *object, const char *name);
Status h5file_get_i64(int64_t *value, H5File *file, const char *object, const char *name);
Status h5file_get_f64(double *value, H5File *file, const char *object, const char *name);

/* A list of texts, of either length; *texts is given back with h5file_free_texts, NULL after a
 * failure. */
Status h5file_get_texts(char ***texts, size_t *count, H5File *file, const char *object,
                        const char *name);
void h5file_free_texts(char **texts, size_t count); /* NULL is fine */

/* The library's version, as "1.10.8"; `text` holds 32 bytes. */
void h5file_version(char text[32]);
