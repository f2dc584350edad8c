/* The pictures of a run; see plots.h. */
#include "mnist_dist/report/plots.h"

#include <stdio.h>
#include <unistd.h>

#include "report/plot.h"

static bool has_epochs(const RunRecord *record) {
    return record->history.epochs.count > 0;
}

static bool has_validation(const RunRecord *record) {
    return record->has_predictions && record->predictions.validation.count > 0;
}

static bool has_augmented(const RunRecord *record) {
    return record->has_predictions && record->predictions.augmented.count > 0;
}

typedef struct Picture {
    const char *name;
    bool (*has_something)(const RunRecord *record);
    Status (*make)(const RunRecord *record, const char *directory, const char *name);
} Picture;

static const Picture PICTURES[] = {
    {"curves.png", has_epochs, plot_curves},
    {"confusion.png", has_validation, plot_confusion},
    {"errors.png", has_validation, plot_errors},
    {"augmented.png", has_augmented, plot_augmented},
};

static void remove_old(const char *directory, const char *name) {
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/%s", directory, name) < PATH_MAX) unlink(path);
}

Status plots_write(const RunRecord *record) {
    for (size_t i = 0; i < sizeof PICTURES / sizeof *PICTURES; i++) {
        const Picture *picture = &PICTURES[i];
        if (!picture->has_something(record)) {
            remove_old(record->directory, picture->name);
            continue;
        }
        Status status = picture->make(record, record->directory, picture->name);
        if (status != STATUS_OK) return status;
    }
    return STATUS_OK;
}
