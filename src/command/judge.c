/* Networks from checkpoints, and the mean of what they say of images, seen in one way or several;
 * see judge.h.
 *
 * Members may differ in architecture: each checkpoint brings its own model. Their probabilities are
 * added in the order of the command line, in float, and divided once. */
#include "command/judge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mnist_dist/base/log.h"
#include "mnist_dist/base/memory.h"
#include "mnist_dist/nn/loss.h"
#include "mnist_dist/train/checkpoint.h"

/* **Collective.** Rank 0 reads the file; the others are sent what it holds. */
static Status member_read(Member *member, Comm *comm, const Arguments *arguments,
                          const char *path) {
    Checkpoint checkpoint = {0};
    Status status = STATUS_OK;
    member->path = path;
    if (comm_rank(comm) == 0) status = checkpoint_read(&checkpoint, path);
    TRY(comm_agree(comm, status));
    if (comm_rank(comm) == 0) {
        member->config = checkpoint.config;
        memcpy(member->data_fingerprint, checkpoint.data_fingerprint, DIGEST_TEXT);
        member->trained = checkpoint.trained;
        checkpoint.trained = (RowHashes){0};
    }
    comm_broadcast(comm, &member->config, sizeof member->config, 0);
    comm_broadcast(comm, member->data_fingerprint, DIGEST_TEXT, 0);
    status = arguments_override(&member->config, arguments);
    if (status == STATUS_OK) status = model_new(&member->model, &member->config.model);
    if (status == STATUS_OK)
        status = MEMORY_NEW(&member->params, model_parameter_count(member->model));
    TRY(comm_agree(comm, status));
    size_t bytes = model_parameter_count(member->model) * sizeof(float);
    if (checkpoint.params != NULL) memcpy(member->params, checkpoint.params, bytes); /* rank 0's */
    comm_broadcast(comm, member->params, bytes, 0);
cleanup:
    checkpoint_free(&checkpoint);
    return status;
}

Status judge_open(Judge *judge, Comm *comm, const Arguments *arguments) {
    *judge = (Judge){.comm = comm, .member_count = arguments->file_count};
    Config *config = &judge->config;
    Status status = STATUS_OK;
    TRY(arguments_count(&judge->views, "--tta", arguments->tta, 1, AUGMENT_VIEWS));
    TRY(comm_agree(comm, MEMORY_NEW(&judge->members, judge->member_count)));
    for (size_t i = 0; i < judge->member_count; i++)
        TRY(member_read(&judge->members[i], comm, arguments, arguments->files[i]));
    *config = judge->members[0].config;
    TRY(comm_agree(comm, pool_new(&judge->pool, (size_t)config->training.threads)));
cleanup:
    return status;
}

Status judge_load(Judge *judge) {
    return workload_load(&judge->workload, judge->comm, &judge->config.data,
                         config_held_out_fold(&judge->config));
}

void judge_close(Judge *judge) {
    for (size_t i = 0; judge->members != NULL && i < judge->member_count; i++) {
        model_destroy(judge->members[i].model);
        free(judge->members[i].params);
        row_hashes_free(&judge->members[i].trained);
    }
    free(judge->members);
    workload_destroy(&judge->workload);
    pool_destroy(judge->pool);
}

static bool has_data_of(const Judge *judge, const Member *member) {
    return strcmp(member->data_fingerprint, judge->workload.dataset.info.fingerprint) == 0;
}

bool judge_has_own_data(const Judge *judge) {
    return has_data_of(judge, &judge->members[0]);
}

/* Rank 0: the hashes of a member's training rows, where its checkpoint is older than they are: from
 * the data, if those are its own and all that it saw, and else none. */
static Status find_trained(RowHashes *trained, const Judge *judge, const Member *member) {
    const Dataset *dataset = &judge->workload.dataset;
    const DataOptions *data = &member->config.data;
    Split split = {0};
    Status status = STATUS_OK;
    if (dataset->train_images == NULL) return STATUS_OK;
    if (!has_data_of(judge, member) || data->limit != judge->config.data.limit) return STATUS_OK;
    TRY(split_new(&split, dataset->train_labels, dataset->info.train_rows, (size_t)data->folds,
                  (size_t)config_held_out_fold(&member->config)));
    TRY(row_hashes_new(trained, dataset->train_images, split.train, split.train_count));
cleanup:
    split_destroy(&split);
    return status;
}

enum { LINE = 1024 };

/* Rank 0: how many of the images have their hash among those of a member's training rows. */
static Status count_known(size_t *known, const RowHashes *trained, const EvaluationImages *images) {
    uint8_t image[DIGIT_PIXELS];
    *known = 0;
    if (images->images != NULL) {
        *known = row_hashes_known(trained, images->images, images->rows, images->count);
        return STATUS_OK;
    }
    for (size_t i = 0; i < images->count && trained->count > 0; i++) {
        const uint32_t *row = images->rows != NULL ? images->rows + i : NULL;
        Status status = row_reader_images(images->reader, images->part, image, row, i, 1);
        if (status != STATUS_OK) return status;
        *known += row_hashes_known(trained, image, NULL, 1);
    }
    return STATUS_OK;
}

/* Rank 0: what is wrong with judging this member by these rows; "" if nothing is. */
static Status describe_overlap(char line[LINE], const Judge *judge, const Member *member,
                               const EvaluationImages *images) {
    const char *data = judge->config.data.path;
    RowHashes found = {0};
    const RowHashes *trained = &member->trained;
    size_t known = 0;
    Status status = STATUS_OK;
    *line = '\0';
    if (trained->count == 0) {
        status = find_trained(&found, judge, member);
        if (status != STATUS_OK) return status;
        trained = &found;
    }
    status = count_known(&known, trained, images);
    if (status == STATUS_OK && trained->count == 0)
        snprintf(line, LINE, "%.400s: does not tell whether it was trained on rows of %.400s",
                 member->path, data);
    else if (known > 0)
        snprintf(line, LINE,
                 "%.400s: was trained on %zu of the %zu rows of %.400s that are to judge it",
                 member->path, known, images->count, data);
    row_hashes_free(&found);
    return status;
}

Status judge_check_overlap(const Judge *judge, const EvaluationImages *images, bool allow) {
    char line[LINE];
    Status status = STATUS_OK;
    for (size_t i = 0; i < judge->member_count && comm_rank(judge->comm) == 0; i++) {
        TRY(describe_overlap(line, judge, &judge->members[i], images));
        if (*line == '\0') continue;
        if (!allow)
            TRY(status_fail(STATUS_DATA,
                            "%s; evaluate on rows that it has not seen, or give --allow-overlap",
                            line));
        log_warning("%s", line);
    }
cleanup:
    return comm_agree(judge->comm, status);
}

/* **Collective.** What one network says of the images. */
static Status run_member(const Judge *judge, const Member *member, Tally *tally, float *own,
                         const EvaluationImages *images) {
    size_t views = judge->views > 0 ? judge->views : (size_t)member->config.average.views;
    Evaluator *evaluator = NULL;
    Status status = STATUS_OK;
    TRY(evaluator_new(&evaluator, judge->comm, judge->pool, member->model, views, NULL));
    TRY(evaluator_run(evaluator, tally, own, member->params, images));
cleanup:
    evaluator_destroy(evaluator);
    return status;
}

static Tally tally_means(const float *probabilities, const EvaluationImages *images) {
    Tally tally = {0};
    for (size_t i = 0; i < images->count; i++) {
        uint8_t label = images->labels[images->rows != NULL ? images->rows[i] : i];
        Tally one = loss_of_probabilities(probabilities + i * DIGIT_CLASSES, &label, 1);
        tally_add(&tally, &one);
    }
    return tally;
}

Status judge_run(Judge *judge, Tally *tally, float *probabilities, const EvaluationImages *images) {
    size_t numbers = images->count * DIGIT_CLASSES, members = judge->member_count;
    float *own = NULL;
    Status status = STATUS_OK;
    if (members == 1) return run_member(judge, judge->members, tally, probabilities, images);
    TRY(comm_agree(judge->comm, MEMORY_NEW(&own, numbers)));
    memset(probabilities, 0, numbers * sizeof *probabilities);
    for (size_t i = 0; i < members; i++) {
        TRY(run_member(judge, &judge->members[i], tally, own, images));
        for (size_t k = 0; k < numbers; k++) probabilities[k] += own[k];
    }
    for (size_t k = 0; k < numbers; k++) probabilities[k] /= (float)members;
    *tally = tally_means(probabilities, images);
cleanup:
    free(own);
    return status;
}
