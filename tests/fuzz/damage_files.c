/* See damage_files.h. Two generations of each file, of the same size and other numbers. */
#include "damage_files.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/writer.h"
#include "mnist_dist/base/digest.h"
#include "mnist_dist/data/dataset.h"
#include "mnist_dist/train/checkpoint.h"
#include "mnist_dist/train/metrics.h"
#include "mnist_dist/train/predictions.h"

static char folder[PATH_MAX];

static void must(Status status, const char *what) {
    if (status == STATUS_OK) return;
    printf("%s: %s\n", what, status_message());
    exit(2);
}

void damage_enter_folder(void) {
    snprintf(folder, sizeof folder, "%s/mnist_dist_damage.XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (mkdtemp(folder) == NULL || chdir(folder) != 0) {
        perror(folder);
        exit(2);
    }
}

void damage_leave_folder(void) {
    char command[PATH_MAX + 16];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    if (chdir("/") != 0 || system(command) != 0) exit(2);
}

static uint8_t *slurp(size_t *count, const char *path) {
    struct stat facts;
    FILE *file = fopen(path, "rb");
    if (file == NULL || fstat(fileno(file), &facts) != 0) exit(2);
    *count = (size_t)facts.st_size;
    uint8_t *bytes = malloc(*count);
    if (bytes == NULL || fread(bytes, 1, *count, file) != *count) exit(2);
    fclose(file);
    return bytes;
}

/* ---- Checkpoints ----------------------------------------------------------------------------- */

static float *numbers(size_t count, float first) {
    float *values = malloc(count * sizeof *values);
    for (size_t i = 0; i < count; i++) values[i] = i % 7 == 0 ? 0.0F : first + (float)i / 1024;
    return values;
}

static void fill_history(History *history, int generation) {
    must(history_new(history, 3, 9), "history");
    for (int i = 0; i < 2; i++)
        history_add_epoch(history, (double[EPOCH_QUANTITIES]){0.1 * i, NAN, generation});
    for (int i = 0; i < 7; i++)
        history_add_step(history, (double[STEP_QUANTITIES]){generation / (i + 1.0), i});
}

static void write_checkpoint(const char *path, int generation) {
    Checkpoint checkpoint = {.progress = {.step = 7 + (uint64_t)generation, .epoch = 2},
                             .train_rows = 42000,
                             .kernels = "kernels",
                             .ranks = 8,
                             .threads = 2};
    const float first = 0.25F * (float)generation;
    config_defaults(&checkpoint.config);
    strcpy(checkpoint.config.model.layers,
           "conv 3x3 2 same relu, maxpool 4x4, maxpool 2x2, flatten, dense 10 softmax");
    strcpy(checkpoint.data_fingerprint, "0123456789abcdef0123456789abcdef");
    must(model_new(&checkpoint.model, &checkpoint.config.model), path);
    checkpoint.parameter_count = model_parameter_count(checkpoint.model);
    checkpoint.params = numbers(checkpoint.parameter_count, first);
    checkpoint.best = numbers(checkpoint.parameter_count, first + 9);
    for (int i = 0; i < optimizer_slot_count(&checkpoint.config.optimizer); i++)
        checkpoint.slots[i] = numbers(checkpoint.parameter_count, first + (float)i);
    fill_history(&checkpoint.history, generation);
    must(checkpoint_write(&checkpoint, path), path);
    checkpoint_free(&checkpoint);
}

static Status read_checkpoint(const char *path) {
    Checkpoint checkpoint;
    Status status = checkpoint_read(&checkpoint, path);
    if (status == STATUS_OK) checkpoint_free(&checkpoint);
    return status;
}

/* ---- digits.h5 ------------------------------------------------------------------------------- */

static void add_rows(Writer *writer, const char *part, int generation, bool labelled) {
    uint8_t image[DIGIT_PIXELS];
    WriterPart ended;
    must(writer_begin(writer, part, "made up"), part);
    for (int row = 0; row < 9; row++) {
        for (int i = 0; i < DIGIT_PIXELS; i++)
            image[i] = (uint8_t)(i % 3 == 0 ? 0 : i * 7 + row * generation);
        must(writer_add(writer, image, labelled ? (uint8_t)row : DIGIT_UNLABELLED), part);
    }
    must(writer_end(&ended, writer), part);
}

static void write_digits(const char *path, int generation) {
    Writer *writer = NULL;
    must(writer_new(&writer, path), path);
    add_rows(writer, "train", generation, true);
    add_rows(writer, "test", generation, false);
    must(writer_commit(writer), path);
    writer_destroy(writer);
}

static uint64_t right_rows; /* their digest */

static Status read_digits(const char *path) {
    DatasetInfo info;
    Status status = dataset_inspect(&info, path);
    if (status != STATUS_OK) return status;
    void *memory = malloc(dataset_bytes(&info));
    if (memory == NULL) return STATUS_FAILED;
    status = dataset_read(memory, &info, path, (DatasetShare){0, 1});
    uint64_t rows = digest64(memory, dataset_bytes(&info));
    free(memory);
    if (status != STATUS_OK) return status;
    if (right_rows == 0) right_rows = rows; /* the first time nothing is damaged */
    return rows == right_rows ? STATUS_OK : status_fail(STATUS_FAILED, "%s: read wrong", path);
}

/* ---- A run's other files --------------------------------------------------------------------- */

static void write_predictions(const char *path, int generation) {
    enum { COUNT = 5 };
    Predictions predictions;
    must(predictions_new(&predictions, COUNT, COUNT), path);
    predictions.epoch = (uint64_t)generation;
    predictions.train_rows = 1000;
    for (size_t i = 0; i < COUNT; i++) {
        predictions.validation.rows[i] = (uint32_t)(i + 10);
        predictions.validation.labels[i] = predictions.augmented.labels[i] = (uint8_t)i;
        memset(predictions.validation.images + i * DIGIT_PIXELS, 16 * generation, 300);
        predictions.probabilities[i * DIGIT_CLASSES + i] = 1.0F / (float)generation;
    }
    must(predictions_write(&predictions, path), path);
    predictions_free(&predictions);
}

static Status read_predictions(const char *path) {
    Predictions predictions;
    Status status = predictions_read(&predictions, path);
    if (status == STATUS_OK) predictions_free(&predictions);
    return status;
}

static void write_metrics(const char *path, int generation) {
    History history;
    fill_history(&history, generation);
    must(metrics_write(&history, "."), path);
    history_destroy(&history);
}

static Status read_metrics(const char *path) {
    History history;
    Status status = metrics_read(&history, path);
    if (status == STATUS_OK) history_destroy(&history);
    return status;
}

/* ---- All of them ----------------------------------------------------------------------------- */

static const struct Kind {
    const char *path;
    size_t share;
    Status refusal;
    void (*write)(const char *path, int generation);
    Status (*read)(const char *path);
} KINDS[DAMAGE_FILES] = {
    [DAMAGE_CHECKPOINT] = {"checkpoint.h5", 40, STATUS_CHECKPOINT, write_checkpoint,
                           read_checkpoint},
    {"digits.h5", 28, STATUS_DATA, write_digits, read_digits},
    {"predictions.h5", 14, STATUS_DATA, write_predictions, read_predictions},
    {"metrics.h5", 15, STATUS_DATA, write_metrics, read_metrics},
    {"old-digits.h5", 1, STATUS_DATA, write_digits, read_digits},
    {"old-predictions.h5", 1, STATUS_DATA, write_predictions, read_predictions},
    {"old-metrics.h5", 1, STATUS_DATA, write_metrics, read_metrics},
};

/* A file as it was before files were sealed. */
static void unseal(uint8_t **bytes, size_t *count) {
    enum { BLOCK = 512, LENGTH = 24 };
    uint64_t length;
    memcpy(&length, *bytes + LENGTH, sizeof length);
    *count = (size_t)length - BLOCK;
    memmove(*bytes, *bytes + BLOCK, *count);
}

static uint8_t *make(size_t *count, const DamageFile *file, const struct Kind *kind,
                     int generation) {
    const char *path = file->is_unsealed ? kind->path + strlen("old-") : kind->path;
    kind->write(path, generation);
    uint8_t *bytes = slurp(count, path);
    if (file->is_unsealed) unseal(&bytes, count);
    return bytes;
}

void damage_make_file(DamageFile *file, size_t i) {
    const struct Kind *kind = &KINDS[i];
    *file = (DamageFile){.path = kind->path,
                         .share = kind->share,
                         .is_unsealed = i >= DAMAGE_SEALED,
                         .refusal = kind->refusal,
                         .read = kind->read};
    file->old_bytes = make(&file->old_count, file, kind, 1);
    file->bytes = make(&file->count, file, kind, 2);
    memcpy(&file->content, file->bytes + 24, sizeof file->content);
    file->filled = malloc(file->count * sizeof *file->filled);
    for (size_t at = 0; at < file->count; at++)
        if (file->bytes[at] != 0) file->filled[file->filled_count++] = at;
}

void damage_free_file(DamageFile *file) {
    free(file->bytes);
    free(file->old_bytes);
    free(file->filled);
}
