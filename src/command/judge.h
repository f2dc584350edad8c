/* What `evaluate` and `predict` share: the networks of the checkpoints, the data, and the mean of
 * the networks' probabilities. */
#pragma once

#include "command/arguments.h"
#include "mnist_dist/base/status.h"
#include "mnist_dist/data/row_hashes.h"
#include "mnist_dist/dist/comm.h"
#include "mnist_dist/train/evaluate.h"
#include "mnist_dist/train/workload.h"

/* A checkpoint's network as all ranks hold it. */
typedef struct Member {
    const char *path;
    Config config;
    char data_fingerprint[DIGEST_TEXT];
    Model *model;
    float *params;
    RowHashes trained; /* rank 0: of the rows that it was trained on; none in older files */
} Member;

typedef struct Judge {
    Comm *comm;
    Member *members;
    size_t member_count;
    size_t views;  /* --tta: each image is looked at in so many ways; 0: as each member has it */
    Config config; /* of the first member, with the command line's keys on top */
    Pool *pool;
    Workload workload;
} Judge;

/* **Collective.** Reads all checkpoints of the arguments on rank 0 and gives them to all. */
Status judge_open(Judge *judge, Comm *comm, const Arguments *arguments);

/* **Collective.** Reads the data; the split into training and validation rows is that of the first
 * checkpoint. */
Status judge_load(Judge *judge);

void judge_close(Judge *judge);

/* Whether the data are those that the first checkpoint was trained on, so that its held-out rows
 * are there. */
bool judge_has_own_data(const Judge *judge);

/* **Collective.** STATUS_DATA if a network was trained on some of these rows, with their number, or
 * if an older checkpoint does not tell; with `allow`, a warning instead. */
Status judge_check_overlap(const Judge *judge, const EvaluationImages *images, bool allow);

/* **Collective.** probabilities (count, 10) = the mean over the networks, the same on all ranks.
 * *tally is of these probabilities; of one network it is the evaluator's. */
Status judge_run(Judge *judge, Tally *tally, float *probabilities, const EvaluationImages *images);
