/* The file `progress` of a run: written and read with the same words in the same order; see live.h.
 * Refused: JSON, for which a reader of our own would be needed in turn; HDF5, which cannot be
 * written in microseconds. */
#include "mnist_dist/train/live.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "mnist_dist/base/safefile.h"

static const char *const STATE_NAMES[LIVE_STATES] = {"training", "finished", "stopped", "failed"};

enum { LIVE_TEXT = 512 };

const char *live_state_name(LiveState state) {
    return STATE_NAMES[state];
}

static size_t print(char text[LIVE_TEXT], const Live *live) {
    return (size_t)snprintf(
        text, LIVE_TEXT,
        "state %s\nepoch %llu of %llu\nstep %llu of %llu\nbatch_size %llu\nimages_per_second %.6g\n"
        "loss %.6g\naccuracy %.6g\nlearning_rate %.6g\n",
        STATE_NAMES[live->state], (unsigned long long)live->epoch, (unsigned long long)live->epochs,
        (unsigned long long)live->step, (unsigned long long)live->steps,
        (unsigned long long)live->batch_size, live->images_per_second, live->loss, live->accuracy,
        live->learning_rate);
}

static bool scan(Live *live, const char *text) {
    char name[16] = "";
    unsigned long long epoch, epochs, step, steps, batch_size;
    /* NOLINTNEXTLINE(cert-err34-c): glibc's takes what is too large for the largest number */
    int got = sscanf(text,
                     "state %15s epoch %llu of %llu step %llu of %llu batch_size %llu "
                     "images_per_second %lg loss %lg accuracy %lg learning_rate %lg",
                     name, &epoch, &epochs, &step, &steps, &batch_size, &live->images_per_second,
                     &live->loss, &live->accuracy, &live->learning_rate);
    if (got != 10) return false;
    live->epoch = epoch, live->epochs = epochs;
    live->step = step, live->steps = steps, live->batch_size = batch_size;
    int state = 0;
    while (state < LIVE_STATES && strcmp(name, STATE_NAMES[state]) != 0) state++;
    live->state = (LiveState)state;
    return state < LIVE_STATES;
}

static bool name_file(char path[PATH_MAX], const char *directory) {
    return snprintf(path, PATH_MAX, "%s/progress", directory) < PATH_MAX;
}

void live_write(const char *directory, const Live *live) {
    char path[PATH_MAX], text[LIVE_TEXT];
    if (!name_file(path, directory)) return;
    bool pending = *status_message() != '\0';
    Status status = safefile_replace(path, text, print(text, live), STATUS_FAILED);
    if (status != STATUS_OK && !pending) status_clear();
}

bool live_read(Live *live, const char *directory) {
    char path[PATH_MAX], text[LIVE_TEXT];
    *live = (Live){0};
    FILE *file = name_file(path, directory) ? fopen(path, "re") : NULL;
    if (file == NULL) return false;
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    (void)fclose(file);
    return scan(live, text);
}
