/* How far a run is, for those who look on: RUN/progress, a few lines of text that rank 0 replaces
 * about once a second.
 *
 * It is for eyes alone: nothing is resumed from it, it is not made durable, and a run whose file
 * cannot be written goes on all the same. Whoever reads it finds the old or the new lines, never
 * half of them, also over a shared folder. After the end it says how the run ended; a run that
 * was killed, or that has lost its folder's lock, leaves it as it was, and onlookers tell that by
 * its no longer changing. During an evaluation it does not change either. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

typedef enum LiveState {
    LIVE_TRAINING, /* or evaluating: when all of an epoch's steps are done */
    LIVE_FINISHED,
    LIVE_STOPPED, /* with a checkpoint: to be resumed */
    LIVE_FAILED,
    LIVE_STATES
} LiveState;

/* "training", "finished" ... */
const char *live_state_name(LiveState state);

typedef struct Live {
    LiveState state;
    uint64_t epoch, epochs;   /* done; planned */
    uint64_t step, steps;     /* done of the epoch under way; of an epoch */
    uint64_t batch_size;      /* images of a step */
    double images_per_second; /* since the epoch began or was resumed; 0 before its first step */
    double loss, accuracy;    /* of the epoch under way so far; 0 before its first step */
    double learning_rate;     /* of the last step */
} Live;

/* Replaces directory/progress. What cannot be written is let go, without a word. */
void live_write(const char *directory, const Live *live);

/* False if there is no such file, or if it is not what live_write writes. */
bool live_read(Live *live, const char *directory);
