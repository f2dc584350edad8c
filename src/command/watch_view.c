/* A run on one screen of any size: what does not fit is left out from the bottom up; see watch.h.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "command/watch.h"
#include "mnist_dist/base/clock.h"
#include "mnist_dist/base/minmax.h"

enum {
    HEADING = 5,       /* rows of title, bars and figures */
    LEAST_CHART = 5,   /* rows that a chart needs */
    MOST_LOG = 6,      /* rows of the log at most */
    QUIET_SECONDS = 15 /* after which a run that says nothing is remarked on */
};

/* "12 s", "5 min 12 s", "2 h 05 min". */
static void print_time(char text[32], double seconds) {
    long all = lround(fmin(seconds, 1e8));
    if (all < 60)
        snprintf(text, 32, "%ld s", all);
    else if (all < 3600)
        snprintf(text, 32, "%ld min %02ld s", all / 60, all % 60);
    else
        snprintf(text, 32, "%ld h %02ld min", all / 3600, all / 60 % 60);
}

/* ---- the heading ---- */

static double silence(const Watch *watch) {
    return fmax(watch->age, clock_seconds() - watch->changed);
}

static Ink state_ink(LiveState state) {
    return state == LIVE_FAILED ? INK_RED : state == LIVE_STOPPED ? INK_ORANGE : INK_GREEN;
}

static void draw_state(Screen *screen, int column, const Watch *watch) {
    const Live *live = &watch->live;
    const bool trains = watch->is_live && live->state == LIVE_TRAINING;
    char quiet[32];
    print_time(quiet, silence(watch));
    if (!watch->is_live)
        screen_text(screen, 0, column, INK_DIM,
                    watch_has_ended(watch) ? "finished" : "not running");
    else if (!trains || silence(watch) <= QUIET_SECONDS)
        screen_text(screen, 0, column, state_ink(live->state),
                    trains && live->step == live->steps ? "evaluating"
                                                        : live_state_name(live->state));
    else if (live->step == live->steps) /* which tells nothing until it has ended */
        screen_print(screen, 0, column, INK_ORANGE, "evaluating, silent for %s", quiet);
    else
        screen_print(screen, 0, column, INK_RED, "no sign of life for %s", quiet);
}

static void draw_title(Screen *screen, const Watch *watch) {
    const char *directory = watch->directory;
    size_t room = screen->columns > 34 ? (size_t)screen->columns - 24 : 10,
           length = strlen(directory);
    bool cuts = length > room;
    int column = screen_print(screen, 0, 0, INK_BOLD, "%s%s", cuts ? "…" : "",
                              cuts ? directory + length - room + 1 : directory);
    draw_state(screen, column + 2, watch);
}

/* ---- bars ---- */

typedef struct Bar {
    char name[32], text[64];
    double share;
} Bar;

/* Name, bar, share, text; the bar takes what the others leave. */
static void draw_bar(Screen *screen, int row, const Bar *bar) {
    int name = 12, text = screen->columns >= 60 ? 30 : 14;
    int width = screen->columns - name - 6 - text;
    screen_text(screen, row, 0, INK_PLAIN, bar->name);
    if (width < 4) return;
    screen_bar(screen, row, name, width, bar->share, INK_BLUE);
    screen_print(screen, row, name + width, INK_PLAIN, "%4.0f %%  %s", floor(100.0 * bar->share),
                 bar->text);
}

static double seconds_for(const Live *live, double steps) {
    return steps * (double)live->batch_size / fmax(live->images_per_second, 1e-9);
}

/* The time left first, since a narrow screen cuts the rest. */
static void write_left(char text[64], const Live *live, double steps, const char *more) {
    char left[32];
    text[0] = '\0';
    if (live->state != LIVE_TRAINING || live->images_per_second <= 0.0) return;
    print_time(left, seconds_for(live, steps));
    snprintf(text, 64, "%.20s left%.30s", left, more);
}

static void draw_epoch_bar(Screen *screen, int row, const Live *live) {
    Bar bar = {.share = (double)live->step / fmax((double)live->steps, 1.0)};
    char speed[32];
    uint64_t number = smaller(live->epoch + 1, live->epochs);
    if (live->epoch == live->epochs) bar.share = 1.0;
    snprintf(bar.name, sizeof bar.name, "epoch %llu/%llu", (unsigned long long)number,
             (unsigned long long)live->epochs);
    snprintf(speed, sizeof speed, "  %.0f images/s", live->images_per_second);
    write_left(bar.text, live, (double)(live->steps - live->step), speed);
    draw_bar(screen, row, &bar);
}

static void draw_run_bar(Screen *screen, int row, const Live *live) {
    double all = (double)live->epochs * (double)live->steps;
    double done = (double)live->epoch * (double)live->steps + (double)live->step;
    Bar bar = {.name = "run", .share = done / fmax(all, 1.0)};
    write_left(bar.text, live, all - done, "");
    draw_bar(screen, row, &bar);
}

static void draw_bars(Screen *screen, const Watch *watch) {
    if (watch->is_live) {
        draw_epoch_bar(screen, 1, &watch->live);
        draw_run_bar(screen, 2, &watch->live);
        return;
    }
    size_t done = watch->history.epochs.count, all = (size_t)watch_epochs(watch);
    Bar bar = {.share = all > 0 ? (double)done / (double)all : 0.0};
    snprintf(bar.name, sizeof bar.name, "epoch %zu/%zu", done, all);
    draw_bar(screen, 1, &bar);
}

/* ---- figures ---- */

/* The last epoch that has the quantity: not every one may be validated, and none need be. */
static bool find_last(size_t *last, const History *history, EpochQuantity quantity) {
    for (*last = history->epochs.count; *last > 0; (*last)--)
        if (!isnan(history_epoch(history, *last - 1, quantity))) break;
    return (*last)-- > 0;
}

static size_t best_epoch(const History *history, EpochQuantity quantity) {
    size_t best = 0;
    for (size_t i = 1; i < history->epochs.count; i++) {
        double value = history_epoch(history, i, quantity);
        double before = history_epoch(history, best, quantity);
        if (value > before || isnan(before)) best = i;
    }
    return best;
}

/* The steps of the epoch under way. */
static void draw_now(Screen *screen, int row, const Watch *watch) {
    const Live *live = &watch->live;
    if (!watch->is_live || live->state != LIVE_TRAINING) return;
    screen_print(screen, row, 0, INK_PLAIN, "now: loss %.4f  accuracy %.2f %%  rate %.3g",
                 live->loss, 100.0 * live->accuracy, live->learning_rate);
}

/* The last epoch that was validated or, without validation, the last. */
static void draw_last(Screen *screen, int row, const History *history) {
    size_t last;
    bool validates = find_last(&last, history, EPOCH_VAL_ACCURACY);
    if (!validates) last = history->epochs.count - 1;
    EpochQuantity accuracy = validates ? EPOCH_VAL_ACCURACY : EPOCH_ACCURACY;
    EpochQuantity loss = validates ? EPOCH_VAL_LOSS : EPOCH_LOSS;
    const char *prefix = validates ? "val_" : "";
    screen_print(screen, row, 0, INK_PLAIN,
                 "epoch %zu: %saccuracy %.2f %%  %sloss %.4f  rate %.3g  %.0f images/s", last + 1,
                 prefix, 100.0 * history_epoch(history, last, accuracy), prefix,
                 history_epoch(history, last, loss),
                 history_epoch(history, last, EPOCH_LEARNING_RATE),
                 history_epoch(history, last, EPOCH_IMAGES_PER_SECOND));
}

static void draw_best(Screen *screen, int row, const History *history) {
    size_t last;
    bool validates = find_last(&last, history, EPOCH_VAL_ACCURACY);
    EpochQuantity watched = validates ? EPOCH_VAL_ACCURACY : EPOCH_ACCURACY;
    size_t best = best_epoch(history, watched);
    screen_print(screen, row, 0, INK_GREEN, "best so far: %saccuracy %.2f %% in epoch %zu",
                 validates ? "val_" : "", 100.0 * history_epoch(history, best, watched), best + 1);
}

/* Returns the row behind the figures. */
static int draw_figures(Screen *screen, const Watch *watch) {
    const History *history = &watch->history;
    int row = watch->is_live ? 3 : 2;
    if (watch->problem[0] != '\0') screen_text(screen, row++, 0, INK_RED, watch->problem);
    if (watch->is_live && watch->live.state == LIVE_TRAINING) draw_now(screen, row++, watch);
    if (history->epochs.count == 0) {
        screen_text(screen, row++, 0, INK_DIM, "curves come with the first whole epoch");
        return row;
    }
    draw_last(screen, row++, history);
    draw_best(screen, row++, history);
    return row;
}

/* ---- curves and log ---- */

static double steps_per_epoch(const Watch *watch) {
    const History *history = &watch->history;
    if (watch->is_live) return (double)watch->live.steps;
    return (double)history->steps.count / fmax((double)history->epochs.count, 1.0);
}

static void draw_charts(Screen *screen, const Watch *watch, int row, int rows) {
    int columns = (screen->columns - 2) / 2;
    WatchChart loss = {"loss",    "training",     "validation",           &watch->history,
                       STEP_LOSS, EPOCH_VAL_LOSS, steps_per_epoch(watch), false};
    WatchChart accuracy = loss;
    accuracy.title = "accuracy";
    accuracy.by_step = STEP_ACCURACY, accuracy.by_epoch = EPOCH_VAL_ACCURACY;
    accuracy.is_accuracy = true;
    watch_draw_chart(screen, (WatchBox){row, 0, rows, columns}, &loss);
    watch_draw_chart(screen, (WatchBox){row, columns + 2, rows, columns}, &accuracy);
}

static void draw_log(Screen *screen, const Watch *watch, int row, int rows) {
    int first = watch->log_count > rows ? watch->log_count - rows : 0;
    for (int i = first; i < watch->log_count; i++)
        screen_text(screen, row++, 0, INK_DIM, watch->log_lines[i]);
}

void watch_draw(Screen *screen, const Watch *watch, const char *hint) {
    draw_title(screen, watch);
    draw_bars(screen, watch);
    int row = draw_figures(screen, watch), end = screen->rows - (*hint != '\0');
    int left = end - row;
    int log = left - LEAST_CHART < MOST_LOG ? left - LEAST_CHART : MOST_LOG;
    if (log > left / 3) log = left / 3;
    if (log < 1) log = 1;
    if (left - log >= LEAST_CHART && watch->history.epochs.count > 0)
        draw_charts(screen, watch, row, left - log);
    if (left > 0) draw_log(screen, watch, end - log, log);
    if (row < screen->rows) screen_text(screen, screen->rows - 1, 0, INK_DIM, hint);
}
