/* Networks from checkpoints, and the mean of what they say; see judge.h.
 *
 * Members may differ in architecture: each checkpoint brings its own model. Their probabilities are
 * added in the order of the command line, in float, and divided once. */
#include "command/judge.h"

#include <stdlib.h>
#include <string.h>

#include "mnist_dist/base/memory.h"
#include "mnist_dist/train/checkpoint.h"

/* A network as all ranks hold it. */
typedef struct Member {
    Model *model;
    float *params;
} Member;

static void member_free(Member *member) {
    model_destroy(member->model);
    free(member->params);
}

/* **Collective.** Rank 0 reads the file; the others are sent its configuration and weights. */
static Status member_read(Member *member, Config *config, Comm *comm, const char *path) {
    Checkpoint checkpoint = {0};
    Status status = STATUS_OK;
    if (comm_rank(comm) == 0) status = checkpoint_read(&checkpoint, path);
    TRY(comm_agree(comm, status));
    if (comm_rank(comm) == 0) *config = checkpoint.config;
    comm_broadcast(comm, config, sizeof *config, 0);
    status = model_new(&member->model, &config->model);
    if (status == STATUS_OK)
        status = MEMORY_NEW(&member->params, model_parameter_count(member->model));
    TRY(comm_agree(comm, status));
    size_t bytes = model_parameter_count(member->model) * sizeof(float);
    if (comm_rank(comm) == 0) memcpy(member->params, checkpoint.params, bytes);
    comm_broadcast(comm, member->params, bytes, 0);
cleanup:
    checkpoint_free(&checkpoint);
    return status;
}

Status judge_open(Judge *judge, Comm *comm, const Arguments *arguments) {
    *judge = (Judge){.comm = comm, .arguments = arguments};
    Member first = {0};
    Status status = STATUS_OK;
    TRY(member_read(&first, &judge->config, comm, arguments->files[0]));
    TRY(comm_agree(comm, arguments_override(&judge->config, arguments)));
    TRY(comm_agree(comm, pool_new(&judge->pool, (size_t)judge->config.training.threads)));
    TRY(workload_load(&judge->workload, comm, &judge->config.data,
                      (uint64_t)judge->config.training.seed));
cleanup:
    member_free(&first);
    return status;
}

/* Which part of the rows a configuration holds out. */
static int64_t held_out_fold(const Config *config) {
    const DataOptions *data = &config->data;
    if (data->folds == 0) return 0;
    if (data->fold >= 0) return data->fold;
    return config->training.seed % data->folds;
}

static bool same_hold_out(const Config *a, const Config *b) {
    return a->data.limit == b->data.limit && a->data.folds == b->data.folds &&
           held_out_fold(a) == held_out_fold(b);
}

Status judge_check_hold_out(const Judge *judge) {
    const Arguments *arguments = judge->arguments;
    Status status = STATUS_OK;
    for (size_t i = 1; i < arguments->file_count; i++) {
        Config config;
        Member member = {0};
        status = member_read(&member, &config, judge->comm, arguments->files[i]);
        member_free(&member);
        if (status != STATUS_OK) return status;
        if (!same_hold_out(&judge->config, &config))
            return status_fail(STATUS_DATA,
                               "%s: held out other rows than %s, and so has trained on rows that "
                               "would judge it; evaluate it by itself",
                               arguments->files[i], arguments->files[0]);
    }
    return status;
}

void judge_close(Judge *judge) {
    workload_destroy(&judge->workload);
    pool_destroy(judge->pool);
    free(judge->probabilities);
}

/* **Collective.** Adds one checkpoint's probabilities to the sum. */
static Status add_member(Judge *judge, const char *path, const EvaluationImages *images) {
    Config config;
    Member member = {0};
    Evaluator *evaluator = NULL;
    float *own = NULL;
    Tally tally;
    size_t numbers = images->count * DIGIT_CLASSES;
    Status status = STATUS_OK;
    TRY(member_read(&member, &config, judge->comm, path));
    TRY(evaluator_new(&evaluator, judge->comm, judge->pool, member.model, NULL));
    TRY(comm_agree(judge->comm, MEMORY_NEW(&own, numbers)));
    TRY(evaluator_run(evaluator, &tally, own, member.params, images));
    for (size_t i = 0; i < numbers; i++) judge->probabilities[i] += own[i];
cleanup:
    free(own);
    evaluator_destroy(evaluator);
    member_free(&member);
    return status;
}

Status judge_run(Judge *judge, const EvaluationImages *images) {
    const Arguments *arguments = judge->arguments;
    size_t numbers = images->count * DIGIT_CLASSES;
    Status status = STATUS_OK;
    TRY(comm_agree(judge->comm, MEMORY_NEW(&judge->probabilities, numbers)));
    for (size_t i = 0; i < arguments->file_count; i++)
        TRY(add_member(judge, arguments->files[i], images));
    for (size_t i = 0; i < numbers; i++) judge->probabilities[i] /= (float)arguments->file_count;
cleanup:
    return status;
}
