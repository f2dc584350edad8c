/* A digits.h5 of drawn digits; see synth.h.
 *
 * Rows are drawn by all threads, a piece at a time, while a thread of its own hands the piece
 * before to the writer, in the order of the rows. */
#include "mnist_dist/data/synth.h"

#include <stdlib.h>

#include "drawing.h"
#include "layout.h"
#include "mnist_dist/base/background.h"
#include "mnist_dist/base/memory.h"
#include "mnist_dist/base/pool.h"
#include "writer.h"

enum { PIECE_CHUNKS = 16, PIECE = PIECE_CHUNKS * LAYOUT_CHUNK };

/* Consecutive rows that are drawn at once. */
typedef struct Piece {
    uint8_t *images, *labels; /* (PIECE, 28, 28), (PIECE) */
    uint64_t first;
    size_t count;
    uint32_t part;
    const struct Synth *synth;
} Piece;

typedef struct Synth {
    const SynthOptions *options;
    Writer *writer;
    Pool *pool;
    Background *background; /* which writes */
    Piece pieces[2];        /* one is drawn while the other is written */
    void (*progress)(const char *path, double share);
    const char *path;
    uint64_t drawn; /* rows of all parts */
} Synth;

static Status synth_open(Synth *synth, const char *path) {
    Status status = STATUS_OK;
    for (int i = 0; i < 2; i++) {
        TRY(MEMORY_NEW(&synth->pieces[i].images, (size_t)PIECE * DIGIT_PIXELS));
        TRY(MEMORY_NEW(&synth->pieces[i].labels, PIECE));
        synth->pieces[i].synth = synth;
    }
    TRY(pool_new(&synth->pool, synth->options->threads));
    TRY(background_new(&synth->background));
    TRY(writer_new(&synth->writer, path));
cleanup:
    return status;
}

static void synth_close(Synth *synth) {
    background_destroy(synth->background);
    pool_destroy(synth->pool);
    writer_destroy(synth->writer);
    for (int i = 0; i < 2; i++) {
        free(synth->pieces[i].images);
        free(synth->pieces[i].labels);
    }
}

/* A task of the pool: a chunk of the piece. */
static void draw_chunk(void *context, size_t chunk, size_t thread) {
    const Piece *piece = context;
    size_t begin = chunk * LAYOUT_CHUNK, end = begin + LAYOUT_CHUNK;
    (void)thread;
    for (size_t i = begin; i < end && i < piece->count; i++)
        piece->labels[i] =
            drawing_make(piece->images + i * DIGIT_PIXELS, piece->synth->options->seed, piece->part,
                         (uint32_t)(piece->first + i));
}

/* The background's task. */
static Status write_piece(void *context) {
    const Piece *piece = context;
    Status status = STATUS_OK;
    for (size_t i = 0; i < piece->count && status == STATUS_OK; i++)
        status =
            writer_add(piece->synth->writer, piece->images + i * DIGIT_PIXELS, piece->labels[i]);
    return status;
}

static void report(Synth *synth, size_t rows) {
    const SynthOptions *options = synth->options;
    synth->drawn += rows;
    if (synth->progress != NULL)
        synth->progress(synth->path,
                        (double)synth->drawn / (double)(options->train_rows + options->test_rows));
}

static Status make_rows(Synth *synth, uint32_t part, uint64_t rows) {
    Status status = STATUS_OK;
    for (uint64_t first = 0; first < rows; first += PIECE) {
        Piece *piece = &synth->pieces[first / PIECE % 2];
        piece->part = part;
        piece->first = first;
        piece->count = rows - first < PIECE ? (size_t)(rows - first) : PIECE;
        pool_run(synth->pool, PIECE_CHUNKS, draw_chunk, piece);
        TRY(background_wait(synth->background));
        background_start(synth->background, write_piece, piece);
        report(synth, piece->count);
    }
    TRY(background_wait(synth->background));
cleanup:
    return status;
}

static Status make_part(Synth *synth, const char *name, uint32_t part, uint64_t rows) {
    WriterPart written;
    Status status = STATUS_OK;
    TRY(writer_begin(synth->writer, name, "mnist_dist synth"));
    TRY(make_rows(synth, part, rows));
    TRY(writer_end(&written, synth->writer));
cleanup:
    return status;
}

Status synth_write(const char *path, const SynthOptions *options,
                   void (*progress)(const char *path, double share)) {
    Synth synth = {.options = options, .progress = progress, .path = path};
    Status status = STATUS_OK;
    TRY(synth_open(&synth, path));
    TRY(make_part(&synth, "train", 0, options->train_rows));
    if (options->test_rows > 0) TRY(make_part(&synth, "test", 1, options->test_rows));
    TRY(writer_commit(synth.writer));
cleanup:
    synth_close(&synth);
    return status;
}
