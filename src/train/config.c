/* Defaults, one assignment, checks across keys, and the comparison at a resume. */
#include "mnist_dist/train/config.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "config_keys.h"
#include "mnist_dist/base/shard.h"

enum { NAME = 128 }; /* longer than any key */

void config_defaults(Config *config) {
    memset(config, 0, sizeof *config);
    strcpy(config->name, "baseline");
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) config_take_default(config, &CONFIG_KEYS[i]);
}

/* The key of "section.key" or "section.key=value", or NULL; its name, as given, in `name`. */
static const ConfigKey *key_of(char name[NAME], const char *assignment) {
    snprintf(name, NAME, "%.*s", (int)strcspn(assignment, "="), assignment);
    return config_find(name);
}

Status config_set(Config *config, const char *assignment) {
    const ConfigPlace place = {.source = CONFIG_BY_COMMAND_LINE};
    char name[NAME], where[CONFIG_PLACE];
    config_place(where, &place);
    const ConfigKey *key = key_of(name, assignment);
    if (key == NULL)
        return status_fail(STATUS_USAGE, "%s: %s: unknown key; did you mean %s?", where, name,
                           config_nearest(name));
    const char *equals = strchr(assignment, '=');
    if (equals == NULL)
        return status_fail(STATUS_USAGE, "%s: %s: expected %s=VALUE", where, name, name);
    return config_take(config, key, equals + 1, &place);
}

bool config_changes_answer(const char *name) {
    char copy[NAME];
    const ConfigKey *key = key_of(copy, name);
    return key != NULL && key->effect == CHANGES_ANSWER;
}

/* ---- what no single key can show ---- */

static Status check_shards(const TrainingOptions *training) {
    long long shards = training->shards, batch_size = training->batch_size;
    if ((shards & (shards - 1)) != 0)
        return status_fail(STATUS_USAGE,
                           "training.shards=%lld: expected a power of two: 1, 2, 4, 8 ... 4096",
                           shards);
    if (shards > batch_size)
        return status_fail(STATUS_USAGE,
                           "training.shards=%lld is more than training.batch_size=%lld, so that "
                           "some shards would always be empty: lower one or raise the other",
                           shards, batch_size);
    return STATUS_OK;
}

static Status check_folds(const Config *config) {
    long long folds = config->data.folds, fold = config->data.fold;
    if (folds == 1)
        return status_fail(STATUS_USAGE, "data.folds=1 would hold out every row; give 2 or more, "
                                         "or 0 to hold out none");
    if (fold >= folds && fold >= 0)
        return status_fail(
            STATUS_USAGE,
            "data.fold=%lld: with data.folds=%lld there is no such part; parts count "
            "from 0; or give auto",
            fold, folds);
    if (folds > 0) return STATUS_OK;
    if (config->schedule.kind == SCHEDULE_PLATEAU)
        return status_fail(STATUS_USAGE, "schedule.kind=plateau needs validation rows, and "
                                         "data.folds=0 holds out none: choose another schedule");
    if (config->training.early_stopping > 0)
        return status_fail(STATUS_USAGE, "training.early_stopping needs validation rows, and "
                                         "data.folds=0 holds out none: set it to 0");
    return STATUS_OK;
}

/* What watches the validation accuracy looks at it after every epoch. */
static Status check_validation(const Config *config) {
    const TrainingOptions *training = &config->training;
    if (training->validate_every == 1) return STATUS_OK;
    if (config->schedule.kind == SCHEDULE_PLATEAU)
        return status_fail(STATUS_USAGE,
                           "schedule.kind=plateau needs training.validate_every=1, not %lld: "
                           "choose another schedule, or validate after every epoch",
                           (long long)training->validate_every);
    if (training->early_stopping > 0)
        return status_fail(STATUS_USAGE,
                           "training.early_stopping needs training.validate_every=1, not %lld: "
                           "give it, or training.early_stopping=0",
                           (long long)training->validate_every);
    return STATUS_OK;
}

static Status check_average(const Config *config) {
    const AverageOptions *average = &config->average;
    if (average->kind == AVERAGE_NONE || average->start_epoch < (double)config->training.epochs)
        return STATUS_OK;
    return status_fail(STATUS_USAGE,
                       "average.start_epoch=%g must be less than training.epochs=%lld, or nothing "
                       "would be averaged",
                       average->start_epoch, (long long)config->training.epochs);
}

double config_base_rate(const Config *config) {
    const TrainingOptions *training = &config->training;
    return optimizer_base_rate(&config->optimizer,
                               (double)training->batch_size * (double)training->accumulate);
}

static Status check_rate(const Config *config) {
    const ScheduleOptions *schedule = &config->schedule;
    bool has_floor = schedule->kind != SCHEDULE_CONSTANT && schedule->kind != SCHEDULE_ONE_CYCLE;
    bool scales = config->optimizer.scaling != SCALING_NONE;
    if (has_floor && schedule->min_rate > config_base_rate(config))
        return status_fail(STATUS_USAGE,
                           "schedule.min_rate=%g is above optimizer.learning_rate=%g%s, so that a "
                           "fall would raise the rate",
                           schedule->min_rate, config_base_rate(config),
                           scales ? ", as it is scaled to the batch" : "");
    if (schedule->warmup_epochs > 0 && schedule->warmup_epochs >= (double)config->training.epochs)
        return status_fail(STATUS_USAGE,
                           "schedule.warmup_epochs=%g must be less than training.epochs=%lld",
                           schedule->warmup_epochs, (long long)config->training.epochs);
    return STATUS_OK;
}

static Status check_optimizer(const OptimizerOptions *optimizer) {
    if (optimizer->kind == OPTIMIZER_SGD && optimizer->nesterov && optimizer->momentum == 0)
        return status_fail(STATUS_USAGE, "optimizer.nesterov=true does nothing with "
                                         "optimizer.momentum=0: give a momentum, 0.9 say");
    return STATUS_OK;
}

Status config_check(const Config *config) {
    Status status;
    TRY(check_shards(&config->training));
    TRY(check_folds(config));
    TRY(check_validation(config));
    TRY(check_average(config));
    TRY(check_rate(config));
    TRY(check_optimizer(&config->optimizer));
cleanup:
    return status;
}

/* ---- the comparison at a resume ---- */

/* The number of epochs enters the rate where the schedule spans the whole run, and the choice of
 * the best where the last epoch is validated and others are not. */
static bool changes_answer(const ConfigKey *key, const Config *config) {
    bool spans =
        config->schedule.kind == SCHEDULE_COSINE || config->schedule.kind == SCHEDULE_ONE_CYCLE;
    bool skips = config->training.validate_every != 1;
    return key->effect == CHANGES_ANSWER ||
           (key->effect == CHANGES_WITH_LENGTH && (spans || skips));
}

static int layer_length(const char *layers) {
    return (int)strcspn(layers, ",");
}

/* The next layer of a list, or "" after the last. */
static const char *next_layer(const char *layers) {
    layers += layer_length(layers);
    return layers + strspn(layers, ", ");
}

static bool same_layer(const char *a, const char *b) {
    return layer_length(a) == layer_length(b) && strncmp(a, b, (size_t)layer_length(a)) == 0;
}

/* A list of layers is too long to be shown twice: names the first layer that differs. */
static Status refuse_layers(const char *saved, const char *now, const char *checkpoint) {
    int number = 1;
    for (; *saved != '\0' && same_layer(saved, now); number++) {
        saved = next_layer(saved);
        now = next_layer(now);
    }
    return status_fail(STATUS_USAGE,
                       "%s: layer %d of model.layers is \"%.*s\" there and \"%.*s\" now; give the "
                       "same layers to resume, or start anew with --resume never",
                       checkpoint, number, layer_length(saved), saved, layer_length(now), now);
}

Status config_compare(const Config *saved, const Config *now, const char *checkpoint) {
    char then_text[CONFIG_TEXT], now_text[CONFIG_TEXT];
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        const ConfigKey *key = &CONFIG_KEYS[i];
        config_print(then_text, key, saved);
        config_print(now_text, key, now);
        if (strcmp(then_text, now_text) == 0 || !changes_answer(key, saved)) continue;
        if (key->type == KEY_LAYERS) return refuse_layers(then_text, now_text, checkpoint);
        return status_fail(STATUS_USAGE,
                           "%s: %s is %s there and %s now, which would change the answer; resume "
                           "with %s=%s, or start anew with --resume never",
                           checkpoint, key->name, then_text, now_text, key->name, then_text);
    }
    return STATUS_OK;
}

uint64_t config_epoch_batches(const Config *config, uint64_t rows) {
    const uint64_t batch = (uint64_t)config->training.batch_size;
    return config->training.drop_last && rows >= batch ? rows / batch : shard_capacity(rows, batch);
}

uint64_t config_epoch_steps(const Config *config, uint64_t rows) {
    return shard_capacity(config_epoch_batches(config, rows),
                          (uint64_t)config->training.accumulate);
}

double config_rate(const Config *config, const Progress *progress, uint64_t steps_per_epoch) {
    const ScheduleWhere where = {progress->step, steps_per_epoch,
                                 (uint64_t)config->training.epochs * steps_per_epoch};
    const double rate =
        schedule_rate(&config->schedule, config_base_rate(config), &where, &progress->plateau);
    return ldexp(rate, -(int)progress->setbacks);
}

int64_t config_held_out_fold(const Config *config) {
    const DataOptions *data = &config->data;
    if (data->folds == 0) return 0;
    return data->fold >= 0 ? data->fold : config->training.seed % data->folds;
}
