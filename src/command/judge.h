/* What `evaluate` and `predict` share: the networks of the checkpoints, the data, and the mean of
 * the networks' probabilities. */
#pragma once

#include "command/arguments.h"
#include "mnist_dist/base/status.h"
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
} Member;

typedef struct Judge {
    Comm *comm;
    Member *members;
    size_t member_count;
    size_t views;  /* --tta: each image is looked at in so many ways */
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

/* STATUS_DATA if a network may have trained on rows that are to judge it: the data are not those of
 * its training, or it held out other rows than the first one. */
Status judge_check_hold_out(const Judge *judge);

/* **Collective.** probabilities (count, 10) = the mean over the networks and the views of each
 * image, the same on all ranks. *tally is of these probabilities, its loss cut off at Keras's 1e-7;
 * of one network and one view it is the exact tally of its logits. */
Status judge_run(Judge *judge, Tally *tally, float *probabilities, const EvaluationImages *images);
