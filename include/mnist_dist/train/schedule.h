/* The learning rate as a function of progress.
 *
 * A schedule is one row of a table: its name and its function of (options, base rate, where).
 * `plateau` alone has a memory, which is part of Progress so that a resume keeps it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

typedef enum ScheduleKind {
    SCHEDULE_PLATEAU,
    SCHEDULE_CONSTANT,
    SCHEDULE_STEP,
    SCHEDULE_COSINE,
    SCHEDULE_ONE_CYCLE
} ScheduleKind;

/* The way down of cosine and one-cycle. */
typedef enum ScheduleFall { FALL_COSINE, FALL_LINEAR } ScheduleFall;

typedef struct ScheduleOptions {
    int kind;             /* a ScheduleKind */
    double factor;        /* plateau, step: the rate is multiplied by this */
    int64_t patience;     /* plateau: epochs without improvement before the rate falls */
    double min_delta;     /* plateau: what counts as an improvement of validation accuracy */
    double min_rate;      /* plateau, step, cosine: never below this */
    int64_t every_epochs; /* step: epochs between falls */
    double warmup_epochs; /* linear rise from 0 (one-cycle: from rate / start_divisor) */
    double start_divisor; /* one-cycle: first rate = peak / this */
    double final_divisor; /* one-cycle: last rate = first rate / this */
    int fall;             /* cosine, one-cycle: a ScheduleFall */
} ScheduleOptions;

/* Where a run is, in optimizer steps. */
typedef struct ScheduleWhere {
    uint64_t step; /* steps done so far: the rate is that of step number `step`, from 0 */
    uint64_t steps_per_epoch, total_steps;
} ScheduleWhere;

/* What `plateau` remembers (Keras's ReduceLROnPlateau, mode max). */
typedef struct Plateau {
    double rate;  /* the rate that it has come down to; 0 before the first step */
    double best;  /* best validation accuracy so far; -1 before the first */
    int64_t wait; /* epochs since */
} Plateau;

/* Names by kind, "plateau" and so on; NULL at the end. */
extern const char *const SCHEDULE_NAMES[];

/* Names by fall, "cosine" and "linear"; NULL at the end. */
extern const char *const SCHEDULE_FALL_NAMES[];

/* The learning rate of the next step, from the base rate (optimizer.learning_rate). Warm-up lasts
 * w = round(warmup_epochs * steps_per_epoch) steps, of which step s gets (s + 1) / w of the rate.
 * step: base * factor^floor(epoch / every_epochs). cosine: base after the warm-up, min_rate at the
 * last step. one-cycle: peak = base at step w - 1, a cosine from there to the last step (PyTorch's
 * OneCycleLR, but with a linear rise). With fall = linear, both come down in a line instead. */
double schedule_rate(const ScheduleOptions *options, double base_rate, const ScheduleWhere *where,
                     const Plateau *plateau);

/* Takes an epoch's validation accuracy in. Returns whether the rate fell. Does nothing for
 * schedules other than plateau. Source: keras.src.callbacks.reduce_lr_on_plateau, cooldown 0; it
 * too leaves `wait` running once the rate is at min_rate. */
bool schedule_epoch_end(const ScheduleOptions *options, double base_rate, Plateau *plateau,
                        double accuracy);
