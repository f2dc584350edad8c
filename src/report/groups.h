/* Runs that differ by their seed alone, as one group: what means and deviations are over. */
#pragma once

#include "mnist_dist/report/record.h"
#include "mnist_dist/report/statistics.h"

typedef struct RunGroup {
    const char *name; /* the configuration's, or the first run's where that is not unique */
    size_t *runs;     /* (run_count) numbers, ascending */
    size_t run_count;
} RunGroup;

typedef struct RunGroups {
    RunGroup *groups; /* (count) in the order of their first runs */
    size_t count;
} RunGroups;

/* Puts runs together whose data are the same, by their fingerprint, and whose keys that change the
 * answer are, but for training.seed and data.fold. The records must outlive it. */
Status groups_of(RunGroups *groups, const RunRecord records[], size_t count);
void groups_free(RunGroups *groups);

/* The final figures of a run; NAN where it has none. */
typedef enum Figure {
    FIGURE_VAL_ACCURACY, /* of the best epoch, as all but the times */
    FIGURE_VAL_LOSS,
    FIGURE_BEST_EPOCH,
    FIGURE_SECONDS, /* of training, over all epochs */
    FIGURE_IMAGES_PER_SECOND,
    FIGURE_COUNT
} Figure;

const char *figure_name(Figure figure);
double record_figure(const RunRecord *record, Figure figure);
Spread group_spread(const RunGroup *group, const RunRecord records[], Figure figure);

/* Two groups, over the seeds that both have with the same held-out rows; false if there are none.
 * Each held-out part is counted once, by the first of the seeds that have it: a test takes images
 * for independent, and the same image under another seed is not. */
bool groups_paired(PairedCounts *counts, const RunGroup *a, const RunGroup *b,
                   const RunRecord records[]);

/* Two runs, both of which have predictions of the same rows of the same data. */
bool records_paired(PairedCounts *counts, const RunRecord *a, const RunRecord *b);
