/* Learning rates: one row of a table and one pure function each.
 *
 * A warm-up multiplies whatever the schedule says, and is 1 from its last step on; one-cycle alone
 * has a rise of its own. One-cycle is PyTorch's OneCycleLR (the rise ends on the step before the
 * warm-up's length, the fall on the last step), with its cosine (or a line) on the way down and
 * a line on the way up, where PyTorch takes one shape for both. */
#include "mnist_dist/train/schedule.h"

#include <math.h>
#include <stddef.h>

typedef struct ScheduleKindRow {
    bool rises_itself; /* takes no warm-up on top */
    double (*rate)(const ScheduleOptions *options, double base_rate, const ScheduleWhere *where,
                   const Plateau *plateau);
} ScheduleKindRow;

static uint64_t warmup_steps(const ScheduleOptions *options, const ScheduleWhere *where) {
    return (uint64_t)llround(options->warmup_epochs * (double)where->steps_per_epoch);
}

/* Share of the way from step `from` to step `to`, in 0..1; 0 if there is no way to go. */
static double share_between(uint64_t from, uint64_t to, uint64_t step) {
    if (step <= from || to <= from) return 0.0;
    return step >= to ? 1.0 : (double)(step - from) / (double)(to - from);
}

/* From `high` at share 0 to `low` at share 1, along half a cosine or a line. */
static double fall(const ScheduleOptions *options, double high, double low, double share) {
    if (options->fall == FALL_LINEAR) return high + (low - high) * share;
    return low + (high - low) * 0.5 * (1.0 + cos(share * 3.14159265358979323846));
}

static uint64_t last_step(const ScheduleWhere *where) {
    return where->total_steps > 0 ? where->total_steps - 1 : 0;
}

static double plateau_rate(const ScheduleOptions *options, double base_rate,
                           const ScheduleWhere *where, const Plateau *plateau) {
    (void)options, (void)where;
    return plateau->rate > 0.0 ? plateau->rate : base_rate;
}

static double constant_rate(const ScheduleOptions *options, double base_rate,
                            const ScheduleWhere *where, const Plateau *plateau) {
    (void)options, (void)where, (void)plateau;
    return base_rate;
}

static double step_rate(const ScheduleOptions *options, double base_rate,
                        const ScheduleWhere *where, const Plateau *plateau) {
    (void)plateau;
    const uint64_t epoch = where->step / where->steps_per_epoch;
    const uint64_t falls = epoch / (uint64_t)options->every_epochs;
    return fmax(base_rate * pow(options->factor, (double)falls), options->min_rate);
}

static double cosine_rate(const ScheduleOptions *options, double base_rate,
                          const ScheduleWhere *where, const Plateau *plateau) {
    (void)plateau;
    const uint64_t start = warmup_steps(options, where);
    return fall(options, base_rate, options->min_rate,
                share_between(start, last_step(where), where->step));
}

static double one_cycle_rate(const ScheduleOptions *options, double base_rate,
                             const ScheduleWhere *where, const Plateau *plateau) {
    (void)plateau;
    const uint64_t rise = warmup_steps(options, where);
    const uint64_t peak = rise > 0 ? rise - 1 : 0;
    const double first = base_rate / options->start_divisor;
    if (where->step < peak) {
        return first + (base_rate - first) * share_between(0, peak, where->step);
    }
    return fall(options, base_rate, first / options->final_divisor,
                share_between(peak, last_step(where), where->step));
}

static const ScheduleKindRow KINDS[] = {
    [SCHEDULE_PLATEAU] = {false, plateau_rate},    [SCHEDULE_CONSTANT] = {false, constant_rate},
    [SCHEDULE_STEP] = {false, step_rate},          [SCHEDULE_COSINE] = {false, cosine_rate},
    [SCHEDULE_ONE_CYCLE] = {true, one_cycle_rate},
};

const char *const SCHEDULE_NAMES[] = {
    [SCHEDULE_PLATEAU] = "plateau", [SCHEDULE_CONSTANT] = "constant",   [SCHEDULE_STEP] = "step",
    [SCHEDULE_COSINE] = "cosine",   [SCHEDULE_ONE_CYCLE] = "one_cycle", NULL,
};

const char *const SCHEDULE_FALL_NAMES[] = {
    [FALL_COSINE] = "cosine", [FALL_LINEAR] = "linear", NULL};

double schedule_rate(const ScheduleOptions *options, double base_rate, const ScheduleWhere *where,
                     const Plateau *plateau) {
    const ScheduleKindRow *row = &KINDS[options->kind];
    const double rate = row->rate(options, base_rate, where, plateau);
    const uint64_t warmup = row->rises_itself ? 0 : warmup_steps(options, where);
    if (where->step >= warmup) return rate;
    return rate * (double)(where->step + 1) / (double)warmup;
}

bool schedule_epoch_end(const ScheduleOptions *options, double base_rate, Plateau *plateau,
                        double accuracy) {
    if (options->kind != SCHEDULE_PLATEAU) return false;
    if (accuracy - options->min_delta > plateau->best) {
        plateau->best = accuracy;
        plateau->wait = 0;
        return false;
    }
    plateau->wait++;
    const double rate = plateau->rate > 0.0 ? plateau->rate : base_rate;
    if (plateau->wait < options->patience || rate <= options->min_rate) return false;
    plateau->rate = fmax(rate * options->factor, options->min_rate);
    plateau->wait = 0;
    return true;
}
