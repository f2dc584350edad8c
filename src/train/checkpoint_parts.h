/* What the parts of the checkpoint code tell each other. */
#pragma once

#include <stddef.h>

#include "mnist_dist/base/h5file.h"
#include "mnist_dist/train/checkpoint.h"

enum { CHECKPOINT_BLOCK = 512 }; /* bytes of the user block */

/* Fills the user block of a finished HDF5 file: length and digest of what it holds. */
Status checkpoint_seal(const char *path);

/* Reads the file once and verifies it; `bytes` (with the user block) are freed by the caller. */
Status checkpoint_read_sealed(char **bytes, size_t *count, const char *path);

/* Reads a file that begins as HDF5's own do, so that nobody has sealed it; *bytes is NULL for any
 * other. STATUS_CHECKPOINT if it is larger than is taken from a stranger. */
Status checkpoint_read_unsealed(char **bytes, size_t *count, const char *path);

/* As checkpoint_read, of a sealed file and without the remedy at the line's end. */
Status checkpoint_load(Checkpoint *checkpoint, const char *path);

/* Takes the configuration from YAML and makes the model that it asks for. */
Status checkpoint_plan(Checkpoint *checkpoint, const char *yaml, const char *path);

/* Reads all that an open file should hold, and fails at the first thing that is not as expected. */
Status checkpoint_read_content(Checkpoint *checkpoint, H5File *file, const char *path);

/* The same in a process with limits (base/sandbox.h), from the bytes of an unsealed file. */
Status checkpoint_read_stranger(Checkpoint *checkpoint, const char *bytes, size_t count,
                                const char *path);

/* The number of optimizer state vectors that the configuration calls for. */
int checkpoint_slots(const Checkpoint *checkpoint);

/* Names inside the file: /model_weights/LAYER/LAYER/NAME:0 and /optimizer/SLOT. */
enum { CHECKPOINT_NAME = 512 };
void checkpoint_tensor_name(char name[CHECKPOINT_NAME], const ModelTensor *tensor);
void checkpoint_slot_name(char name[CHECKPOINT_NAME], const Checkpoint *checkpoint, int slot);

/* The flat vectors Checkpoint.best and Checkpoint.live, if they are there. */
extern const char CHECKPOINT_BEST[], CHECKPOINT_LIVE[];

extern const char CHECKPOINT_TRAINED[]; /* RowHashes */

/* One row for each field of Progress: from it come writing, reading, comparing and the digest. */
typedef enum FieldType { FIELD_I64, FIELD_U64, FIELD_F64 } FieldType;
typedef struct ProgressField {
    const char *name;
    FieldType type; /* all of 8 bytes */
    size_t offset;
} ProgressField;
enum { PROGRESS_FIELDS = 14, PROGRESS_STATUS = 0, PROGRESS_SETBACKS = 13 };
extern const ProgressField PROGRESS_TABLE[PROGRESS_FIELDS];
