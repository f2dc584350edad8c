/* Which runs belong together, and their figures; see groups.h. */
#include "report/groups.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "mnist_dist/base/memory.h"

enum { GROUPS_MOST_FOLDS = 1000 /* data.folds */ };

static bool is_of_seed(const char *key) {
    return strcmp(key, "training.seed") == 0 || strcmp(key, "data.fold") == 0;
}

static bool same_key(size_t key, const Config *a, const Config *b) {
    char one[CONFIG_TEXT], other[CONFIG_TEXT];
    config_key_text(one, key, a);
    config_key_text(other, key, b);
    return strcmp(one, other) == 0;
}

/* The number of epochs is asked for, too: it is what one compares. */
static bool same_but_seed(const RunRecord *a, const RunRecord *b) {
    for (size_t key = 0; key < config_key_count(); key++) {
        const char *name = config_key_name(key);
        bool matters = config_changes_answer(name) || strcmp(name, "training.epochs") == 0;
        if (matters && !is_of_seed(name) && !same_key(key, &a->config, &b->config)) return false;
    }
    return strcmp(a->data_fingerprint, b->data_fingerprint) == 0;
}

static RunGroup *group_for(RunGroups *groups, const RunRecord records[], size_t run) {
    for (size_t i = 0; i < groups->count; i++) {
        const RunRecord *first = &records[groups->groups[i].runs[0]];
        if (same_but_seed(first, &records[run])) return &groups->groups[i];
    }
    return &groups->groups[groups->count++];
}

static void name_groups(RunGroups *groups, const RunRecord records[]) {
    for (size_t i = 0; i < groups->count; i++) {
        const RunRecord *first = &records[groups->groups[i].runs[0]];
        groups->groups[i].name = first->config.name;
        for (size_t k = 0; k < groups->count; k++)
            if (k != i &&
                strcmp(records[groups->groups[k].runs[0]].config.name, first->config.name) == 0)
                groups->groups[i].name = first->name;
    }
}

Status groups_of(RunGroups *groups, const RunRecord records[], size_t count) {
    Status status;
    *groups = (RunGroups){NULL, 0};
    TRY(MEMORY_NEW(&groups->groups, count));
    for (size_t run = 0; run < count; run++) {
        RunGroup *group = group_for(groups, records, run);
        if (group->runs == NULL) TRY(MEMORY_NEW(&group->runs, count));
        group->runs[group->run_count++] = run;
    }
    name_groups(groups, records);
cleanup:
    if (status != STATUS_OK) groups_free(groups);
    return status;
}

void groups_free(RunGroups *groups) {
    for (size_t i = 0; i < groups->count; i++) free(groups->groups[i].runs);
    free(groups->groups);
    *groups = (RunGroups){NULL, 0};
}

/* ---- Figures --------------------------------------------------------------------------------- */

const char *figure_name(Figure figure) {
    static const char *const names[FIGURE_COUNT] = {
        [FIGURE_VAL_ACCURACY] = "val_accuracy",
        [FIGURE_VAL_LOSS] = "val_loss",
        [FIGURE_BEST_EPOCH] = "best_epoch",
        [FIGURE_SECONDS] = "seconds",
        [FIGURE_IMAGES_PER_SECOND] = "images_per_second",
    };
    return names[figure];
}

static double sum_epochs(const History *history, bool images) {
    double sum = 0;
    for (size_t i = 0; i < history->epochs.count; i++) {
        double seconds = history_epoch(history, i, EPOCH_SECONDS);
        sum += images ? seconds * history_epoch(history, i, EPOCH_IMAGES_PER_SECOND) : seconds;
    }
    return sum;
}

double record_figure(const RunRecord *record, Figure figure) {
    const History *history = &record->history;
    uint64_t best = record->progress.best_epoch;
    if (best == 0 || best > history->epochs.count) return NAN;
    double seconds = sum_epochs(history, false);
    switch (figure) {
    case FIGURE_VAL_ACCURACY:
        return history_epoch(history, best - 1, EPOCH_VAL_ACCURACY);
    case FIGURE_VAL_LOSS:
        return history_epoch(history, best - 1, EPOCH_VAL_LOSS);
    case FIGURE_BEST_EPOCH:
        return (double)best;
    case FIGURE_SECONDS:
        return seconds;
    default:
        return seconds > 0 ? sum_epochs(history, true) / seconds : NAN;
    }
}

Spread group_spread(const RunGroup *group, const RunRecord records[], Figure figure) {
    double *values = malloc(group->run_count * sizeof *values);
    if (values == NULL) return (Spread){0, NAN, NAN, NAN, NAN};
    for (size_t i = 0; i < group->run_count; i++)
        values[i] = record_figure(&records[group->runs[i]], figure);
    Spread spread = spread_of(values, group->run_count);
    free(values);
    return spread;
}

/* ---- Pairs ----------------------------------------------------------------------------------- */

bool records_paired(PairedCounts *counts, const RunRecord *a, const RunRecord *b) {
    return a->has_predictions && b->has_predictions && a->predictions.validation.count > 0 &&
           strcmp(a->data_fingerprint, b->data_fingerprint) == 0 &&
           paired_add(counts, &a->predictions, &b->predictions);
}

/* Whether the part of the rows that it holds out is that of one of the runs before. */
static bool holds_out_again(const RunRecord *const before[], size_t count, const RunRecord *run) {
    for (size_t i = 0; i < count; i++)
        if (config_held_out_fold(&before[i]->config) == config_held_out_fold(&run->config))
            return true;
    return false;
}

bool groups_paired(PairedCounts *counts, const RunGroup *a, const RunGroup *b,
                   const RunRecord records[]) {
    const RunRecord *before[GROUPS_MOST_FOLDS];
    size_t pairs = 0;
    for (size_t i = 0; i < a->run_count; i++)
        for (size_t k = 0; k < b->run_count && pairs < GROUPS_MOST_FOLDS; k++) {
            const RunRecord *one = &records[a->runs[i]], *other = &records[b->runs[k]];
            if (one->config.training.seed != other->config.training.seed) continue;
            if (holds_out_again(before, pairs, one)) continue;
            if (records_paired(counts, one, other)) before[pairs++] = one;
        }
    return pairs > 0;
}
