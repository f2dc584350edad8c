/* Checkpoints: one HDF5 file that is a Keras model, a resume point and a record.
 *
 * Layout: /model_weights and the root attributes of a legacy Keras whole model (sources in
 * checkpoint_write.c), whose weights are those that predict; /optimizer, one flat vector per slot;
 * /training, the Progress, and the live weights if those that predict are an average; /history;
 * /config, the YAML text; /data, fingerprint, split and hashes of the rows that train; /provenance,
 * versions, kernels, ranks. A user block of 512 bytes in front holds a magic, the length and the
 * XXH3-128 digest of all that follows, checked before libhdf5 sees a byte. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mnist_dist/base/digest.h"
#include "mnist_dist/base/lock.h"
#include "mnist_dist/base/status.h"
#include "mnist_dist/data/row_hashes.h"
#include "mnist_dist/nn/model.h"
#include "mnist_dist/train/config.h"
#include "mnist_dist/train/history.h"
#include "mnist_dist/train/progress.h"

/* What a checkpoint holds. For writing, the trainer points these at what it has (rank 0 holds whole
 * vectors then); for reading, checkpoint_read makes them and checkpoint_free releases them. */
typedef struct Checkpoint {
    Config config;
    Model *model;
    size_t parameter_count;
    float *params; /* (parameter_count) the weights that predict */
    float *live;   /* those that training goes on from, if params are an average; else NULL */
    float *slots[OPTIMIZER_MAX_SLOTS]; /* (parameter_count) each, as many as the optimizer keeps */
    float *best; /* params of progress.best_epoch if that is not now; else NULL */
    Progress progress;
    History history;
    char data_fingerprint[DIGEST_TEXT];
    RowHashes trained;   /* of the rows that it was trained on; none in older files */
    uint64_t train_rows; /* labelled rows of the data, before the split */
    char kernels[128];   /* model_describe_kernels */
    int ranks, threads;
    char machine[128];          /* machine_describe of rank 0; "" in older files */
    char program[64], date[32]; /* that wrote the file, and when: filled by reading */
    Lock *lock; /* for writing: must still be held when the file is put in place; NULL: none */
} Checkpoint;

/* Stands for the data's fingerprint where the weights are another program's, and no step of a run
 * of ours has been made: the start of a run (run.h), not a point of one. */
extern const char CHECKPOINT_IMPORTED[];
bool checkpoint_is_imported(const Checkpoint *checkpoint);

/* Digest of the full state: parameters, optimizer slots, progress (its status aside) and the
 * history's quantities that are part of the answer. The contract's "same bits". */
Status checkpoint_state_digest(char text[DIGEST_TEXT], const Checkpoint *checkpoint);

/* Writes the file by safefile, reads it back and compares before it is renamed into place, which it
 * is only while the lock is held: STATUS_CHECKPOINT if it is not. */
Status checkpoint_write(const Checkpoint *checkpoint, const char *path);

/* Reads a whole checkpoint. STATUS_CHECKPOINT with path, reason and remedy. An HDF5 file without a
 * user block, such as a checkpoint that h5py has copied, is read with a warning, and by a child
 * process with limits on memory and time; no other thread may be within libhdf5 then. */
Status checkpoint_read(Checkpoint *checkpoint, const char *path);
void checkpoint_free(Checkpoint *checkpoint);

/* Whether a file begins as checkpoints do. */
bool checkpoint_is_one(const char *path);

/* FOLDER/step-00001234.h5; `path` holds PATH_MAX bytes. */
void checkpoint_step_path(char *path, const char *folder, uint64_t step);

/* Reads the newest step file of the folder that is whole, passing over damaged ones with a warning
 * each. *found is false, and the checkpoint untouched, if the folder has no step file at all;
 * STATUS_CHECKPOINT if it has some and none is whole. path (PATH_MAX) receives the file's path. */
Status checkpoint_read_newest(Checkpoint *checkpoint, bool *found, char *path, const char *folder);

/* The same of the step files of epochs' ends, of steps up to `most`. An epoch whose steps are done
 * but whose evaluation is not has a file of the same name: it does not count. */
Status checkpoint_read_epoch_end(Checkpoint *checkpoint, bool *found, char *path,
                                 const char *folder, uint64_t steps_per_epoch, uint64_t most);

/* Whether the folder holds a step file of a later step than this. */
bool checkpoint_has_later(const char *folder, uint64_t step);

/* Removes the step files of later steps, with a warning for each that cannot be. */
void checkpoint_remove_later(const char *folder, uint64_t step);

/* Removes all but the newest `keep` step files up to `step`, the newest that is known to be whole,
 * and that of step `spared` (CHECKPOINT_NONE: none). Later ones were passed over as damaged: they
 * do not count. */
#define CHECKPOINT_NONE UINT64_MAX
void checkpoint_prune(const char *folder, size_t keep, uint64_t step, uint64_t spared);
