/* A history in HDF5 and in CSV; see the header for why files are rewritten whole.
 *
 * In a file each quantity is a dataset of its own, since that is how they are drawn. Refused:
 * HDF5's SWMR mode, whose files h5dump cannot read while they grow and nobody can after a kill. */
#include "mnist_dist/train/metrics.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mnist_dist/base/memory.h"
#include "mnist_dist/base/safefile.h"
#include "mnist_dist/base/sandbox.h"

/* Keras's CSVLogger: epoch, then its logs by name; what Keras has not stands behind. */
static const EpochQuantity CSV_COLUMNS[] = {
    EPOCH_ACCURACY, EPOCH_LEARNING_RATE,     EPOCH_LOSS, EPOCH_VAL_ACCURACY, EPOCH_VAL_LOSS,
    EPOCH_SECONDS,  EPOCH_IMAGES_PER_SECOND,
};
enum { CSV_COLUMN_COUNT = sizeof CSV_COLUMNS / sizeof *CSV_COLUMNS };

typedef struct RestartColumn {
    const char *name, *units, *long_name;
    size_t offset;    /* of an int64_t in Restart */
    bool is_optional; /* older files lack it */
} RestartColumn;

static const RestartColumn RESTART_TABLE[] = {
    {"step", "1", "steps that were done when the run was resumed", offsetof(Restart, step), false},
    {"epoch", "1", "epochs that were done when the run was resumed", offsetof(Restart, epoch),
     false},
    {"time", "s", "when the run was resumed, since 1970-01-01 UTC", offsetof(Restart, time), false},
    {"ranks", "1", "ranks that went on with the run", offsetof(Restart, ranks), false},
    {"diverged", "1", "step that diverged, for which the run went back; 0: it was resumed",
     offsetof(Restart, diverged), true},
};
enum { RESTART_COLUMNS = sizeof RESTART_TABLE / sizeof *RESTART_TABLE };

/* ---- In HDF5 --------------------------------------------------------------------------------- */

typedef struct SeriesPlace {
    H5File *file;
    const char *group, *part; /* GROUP/PART/NAME */
    const HistoryQuantity *table;
} SeriesPlace;

static void name_dataset(char name[256], const SeriesPlace *place, size_t quantity) {
    snprintf(name, 256, "%s/%s/%s", place->group, place->part, place->table[quantity].name);
}

static Status write_quantity(const SeriesPlace *place, const Series *series, size_t quantity,
                             double *column) {
    char name[256];
    Status status;
    name_dataset(name, place, quantity);
    for (size_t row = 0; row < series->count; row++)
        column[row] = series->values[row * series->quantities + quantity];
    TRY(h5file_write(place->file, name, H5_F64, 1, &series->count, column));
    TRY(h5file_set_text(place->file, name, "units", place->table[quantity].units));
    TRY(h5file_set_text(place->file, name, "long_name", place->table[quantity].long_name));
cleanup:
    return status;
}

static Status write_series(const SeriesPlace *place, const Series *series) {
    Status status;
    double *column = NULL;
    TRY(MEMORY_NEW(&column, series->count));
    for (size_t i = 0; i < series->quantities; i++) TRY(write_quantity(place, series, i, column));
cleanup:
    free(column);
    return status;
}

static void name_restart(char name[256], const char *group, size_t column) {
    snprintf(name, 256, "%s/restart/%s", group, RESTART_TABLE[column].name);
}

static Status write_restart_column(H5File *file, const char *group, const History *history,
                                   size_t i, int64_t *column) {
    char name[256];
    const RestartColumn *about = &RESTART_TABLE[i];
    Status status;
    name_restart(name, group, i);
    for (size_t row = 0; row < history->restart_count; row++)
        memcpy(&column[row], (const char *)&history->restarts[row] + about->offset, sizeof *column);
    TRY(h5file_write(file, name, H5_I64, 1, &history->restart_count, column));
    TRY(h5file_set_text(file, name, "units", about->units));
    TRY(h5file_set_text(file, name, "long_name", about->long_name));
cleanup:
    return status;
}

static Status write_restarts(H5File *file, const char *group, const History *history) {
    int64_t *column = NULL;
    Status status = STATUS_OK;
    if (history->restart_count == 0) return status;
    TRY(MEMORY_NEW(&column, history->restart_count));
    for (size_t i = 0; i < RESTART_COLUMNS; i++)
        TRY(write_restart_column(file, group, history, i, column));
cleanup:
    free(column);
    return status;
}

Status history_write(H5File *file, const char *group, const History *history) {
    Status status;
    TRY(write_series(&(SeriesPlace){file, group, "epoch", HISTORY_EPOCH}, &history->epochs));
    TRY(write_series(&(SeriesPlace){file, group, "step", HISTORY_STEP}, &history->steps));
    TRY(write_restarts(file, group, history));
cleanup:
    return status;
}

static Status read_quantity(Series *series, const SeriesPlace *place, size_t quantity,
                            double *column) {
    char name[256];
    Status status = STATUS_OK;
    name_dataset(name, place, quantity);
    if (place->table[quantity].is_optional && !h5file_has(place->file, name))
        for (size_t row = 0; row < series->count; row++) column[row] = NAN;
    else
        status = h5file_read(place->file, name, H5_F64, 1, &series->count, column);
    if (status != STATUS_OK) return status;
    for (size_t row = 0; row < series->count; row++)
        series->values[row * series->quantities + quantity] = column[row];
    return STATUS_OK;
}

static Status count_rows(size_t *count, const SeriesPlace *place) {
    char name[256];
    name_dataset(name, place, 0);
    return h5file_shape(place->file, name, H5_F64, 1, count);
}

/* Into an empty series that has room for them. */
static Status read_series(Series *series, const SeriesPlace *place) {
    double *column = NULL;
    Status status;
    series->count = series->capacity;
    TRY(MEMORY_NEW(&column, series->count));
    for (size_t i = 0; i < series->quantities; i++) TRY(read_quantity(series, place, i, column));
cleanup:
    free(column);
    return status;
}

static Status read_restarts(History *history, H5File *file, const char *group) {
    char name[256];
    size_t count = 0;
    int64_t *column = NULL;
    Status status = STATUS_OK;
    name_restart(name, group, 0);
    if (!h5file_has(file, name)) return status;
    TRY(h5file_shape(file, name, H5_I64, 1, &count));
    TRY(MEMORY_NEW(&column, count));
    TRY(MEMORY_NEW(&history->restarts, count));
    history->restart_count = count;
    for (size_t i = 0; i < RESTART_COLUMNS; i++) {
        name_restart(name, group, i);
        if (RESTART_TABLE[i].is_optional && !h5file_has(file, name)) continue;
        TRY(h5file_read(file, name, H5_I64, 1, &count, column));
        for (size_t row = 0; row < count; row++)
            memcpy((char *)&history->restarts[row] + RESTART_TABLE[i].offset, &column[row],
                   sizeof *column);
    }
cleanup:
    free(column);
    return status;
}

Status history_read(History *history, H5File *file, const char *group) {
    const SeriesPlace epochs = {file, group, "epoch", HISTORY_EPOCH};
    const SeriesPlace steps = {file, group, "step", HISTORY_STEP};
    size_t count = 0;
    Status status;
    *history = (History){0};
    TRY(count_rows(&count, &epochs));
    TRY(history_new(history, count, 0));
    TRY(read_series(&history->epochs, &epochs));
    TRY(count_rows(&count, &steps));
    TRY(history_reserve(history, 0, count));
    TRY(read_series(&history->steps, &steps));
    TRY(read_restarts(history, file, group));
cleanup:
    if (status != STATUS_OK) history_destroy(history);
    return status;
}

/* ---- Files of a run -------------------------------------------------------------------------- */

static Status write_h5(const History *history, const char *path) {
    Status status;
    SafeFile safe = {.temporary = ""};
    H5File *file = NULL;
    TRY(safefile_begin(&safe, path, STATUS_FAILED));
    TRY(h5file_create_sealed(&file, safe.temporary, STATUS_FAILED));
    TRY(history_write(file, "", history));
    status = h5file_close(file);
    file = NULL;
    if (status == STATUS_OK) status = safefile_commit(&safe, STATUS_FAILED);
cleanup:
    h5file_destroy(file);
    safefile_abandon(&safe);
    return status;
}

static Status read_h5(History *history, const char *path) {
    Status status;
    H5File *file = NULL;
    *history = (History){0};
    TRY(h5file_open(&file, path, STATUS_DATA));
    TRY(history_read(history, file, ""));
    TRY(h5file_check_rest(file));
cleanup:
    h5file_destroy(file);
    if (status != STATUS_OK) history_destroy(history);
    return status;
}

static Status try_h5(const char *path) {
    History history;
    return read_h5(&history, path);
}

Status metrics_read(History *history, const char *path) {
    *history = (History){0};
    Status status = sandbox_try(try_h5, path, STATUS_DATA);
    return status == STATUS_OK ? read_h5(history, path) : status;
}

/* The shortest digits that read back as the same number. */
static void print_number(FILE *out, double value) {
    char text[32];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value) break;
    }
    fputs(text, out);
}

static void print_csv(FILE *out, const History *history) {
    fputs("epoch", out);
    for (size_t i = 0; i < CSV_COLUMN_COUNT; i++)
        fprintf(out, ",%s", HISTORY_EPOCH[CSV_COLUMNS[i]].name);
    fputc('\n', out);
    for (size_t epoch = 0; epoch < history->epochs.count; epoch++) {
        fprintf(out, "%zu", epoch);
        for (size_t i = 0; i < CSV_COLUMN_COUNT; i++) {
            fputc(',', out);
            print_number(out, history_epoch(history, epoch, CSV_COLUMNS[i]));
        }
        fputc('\n', out);
    }
}

static Status write_csv(const History *history, const char *path) {
    Status status;
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (out == NULL) return status_fail(STATUS_FAILED, "%s: out of memory", path);
    print_csv(out, history);
    if (fclose(out) != 0) TRY(status_fail(STATUS_FAILED, "%s: out of memory", path));
    TRY(safefile_write(path, text, length, STATUS_FAILED));
cleanup:
    free(text);
    return status;
}

static Status join(char path[PATH_MAX], const char *folder, const char *name) {
    int length = snprintf(path, PATH_MAX, "%s/%s", folder, name);
    if (length < PATH_MAX) return STATUS_OK;
    return status_fail(STATUS_FAILED, "%.200s...: the path is too long", folder);
}

Status metrics_write(const History *history, const char *run_directory) {
    Status status;
    char path[PATH_MAX];
    TRY(join(path, run_directory, "metrics.h5"));
    TRY(write_h5(history, path));
    TRY(join(path, run_directory, "metrics.csv"));
    TRY(write_csv(history, path));
cleanup:
    return status;
}
