/* What `evaluate` and `predict` share: checkpoints read on rank 0, the data loaded, and the mean of
 * the networks' probabilities. */
#pragma once

#include "command/arguments.h"
#include "mnist_dist/base/status.h"
#include "mnist_dist/dist/comm.h"
#include "mnist_dist/train/evaluate.h"
#include "mnist_dist/train/workload.h"

typedef struct Judge {
    Comm *comm;
    const Arguments *arguments;
    Pool *pool;
    Workload workload;
    Config config;        /* of the first checkpoint, with the command line's keys on top */
    float *probabilities; /* (images, 10): the mean over the checkpoints */
} Judge;

/* **Collective.** Opens the first checkpoint's configuration and the data; the split into training
 * and validation rows is that of the checkpoint. */
Status judge_open(Judge *judge, Comm *comm, const Arguments *arguments);
void judge_close(Judge *judge);

/* **Collective.** STATUS_DATA if a checkpoint held out other rows than the first one did: it has
 * trained on some of those that would judge it. */
Status judge_check_hold_out(const Judge *judge);

/* **Collective.** Fills probabilities with the mean over all checkpoints of the arguments. */
Status judge_run(Judge *judge, const EvaluationImages *images);
