/* `mnist_dist info FILE`: each kind of file is read by the function that its users read it by, so
 * that what is told here to be whole is whole to them too. */
#include <math.h>
#include <sys/stat.h>

#include "command/info.h"
#include "mnist_dist/base/h5file.h"
#include "mnist_dist/base/sandbox.h"
#include "mnist_dist/data/dataset.h"
#include "mnist_dist/train/checkpoint.h"
#include "mnist_dist/train/metrics.h"
#include "mnist_dist/train/predictions.h"

static void start_file(Facts *facts, const char *path, const char *kind) {
    struct stat info;
    facts_group(facts, "file");
    facts_text(facts, "path", "%s", path);
    facts_text(facts, "kind", "%s", kind);
    if (stat(path, &info) == 0) facts_count(facts, "size_bytes", (int64_t)info.st_size);
}

/* ---- a history ------------------------------------------------------------------------------- */

static size_t count_odd(const Series *series) {
    size_t odd = 0;
    for (size_t i = 0; i < series->count * series->quantities; i++)
        if (!isfinite(series->values[i])) odd++;
    return odd;
}

static void describe_history(Facts *facts, const History *history) {
    size_t epochs = history->epochs.count;
    facts_group(facts, "history");
    facts_count(facts, "epochs", (int64_t)epochs);
    facts_count(facts, "steps", (int64_t)history->steps.count);
    facts_count(facts, "restarts", (int64_t)history->restart_count);
    facts_count(facts, "not_finite_steps", (int64_t)count_odd(&history->steps));
    if (epochs == 0) return;
    facts_real(facts, "last_loss", history_epoch(history, epochs - 1, EPOCH_LOSS));
    facts_real(facts, "last_accuracy", history_epoch(history, epochs - 1, EPOCH_ACCURACY));
    facts_real(facts, "last_val_loss", history_epoch(history, epochs - 1, EPOCH_VAL_LOSS));
    facts_real(facts, "last_val_accuracy", history_epoch(history, epochs - 1, EPOCH_VAL_ACCURACY));
}

static Status describe_metrics(Facts *facts, const char *path) {
    History history;
    Status status = metrics_read(&history, path);
    if (status != STATUS_OK) return status;
    start_file(facts, path, "metrics of a run");
    facts_text(facts, "verified", "digests and structure");
    describe_history(facts, &history);
    history_destroy(&history);
    return STATUS_OK;
}

/* ---- a checkpoint ---------------------------------------------------------------------------- */

static void describe_training(Facts *facts, const Checkpoint *checkpoint) {
    static const char *const states[] = {"under way", "stopped", "finished"};
    const Progress *progress = &checkpoint->progress;
    const Config *config = &checkpoint->config;
    facts_group(facts, "training");
    facts_text(facts, "configuration", "%s", config->name);
    facts_text(facts, "state", "%s", states[progress->status]);
    facts_count(facts, "step", (int64_t)progress->step);
    facts_text(facts, "epoch", "%llu of %lld", (unsigned long long)progress->epoch,
               (long long)config->training.epochs);
    facts_real(facts, "best_accuracy", progress->best_accuracy);
    facts_count(facts, "best_epoch", (int64_t)progress->best_epoch);
    facts_text(facts, "optimizer", "%s", OPTIMIZER_NAMES[config->optimizer.kind]);
    facts_text(facts, "layers", "%s", config->model.layers);
    facts_count(facts, "parameters", (int64_t)checkpoint->parameter_count);
    facts_text(facts, "predicts_with", "%s",
               checkpoint->live != NULL ? "an average" : "its weights");
}

static void describe_origin(Facts *facts, const Checkpoint *checkpoint) {
    facts_group(facts, "origin");
    facts_text(facts, "program", "%s", checkpoint->program);
    facts_text(facts, "date", "%s", checkpoint->date);
    facts_text(facts, "machine", "%s", checkpoint->machine);
    facts_text(facts, "ranks", "%d with %d thread%s", checkpoint->ranks, checkpoint->threads,
               checkpoint->threads > 1 ? "s" : "");
    facts_text(facts, "kernels", "%s", checkpoint->kernels);
    facts_text(facts, "data_fingerprint", "%s", checkpoint->data_fingerprint);
    facts_count(facts, "labelled_rows", (int64_t)checkpoint->train_rows);
    facts_count(facts, "trained_rows", (int64_t)checkpoint->trained.count);
}

static Status describe_checkpoint(Facts *facts, const char *path) {
    Checkpoint checkpoint;
    char digest[DIGEST_TEXT];
    Status status = checkpoint_read(&checkpoint, path);
    if (status != STATUS_OK) return status;
    TRY(checkpoint_state_digest(digest, &checkpoint));
    start_file(facts, path, "checkpoint");
    facts_text(facts, "verified", "digest and structure; all weights are finite");
    facts_text(facts, "state_digest", "%s", digest);
    describe_training(facts, &checkpoint);
    describe_history(facts, &checkpoint.history);
    describe_origin(facts, &checkpoint);
cleanup:
    checkpoint_free(&checkpoint);
    return status;
}

/* ---- images ---------------------------------------------------------------------------------- */

static Status describe_dataset(Facts *facts, const char *path) {
    DatasetInfo info;
    Status status;
    TRY(dataset_inspect(&info, path));
    TRY(dataset_verify(path));
    start_file(facts, path, "digits");
    facts_text(facts, "verified", "fingerprint, and the digest of every chunk");
    facts_count(facts, "train_rows", (int64_t)info.train_rows);
    facts_count(facts, "test_rows", (int64_t)info.test_rows);
    facts_truth(facts, "test_labelled", info.test_labelled);
    facts_text(facts, "fingerprint", "%s", info.fingerprint);
cleanup:
    return status;
}

static Status describe_predictions(Facts *facts, const char *path) {
    Predictions predictions;
    Status status = predictions_read(&predictions, path);
    if (status != STATUS_OK) return status;
    start_file(facts, path, "predictions for the held-out rows");
    facts_text(facts, "verified", "digests and structure; labels and probabilities are in range");
    facts_count(facts, "epoch", (int64_t)predictions.epoch);
    facts_count(facts, "held_out_rows", (int64_t)predictions.held_out);
    facts_count(facts, "held_out_images", (int64_t)predictions.validation.count);
    facts_count(facts, "trained_rows", (int64_t)predictions.train_rows);
    facts_count(facts, "augmented_images", (int64_t)predictions.augmented.count);
    predictions_free(&predictions);
    return STATUS_OK;
}

/* ---- which kind ------------------------------------------------------------------------------ */

typedef struct Kind {
    const char *mark; /* an object that files of no other kind have */
    Status (*describe)(Facts *facts, const char *path);
} Kind;

static const Kind kinds[] = {
    {"/train/images", describe_dataset},
    {"/validation/probabilities", describe_predictions},
    {"/epoch/loss", describe_metrics},
};

/* NULL if it is none of these. */
static Status find_kind(const Kind **kind, const char *path) {
    H5File *file = NULL;
    *kind = NULL;
    Status status = h5file_open(&file, path, STATUS_DATA);
    if (status != STATUS_OK) return status;
    for (size_t i = 0; *kind == NULL && i < sizeof kinds / sizeof *kinds; i++)
        if (h5file_has(file, kinds[i].mark)) *kind = &kinds[i];
    return h5file_close(file);
}

static Status try_kind(const char *path) {
    const Kind *kind;
    return find_kind(&kind, path);
}

Status info_file(Facts *facts, const char *path) {
    const Kind *kind = NULL;
    struct stat info;
    Status status = STATUS_OK;
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode))
        TRY(status_fail(STATUS_USAGE,
                        "%s: is a folder; `mnist_dist report` and `mnist_dist watch` "
                        "show a run, info takes one of its files",
                        path));
    if (checkpoint_is_one(path)) return describe_checkpoint(facts, path);
    TRY(sandbox_try(try_kind, path, STATUS_DATA));
    TRY(find_kind(&kind, path));
    status = kind != NULL
                 ? kind->describe(facts, path)
                 : status_fail(STATUS_DATA,
                               "%s: an HDF5 file, but no checkpoint, digits.h5, metrics.h5 or "
                               "predictions.h5 of this program",
                               path);
cleanup:
    return status;
}
