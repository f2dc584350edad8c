/* A run's directory, read again and again while the run writes it; see watch.h.
 *
 * Nothing is locked: metrics.h5 and progress are renamed into place whole, and of log.txt, which
 * grows, only the end is read. */
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "command/watch.h"
#include "mnist_dist/base/clock.h"
#include "mnist_dist/train/metrics.h"

static void name_file(char path[PATH_MAX], const Watch *watch, const char *name) {
    snprintf(path, PATH_MAX, "%s/%s", watch->directory, name);
}

static bool find_file(struct stat *info, const Watch *watch, const char *name) {
    char path[PATH_MAX];
    name_file(path, watch, name);
    return stat(path, info) == 0;
}

/* ---- progress ---- */

static bool same_live(const Live *a, const Live *b) {
    return a->state == b->state && a->epoch == b->epoch && a->step == b->step;
}

static void refresh_live(Watch *watch) {
    Live live;
    if (!live_read(&live, watch->directory)) return;
    if (!watch->is_live || !same_live(&live, &watch->live)) watch->changed = clock_seconds();
    if (watch->is_live && !same_live(&live, &watch->live)) watch->age = 0;
    watch->live = live;
    watch->is_live = true;
}

/* ---- metrics.h5 ---- */

static bool same_file(const struct stat *a, const struct stat *b) {
    return a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static Status read_metrics(Watch *watch) {
    char path[PATH_MAX];
    History history;
    name_file(path, watch, "metrics.h5");
    Status status = metrics_read(&history, path);
    if (status != STATUS_OK) return status;
    history_destroy(&watch->history);
    watch->history = history;
    return STATUS_OK;
}

static void refresh_metrics(Watch *watch) {
    struct stat info;
    if (!find_file(&info, watch, "metrics.h5") || same_file(&info, &watch->seen)) return;
    watch->seen = info;
    Status status = read_metrics(watch);
    snprintf(watch->problem, sizeof watch->problem, "%s", status_message());
    if (status != STATUS_OK) status_clear();
}

/* ---- log.txt ---- */

/* The last bytes of the log as a text; "" if there is none. */
static void read_log_end(Watch *watch) {
    char path[PATH_MAX];
    struct stat info;
    watch->log[0] = '\0';
    name_file(path, watch, "log.txt");
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    off_t most = WATCH_LOG_TEXT - 1;
    off_t begin = fstat(fd, &info) == 0 && info.st_size > most ? info.st_size - most : 0;
    ssize_t got = pread(fd, watch->log, (size_t)most, begin);
    watch->log[got > 0 ? got : 0] = '\0';
    close(fd);
}

static void add_log_line(Watch *watch, const char *line) {
    if (line[strspn(line, " \t")] == '\0') return;
    if (watch->log_count == WATCH_LOG_LINES)
        memmove(watch->log_lines, watch->log_lines + 1,
                (size_t)(--watch->log_count) * sizeof *watch->log_lines);
    watch->log_lines[watch->log_count++] = line;
}

static void refresh_log(Watch *watch) {
    char *rest = NULL;
    read_log_end(watch);
    watch->log_count = 0;
    for (char *line = strtok_r(watch->log, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest))
        add_log_line(watch, line);
}

/* ---- the whole ---- */

static Status read_config(Watch *watch) {
    char path[PATH_MAX];
    struct stat info;
    config_defaults(&watch->config);
    watch->configured = find_file(&info, watch, "config.yaml");
    name_file(path, watch, "config.yaml");
    return watch->configured ? config_read_file(&watch->config, path) : STATUS_OK;
}

static double age_of_progress(const Watch *watch) {
    struct stat info;
    if (!find_file(&info, watch, "progress")) return 0.0;
    return fmax(difftime(time(NULL), info.st_mtim.tv_sec), 0.0);
}

Status watch_open(Watch *watch) {
    struct stat info;
    Status status = STATUS_OK;
    if (!find_file(&info, watch, "log.txt") && !find_file(&info, watch, "checkpoints"))
        TRY(status_fail(STATUS_USAGE,
                        "%s: holds no run; name the folder that a training wrote to, or its Slurm "
                        "job's number",
                        watch->directory));
    TRY(read_config(watch));
    watch->age = age_of_progress(watch);
    watch_refresh(watch);
    if (watch->problem[0] != '\0') status = status_fail(STATUS_DATA, "%s", watch->problem);
cleanup:
    return status;
}

void watch_close(Watch *watch) {
    history_destroy(&watch->history);
}

void watch_refresh(Watch *watch) {
    refresh_live(watch);
    refresh_metrics(watch);
    refresh_log(watch);
}

uint64_t watch_epochs(const Watch *watch) {
    if (watch->is_live) return watch->live.epochs;
    return watch->configured ? (uint64_t)watch->config.training.epochs : 0;
}

bool watch_has_ended(const Watch *watch) {
    if (watch->is_live) return watch->live.state != LIVE_TRAINING;
    uint64_t epochs = watch_epochs(watch);
    return epochs > 0 && watch->history.epochs.count >= epochs;
}
