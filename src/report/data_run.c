/* A run as JSON: its headline, model, configuration, curves; see data.h. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "mnist_dist/base/minmax.h"
#include "report/data.h"
#include "report/groups.h"

enum { MOST_STEPS = 20000, MOST_STEPS_BRIEF = 500 };

/* ---- Headline -------------------------------------------------------------------------------- */

static json_t *count_or_null(const RunRecord *record, size_t count) {
    return record->has_predictions ? json_integer((json_int_t)count) : json_null();
}

static json_t *headline_data(const RunRecord *record) {
    const Predictions *predictions = &record->predictions;
    return json_pack("{s:o,s:s,s:I,s:o,s:o}", "path", data_text(record->config.data.path),
                     "fingerprint", record->data_fingerprint, "rows",
                     (json_int_t)record->labelled_rows, "train_rows",
                     count_or_null(record, predictions->train_rows), "validation_rows",
                     count_or_null(record, predictions->held_out));
}

/* Counted if the file has all held-out images; else reckoned from the accuracy over all. */
static json_t *hits_or_null(const RunRecord *record) {
    const Predictions *predictions = &record->predictions;
    Confusion confusion;
    double hits = 0;
    predictions_confusion(&confusion, predictions);
    for (int i = 0; i < DIGIT_CLASSES; i++) hits += (double)confusion.cells[i][i];
    if (predictions->held_out > predictions->validation.count)
        hits = round(record_figure(record, FIGURE_VAL_ACCURACY) * (double)predictions->held_out);
    return count_or_null(record, (size_t)hits);
}

static json_t *headline(const RunRecord *record) {
    const Progress *progress = &record->progress;
    return json_pack(
        "{s:o,s:o,s:o,s:o,s:I,s:I,s:I,s:I,s:o,s:o,s:i,s:i,s:I,s:o,s:o,s:o,s:o,s:s,s:o}",
        "val_accuracy", data_number(record_figure(record, FIGURE_VAL_ACCURACY)), "val_loss",
        data_number(record_figure(record, FIGURE_VAL_LOSS)), "val_correct", hits_or_null(record),
        "val_count", count_or_null(record, record->predictions.held_out), "best_epoch",
        (json_int_t)progress->best_epoch, "epochs", (json_int_t)progress->epoch, "epochs_planned",
        (json_int_t)record->config.training.epochs, "steps", (json_int_t)progress->step, "seconds",
        data_number(record_figure(record, FIGURE_SECONDS)), "images_per_second",
        data_number(record_figure(record, FIGURE_IMAGES_PER_SECOND)), "ranks", record->ranks,
        "threads", record->threads, "shards", (json_int_t)record->config.training.shards, "machine",
        data_text(record->machine), "kernels", data_text(record->kernels), "program",
        data_text(record->program), "date", data_text(record->date), "digest", record->digest,
        "data", headline_data(record));
}

/* ---- Model and configuration ----------------------------------------------------------------- */

/* Whether the plan, made on this machine, has the kernels that the run had on its own. */
static bool has_run_kernels(const RunRecord *record) {
    char here[128];
    model_describe_kernels(here, record->model);
    return strcmp(here, record->kernels) == 0;
}

static json_t *layer(const RunRecord *record, size_t index, bool kernels) {
    char output[96];
    ModelLayerInfo info = model_layer_info(record->model, index);
    const char *kernel = kernels ? model_layer_kernel(record->model, index) : NULL;
    if (info.rank == 1)
        snprintf(output, sizeof output, "%zu", info.dims[0]);
    else
        snprintf(output, sizeof output, "%zu x %zu x %zu", info.dims[0], info.dims[1],
                 info.dims[2]);
    return json_pack("{s:s,s:s,s:s,s:I,s:s?}", "name", model_layer_name(record->model, index),
                     "class", info.class_name, "output", output, "parameters",
                     (json_int_t)info.parameters, "kernel", kernel);
}

static json_t *model(const RunRecord *record) {
    json_t *layers = json_array();
    bool good = layers != NULL, kernels = has_run_kernels(record);
    size_t parameters = 0; /* the flat vector has gaps */
    for (size_t i = 0; good && i < model_layer_count(record->model); i++) {
        parameters += model_layer_info(record->model, i).parameters;
        good = data_append(layers, layer(record, i, kernels));
    }
    return json_pack("{s:I,s:o}", "parameters", (json_int_t)parameters, "layers",
                     data_finish(layers, good));
}

static json_t *config(const RunRecord *record) {
    json_t *keys = json_array();
    bool good = keys != NULL;
    for (size_t i = 0; good && i < config_key_count(); i++) {
        char text[CONFIG_TEXT];
        const char *standard = config_key_default(i);
        config_key_text(text, i, &record->config);
        good = data_append(keys, json_pack("{s:s,s:o,s:o,s:b}", "key", config_key_name(i), "value",
                                           data_text(text), "default", data_text(standard),
                                           "differs", strcmp(text, standard) != 0));
    }
    return data_finish(keys, good);
}

/* The first convolution's kernels; the image has one channel, so each is a small picture. */
static json_t *kernel_values(const RunRecord *record, const ModelTensor *tensor) {
    size_t filters = tensor->dims[3], size = tensor->count / filters;
    json_t *values = json_array();
    bool good = values != NULL;
    for (size_t filter = 0; good && filter < filters; filter++) {
        json_t *one = json_array();
        for (size_t i = 0; good && i < size; i++)
            good = data_append(
                one, data_number((double)record->params[tensor->offset + i * filters + filter]));
        good = data_append(values, data_finish(one, good));
    }
    return data_finish(values, good);
}

/* JSON's null unless the first layer with parameters is a convolution. */
static json_t *filters(const RunRecord *record) {
    if (record->params == NULL) return json_null();
    ModelTensor tensor = model_tensor(record->model, 0);
    if (tensor.rank != 4) return json_null();
    return json_pack("{s:I,s:I,s:I,s:o}", "rows", (json_int_t)tensor.dims[0], "columns",
                     (json_int_t)tensor.dims[1], "channels", (json_int_t)tensor.dims[2], "values",
                     kernel_values(record, &tensor));
}

/* ---- Curves ---------------------------------------------------------------------------------- */

/* One quantity of a series, each number the mean of `every` moments, the last of what is left. */
static json_t *column(const Series *series, size_t quantity, size_t every) {
    json_t *values = json_array();
    bool good = values != NULL;
    for (size_t row = 0; good && row < series->count; row += every) {
        size_t count = smaller(every, series->count - row);
        double sum = 0;
        for (size_t i = 0; i < count; i++)
            sum += series->values[(row + i) * series->quantities + quantity];
        good = data_append(values, data_number(sum / (double)count));
    }
    return data_finish(values, good);
}

static json_t *phases(const Series *epochs) {
    json_t *values = json_object();
    bool good = values != NULL;
    for (int i = 0; good && i < PHASE_COUNT; i++)
        good = json_object_set_new(values, phase_name((Phase)i),
                                   column(epochs, EPOCH_PHASES + (size_t)i, 1)) == 0;
    return data_finish(values, good);
}

static json_t *epochs(const Series *series) {
    return json_pack(
        "{s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "loss", column(series, EPOCH_LOSS, 1), "accuracy",
        column(series, EPOCH_ACCURACY, 1), "val_loss", column(series, EPOCH_VAL_LOSS, 1),
        "val_accuracy", column(series, EPOCH_VAL_ACCURACY, 1), "learning_rate",
        column(series, EPOCH_LEARNING_RATE, 1), "seconds", column(series, EPOCH_SECONDS, 1),
        "images_per_second", column(series, EPOCH_IMAGES_PER_SECOND, 1), "phases", phases(series));
}

static json_t *steps(const Series *series, size_t most) {
    size_t every = larger(1, (series->count + most - 1) / most);
    return json_pack("{s:i,s:I,s:o,s:o,s:o,s:o}", "first", 0, "every", (json_int_t)every, "loss",
                     column(series, STEP_LOSS, every), "accuracy",
                     column(series, STEP_ACCURACY, every), "learning_rate",
                     column(series, STEP_LEARNING_RATE, every), "gradient_norm",
                     column(series, STEP_GRADIENT_NORM, every));
}

static json_t *restart(const Restart *at) {
    char date[32] = "";
    struct tm parts;
    const time_t moment = (time_t)at->time;
    if (gmtime_r(&moment, &parts) != NULL)
        strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", &parts);
    return json_pack("{s:I,s:I,s:s,s:I,s:I}", "step", (json_int_t)at->step, "epoch",
                     (json_int_t)at->epoch, "date", date, "ranks", (json_int_t)at->ranks,
                     "diverged", (json_int_t)at->diverged);
}

static json_t *restarts(const History *history) {
    json_t *all = json_array();
    bool good = all != NULL;
    for (size_t i = 0; good && i < history->restart_count; i++)
        good = data_append(all, restart(&history->restarts[i]));
    return data_finish(all, good);
}

/* Steps of an epoch: those done by the epochs that are. */
static json_t *steps_per_epoch(const RunRecord *record) {
    const Progress *progress = &record->progress;
    uint64_t done = progress->step - progress->epoch_step;
    return progress->epoch > 0 ? json_integer((json_int_t)(done / progress->epoch)) : json_null();
}

/* ---- The whole ------------------------------------------------------------------------------- */

static json_t *missing(const char *sentences) {
    json_t *all = json_array();
    bool good = all != NULL;
    while (good && *sentences != '\0') {
        char line[sizeof((RunRecord *)0)->missing];
        size_t length = strcspn(sentences, "\n");
        snprintf(line, sizeof line, "%.*s", (int)length, sentences);
        good = data_append(all, data_text(line));
        sentences += length + (sentences[length] == '\n');
    }
    return data_finish(all, good);
}

static bool add_whole(json_t *run, const RunRecord *record) {
    bool good = json_object_set_new(run, "model", model(record)) == 0 &&
                json_object_set_new(run, "config", config(record)) == 0;
    json_t *kernels = good ? filters(record) : NULL;
    if (!json_is_null(kernels)) good = good && json_object_set_new(run, "filters", kernels) == 0;
    return good && (!record->has_predictions || data_add_predictions(run, &record->predictions));
}

json_t *data_run(const RunRecord *record, DataExtent extent) {
    static const char *const statuses[] = {"under way", "stopped", "finished"};
    const History *history = &record->history;
    bool whole = extent == DATA_WHOLE;
    json_t *run =
        json_pack("{s:o,s:o,s:o,s:I,s:s,s:o,s:o,s:o,s:o,s:o,s:o}", "name", data_text(record->name),
                  "directory", data_text(record->directory), "config_name",
                  data_text(record->config.name), "seed", (json_int_t)record->config.training.seed,
                  "status", statuses[record->progress.status], "headline", headline(record),
                  "epochs", epochs(&history->epochs), "steps",
                  steps(&history->steps, whole ? MOST_STEPS : MOST_STEPS_BRIEF), "steps_per_epoch",
                  steps_per_epoch(record), "restarts", restarts(history), "missing",
                  missing(record->missing));
    return data_finish(run, run != NULL && (!whole || add_whole(run, record)));
}
