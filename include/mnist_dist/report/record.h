/* All that is shown of a run, read from its directory.
 *
 * The newest checkpoint says how far the run is, under which configuration and where, and holds the
 * best network; metrics.h5 (or, where it is missing, that checkpoint) has the history;
 * predictions.h5 what the network says of the held-out images. The first is needed; what else is
 * missing or damaged is left out and said so. */
#pragma once

#include <limits.h>
#include <stdbool.h>

#include "mnist_dist/base/digest.h"
#include "mnist_dist/base/status.h"
#include "mnist_dist/nn/model.h"
#include "mnist_dist/train/config.h"
#include "mnist_dist/train/history.h"
#include "mnist_dist/train/predictions.h"
#include "mnist_dist/train/progress.h"

typedef struct RunRecord {
    char directory[PATH_MAX]; /* as it was given, without a slash at its end */
    char name[256];           /* its last part */
    Config config;
    Progress progress; /* its status is a RunStatus */
    int ranks, threads;
    char kernels[128], machine[128]; /* machine: "" in files of older versions */
    char program[64], date[32];      /* that wrote the newest checkpoint, and when */
    char data_fingerprint[DIGEST_TEXT], digest[DIGEST_TEXT];
    uint64_t labelled_rows; /* of the data, before the split */
    History history;
    Model *model;  /* shapes and names; its kernels are this machine's */
    float *params; /* (model_parameter_count) the best network; NULL: there is none yet */
    bool has_predictions;
    Predictions predictions; /* empty unless has_predictions */
    char missing[1024];      /* what was left out and why, a sentence each; "" if all is there */
} RunRecord;

/* STATUS_CHECKPOINT or STATUS_USAGE with a line that names the directory and the remedy if there is
 * no run or no checkpoint that can be read; nothing is left then. */
Status run_record_read(RunRecord *record, const char *directory);
void run_record_free(RunRecord *record); /* harmless on a zeroed struct */
