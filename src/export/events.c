/* Event files: records of a length, an Event and their checksums (tensorflow/core/lib/io/
 * record_writer.cc); see the public header.
 *
 * The whole file is composed anew each time, from the history, and only what is not there yet is
 * written: so nothing needs to be remembered from one checkpoint to the next, or from one process
 * to the next. For that each moment's wall time is a function of the history: when the run began,
 * which the first record keeps, plus the epochs' seconds. Refused: one file per process, as
 * TensorFlow leaves them, of which TensorBoard has to guess which steps were done again. */
#include "mnist_dist/export/events.h"

#include <endian.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "events.pb-c.h"
#include "export/bytes.h"
#include "export/crc32c.h"
#include "mnist_dist/base/safefile.h"

enum {
    HEADER = 12,           /* of a record: length, checksum */
    FOOTER = 4,            /* checksum */
    MOST_VALUES = 16,      /* of one event */
    MOST_BYTES = 32 << 20, /* of a picture */
    PNG_SIZE = 16,         /* where a PNG's width stands, and then its height */
    RGB = 3
};

static const char NAME[] = "events.out.tfevents.mnist_dist", VERSION[] = "brain.Event:2";

typedef struct Composer {
    char *bytes;
    size_t count, capacity;
    double began; /* wall time of the first record */
    Status failure;
} Composer;

/* ---- Records --------------------------------------------------------------------------------- */

static uint32_t masked_crc(const void *bytes, size_t count) {
    uint32_t crc = crc32c(bytes, count);
    return htole32((crc >> 15 | crc << 17) + 0xa282ead8U);
}

/* Room for so many bytes more; NULL after a failure. */
static char *make_room(Composer *composer, size_t bytes) {
    if (composer->failure != STATUS_OK) return NULL;
    if (composer->capacity - composer->count < bytes) {
        size_t capacity = 2 * composer->capacity + bytes;
        char *grown = realloc(composer->bytes, capacity);
        if (grown == NULL) {
            composer->failure = status_fail(STATUS_FAILED, "out of memory");
            return NULL;
        }
        composer->bytes = grown;
        composer->capacity = capacity;
    }
    return composer->bytes + composer->count;
}

static void add_record(Composer *composer, const Events__Event *event) {
    size_t bytes = events__event__get_packed_size(event);
    char *record = make_room(composer, HEADER + bytes + FOOTER);
    if (record == NULL) return;
    uint64_t length = htole64((uint64_t)bytes);
    memcpy(record, &length, sizeof length);
    uint32_t crc = masked_crc(record, sizeof length);
    memcpy(record + sizeof length, &crc, sizeof crc);
    events__event__pack(event, (uint8_t *)record + HEADER);
    crc = masked_crc(record + HEADER, bytes);
    memcpy(record + HEADER + bytes, &crc, sizeof crc);
    composer->count += HEADER + bytes + FOOTER;
}

static void add_version(Composer *composer) {
    Events__Event event = EVENTS__EVENT__INIT;
    event.has_wall_time = 1;
    event.wall_time = composer->began;
    event.file_version = (char *)VERSION;
    add_record(composer, &event);
}

/* ---- Scalars --------------------------------------------------------------------------------- */

/* Values of one moment, under their tags; those that are not numbers are left out. */
typedef struct Scalars {
    Events__Value values[MOST_VALUES], *list[MOST_VALUES];
    size_t count;
} Scalars;

static void add_scalar(Scalars *scalars, const char *tag, double value) {
    if (isnan(value) || scalars->count == MOST_VALUES) return;
    Events__Value *next = &scalars->values[scalars->count];
    events__value__init(next);
    next->tag = (char *)tag;
    next->has_simple_value = 1;
    next->simple_value = (float)value;
    scalars->list[scalars->count++] = next;
}

static void add_event(Composer *composer, double wall_time, size_t step, Events__Value **list,
                      size_t count) {
    Events__Event event = EVENTS__EVENT__INIT;
    Events__Summary summary = EVENTS__SUMMARY__INIT;
    summary.n_value = count;
    summary.value = list;
    event.has_wall_time = event.has_step = 1;
    event.wall_time = wall_time;
    event.step = (int64_t)step;
    event.summary = &summary;
    add_record(composer, &event);
}

static void add_step(Composer *composer, const History *history, size_t step, double wall_time) {
    Scalars scalars = {.count = 0};
    add_scalar(&scalars, "step/loss", history_step(history, step, STEP_LOSS));
    add_scalar(&scalars, "step/accuracy", history_step(history, step, STEP_ACCURACY));
    add_scalar(&scalars, "step/learning_rate", history_step(history, step, STEP_LEARNING_RATE));
    add_scalar(&scalars, "step/gradient_norm", history_step(history, step, STEP_GRADIENT_NORM));
    add_event(composer, wall_time, step + 1, scalars.list, scalars.count);
}

static void add_epoch(Composer *composer, const History *history, size_t epoch, double wall_time,
                      size_t step) {
    Scalars scalars = {.count = 0};
    add_scalar(&scalars, "epoch/loss", history_epoch(history, epoch, EPOCH_LOSS));
    add_scalar(&scalars, "epoch/accuracy", history_epoch(history, epoch, EPOCH_ACCURACY));
    add_scalar(&scalars, "epoch/val_loss", history_epoch(history, epoch, EPOCH_VAL_LOSS));
    add_scalar(&scalars, "epoch/val_accuracy", history_epoch(history, epoch, EPOCH_VAL_ACCURACY));
    add_scalar(&scalars, "epoch/images_per_second",
               history_epoch(history, epoch, EPOCH_IMAGES_PER_SECOND));
    add_event(composer, wall_time, step, scalars.list, scalars.count);
}

static double seconds_of(const History *history, size_t epoch) {
    return fmax(history_epoch(history, epoch, EPOCH_SECONDS), 0.0);
}

/* The steps of each epoch, then the epoch; those of the one under way follow when it ends, since
 * their times are not known before. Returns the wall time of the last epoch's end. */
static double add_history(Composer *composer, const Checkpoint *checkpoint) {
    const History *history = &checkpoint->history;
    size_t epochs = history->epochs.count, steps = history->steps.count, step = 0;
    size_t within = (size_t)checkpoint->progress.epoch_step;
    size_t each = epochs > 0 ? (steps - within) / epochs : 0;
    double began = composer->began;
    for (size_t epoch = 0; epoch < epochs; epoch++) {
        double seconds = seconds_of(history, epoch);
        for (size_t i = 1; i <= each; i++)
            add_step(composer, history, step++, began + seconds * (double)i / (double)each);
        began += seconds;
        add_epoch(composer, history, epoch, began, step);
    }
    return began;
}

/* ---- Pictures -------------------------------------------------------------------------------- */

/* A whole file of the folder, of at most `most` bytes; NULL if it is not there, or not to be had.
 */
static char *read_file(size_t *count, const char *directory, const char *name, size_t most) {
    char path[PATH_MAX], *bytes = NULL;
    if (snprintf(path, sizeof path, "%s/%s", directory, name) >= PATH_MAX) return NULL;
    if (bytes_read(&bytes, count, path, most, STATUS_FAILED) != STATUS_OK) status_clear();
    return bytes;
}

static int32_t big_endian(const char *at) {
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return (int32_t)be32toh(value);
}

static void add_picture(Composer *composer, const char *directory, const char *name,
                        const char *tag, double wall_time, size_t step) {
    Events__Image image = EVENTS__IMAGE__INIT;
    Events__Value value = EVENTS__VALUE__INIT, *list = &value;
    size_t count = 0;
    char *bytes = read_file(&count, directory, name, MOST_BYTES);
    if (bytes != NULL && count > PNG_SIZE + 8) {
        image.has_width = image.has_height = image.has_colorspace = 1;
        image.width = big_endian(bytes + PNG_SIZE);
        image.height = big_endian(bytes + PNG_SIZE + 4);
        image.colorspace = RGB;
        image.has_encoded_image_string = 1;
        image.encoded_image_string = (ProtobufCBinaryData){count, (uint8_t *)bytes};
        value.tag = (char *)tag;
        value.image = &image;
        add_event(composer, wall_time, step, &list, 1);
    }
    free(bytes);
}

/* ---- The file -------------------------------------------------------------------------------- */

/* The wall time of an existing file's first record; now, if there is none. */
static double find_beginning(const char *there, size_t count) {
    double began;
    if (count < HEADER + 1 + sizeof began || there[HEADER] != 0x09) return (double)time(NULL);
    memcpy(&began, there + HEADER + 1, sizeof began);
    return began;
}

/* Writes what follows the first `from` bytes. */
static Status append(const char *path, const Composer *composer, size_t from) {
    size_t left = composer->count - from;
    if (left == 0) return STATUS_OK;
    int fd = open(path, O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC);
    bool good = fd >= 0 && write(fd, composer->bytes + from, left) == (ssize_t)left;
    Status status =
        good ? STATUS_OK : status_fail_errno(STATUS_FAILED, "%s: cannot be written", path);
    if (fd >= 0 && close(fd) != 0 && good)
        status = status_fail_errno(STATUS_FAILED, "%s: cannot be closed", path);
    return status;
}

static void compose(Composer *composer, const char *directory, const Checkpoint *checkpoint) {
    size_t steps = checkpoint->history.steps.count;
    add_version(composer);
    double ended = add_history(composer, checkpoint);
    if (checkpoint->progress.status != RUN_FINISHED) return;
    add_picture(composer, directory, "confusion.png", "confusion matrix", ended, steps);
    add_picture(composer, directory, "errors.png", "errors", ended, steps);
}

Status events_write(const char *directory, const Checkpoint *checkpoint) {
    char path[PATH_MAX];
    size_t there = 0;
    Status status;
    /* However long: it grows by 125 bytes a step. */
    char *before = read_file(&there, directory, NAME, SIZE_MAX);
    Composer composer = {.began = find_beginning(before, before != NULL ? there : 0)};
    compose(&composer, directory, checkpoint);
    TRY(composer.failure);
    snprintf(path, sizeof path, "%.*s/%s", PATH_MAX - 64, directory, NAME);
    bool goes_on =
        before != NULL && there <= composer.count && memcmp(before, composer.bytes, there) == 0;
    TRY(goes_on ? append(path, &composer, there)
                : safefile_write(path, composer.bytes, composer.count, STATUS_FAILED));
cleanup:
    free(before);
    free(composer.bytes);
    return status;
}
