/* What the files watch*.c share: a run as its directory shows it, and how it is drawn.
 *
 *   watch.c        the command: which run, a snapshot or the live view
 *   watch_files.c  reading the run's directory, again and again
 *   watch_view.c   the picture: bars, figures, curves, the log's last lines
 *   watch_chart.c  curves as braille
 *   screen.c, terminal.c  what is drawn on */
#pragma once

#include <limits.h>
#include <sys/stat.h>

#include "command/screen.h"
#include "mnist_dist/train/config.h"
#include "mnist_dist/train/history.h"
#include "mnist_dist/train/live.h"

enum { WATCH_LOG_LINES = 8, WATCH_LOG_TEXT = 8192 };

typedef struct Watch {
    char directory[PATH_MAX - 64];
    Config config;            /* config.yaml, or the defaults while there is none ... */
    bool configured;          /* ... and whether there is */
    bool is_live;             /* whether there is a file `progress` ... */
    Live live;                /* ... which says this ... */
    double changed;           /* ... since when (clock_seconds) */
    double age;               /* of that file in seconds, by its date, when the watch began */
    History history;          /* metrics.h5; empty while there is none */
    struct stat seen;         /* of the metrics.h5 that it comes from */
    char problem[256];        /* why metrics.h5 cannot be read, or "" */
    char log[WATCH_LOG_TEXT]; /* the end of log.txt, its lines NUL-terminated */
    const char *log_lines[WATCH_LOG_LINES]; /* the last ones that are not blank, in order */
    int log_count;
} Watch;

/* Looks at a run for the first time. STATUS_USAGE if the directory holds none; STATUS_FAILED if
 * its configuration or its metrics cannot be read. */
Status watch_open(Watch *watch);
void watch_close(Watch *watch);

/* Looks again. What is missing or cannot be read for now is kept as it was. */
void watch_refresh(Watch *watch);

/* Epochs planned, or 0 if that is not known. */
uint64_t watch_epochs(const Watch *watch);

/* Whether nothing more is to be expected: it finished, stopped, or failed. */
bool watch_has_ended(const Watch *watch);

/* Draws all of it into a screen of any size. `hint` stands in the last row. */
void watch_draw(Screen *screen, const Watch *watch, const char *hint);

/* A chart: one series by step, drawn as a line, and one by epoch, drawn as marks. */
typedef struct WatchChart {
    const char *title, *steps_name, *epochs_name;
    const History *history;
    StepQuantity by_step;
    EpochQuantity by_epoch;
    double steps_per_epoch;
    bool is_accuracy; /* shown as 1 - y on a logarithmic scale, labelled in percent */
} WatchChart;

typedef struct WatchBox {
    int row, column, rows, columns;
} WatchBox;

void watch_draw_chart(Screen *screen, WatchBox box, const WatchChart *chart);
