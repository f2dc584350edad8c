/* A thread that reads and unpacks ahead of the importer; see gunzip.h.
 *
 * Of the 0.30 s of processor time that 42,000 rows of CSV take, 0.12 s is unpacking, and parsing
 * and writing wait for it for no other reason than its bytes. The two threads meet in a ring of
 * blocks, large enough that a lock for each costs nothing and that either may lose its core for a
 * while; a thread that waits for an empty block is woken when half of them are. A failure of the
 * thread is kept with its line and told to the reader when it has had all bytes before it, as if
 * there were no thread. Several gzip members in a row are one stream, as for gzip itself.
 *
 * The thread may be waiting for a pipe that nobody writes to when the reader gives up. So it can be
 * cancelled, but within read() alone, where it holds nothing. Refused: libdeflate, which wants the
 * whole file in memory; ISA-L, which needs 70 ms where zlib needs 105, but would then wait for the
 * parser, and is a package more. */
#include "gunzip.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "mnist_dist/base/memory.h"
#include "mnist_dist/base/thread.h"

enum { BLOCK_BYTES = 128 * 1024, BLOCKS = 8, MESSAGE = 2048 };

typedef struct Block {
    size_t count;
    uint64_t taken; /* raw bytes of the file that were read when it was full */
    uint8_t bytes[BLOCK_BYTES];
} Block;

struct Gunzip {
    /* The thread's own. */
    const char *path;
    int descriptor;
    z_stream stream;
    bool raw_ended; /* the file's end has been read */
    bool ended;     /* so has the last of the data */
    uint64_t taken;
    uint8_t raw[GUNZIP_RAW];

    /* The reader's own. */
    bool started;
    pthread_t thread;
    size_t used; /* bytes of the oldest block */

    /* Blocks `emptied` to `filled` - 1, modulo BLOCKS, are the reader's, the others the thread's.
     */
    Block blocks[BLOCKS];
    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t change;
    size_t filled, emptied;
    bool done;     /* no block will follow */
    bool stopping; /* none is wanted */
    Status status; /* why it is done */
    char message[MESSAGE];
};

/* The one place where the thread may be cancelled. */
static ssize_t read_raw(Gunzip *gunzip) {
    z_stream *stream = &gunzip->stream;
    int before = 0;
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &before);
    ssize_t got =
        read(gunzip->descriptor, gunzip->raw + stream->avail_in, GUNZIP_RAW - stream->avail_in);
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
    return got;
}

/* Adds raw bytes behind those that are left, until `want` are there or the file ends. */
static Status fill_raw(Gunzip *gunzip, size_t want) {
    z_stream *stream = &gunzip->stream;
    memmove(gunzip->raw, stream->next_in, stream->avail_in);
    stream->next_in = gunzip->raw;
    while (stream->avail_in < want && !gunzip->raw_ended) {
        ssize_t got = read_raw(gunzip);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return status_fail_errno(STATUS_DATA, "%s: cannot be read", gunzip->path);
        if (got == 0) gunzip->raw_ended = true;
        stream->avail_in += (unsigned)got;
        gunzip->taken += (uint64_t)got;
    }
    return STATUS_OK;
}

/* After the last byte of a gzip member: the file ends, or another member begins. */
static Status finish_member(Gunzip *gunzip) {
    z_stream *stream = &gunzip->stream;
    Status status = fill_raw(gunzip, 2);
    if (status != STATUS_OK) return status;
    gunzip->ended = stream->avail_in == 0;
    if (gunzip->ended) return STATUS_OK;
    if (stream->avail_in < 2 || stream->next_in[0] != 0x1f || stream->next_in[1] != 0x8b)
        return status_fail(STATUS_DATA,
                           "%s: something that is no gzip follows the gzip data; fetch the file "
                           "again",
                           gunzip->path);
    inflateReset(stream);
    return STATUS_OK;
}

static Status no_memory(const Gunzip *gunzip) {
    return status_fail(STATUS_FAILED, "%s: zlib has no memory", gunzip->path);
}

static Status inflate_failure(const Gunzip *gunzip, int code) {
    if (code == Z_MEM_ERROR) return no_memory(gunzip);
    if (code == Z_OK || code == Z_BUF_ERROR)
        return status_fail(STATUS_DATA,
                           "%s: truncated: the file ends within its gzip data; fetch it again",
                           gunzip->path);
    return status_fail(STATUS_DATA, "%s: damaged gzip data (%s); fetch the file again",
                       gunzip->path, gunzip->stream.msg != NULL ? gunzip->stream.msg : "no reason");
}

/* Unpacks to the block's end, or to where the input or a member ends. */
static Status add_unpacked(Gunzip *gunzip, Block *block) {
    z_stream *stream = &gunzip->stream;
    if (stream->avail_in == 0) {
        Status status = fill_raw(gunzip, 1);
        if (status != STATUS_OK) return status;
    }
    stream->next_out = block->bytes + block->count;
    stream->avail_out = (unsigned)(BLOCK_BYTES - block->count);
    int code = inflate(stream, Z_NO_FLUSH);
    block->count = BLOCK_BYTES - stream->avail_out;
    if (code == Z_STREAM_END) return finish_member(gunzip);
    bool starved = gunzip->raw_ended && stream->avail_in == 0 && stream->avail_out > 0;
    return code != Z_OK || starved ? inflate_failure(gunzip, code) : STATUS_OK;
}

static Status fill_block(Gunzip *gunzip, Block *block) {
    Status status = STATUS_OK;
    block->count = 0;
    while (status == STATUS_OK && block->count < BLOCK_BYTES && !gunzip->ended)
        status = add_unpacked(gunzip, block);
    block->taken = gunzip->taken;
    return status;
}

/* Waits for an empty block; NULL if none is wanted any more. */
static Block *next_empty(Gunzip *gunzip) {
    pthread_mutex_lock(&gunzip->mutex);
    while (gunzip->filled - gunzip->emptied == BLOCKS && !gunzip->stopping)
        pthread_cond_wait(&gunzip->change, &gunzip->mutex);
    Block *block = gunzip->stopping ? NULL : &gunzip->blocks[gunzip->filled % BLOCKS];
    pthread_mutex_unlock(&gunzip->mutex);
    return block;
}

/* Hands the block to the reader, with what became of it. */
static void hand_over(Gunzip *gunzip, Status status) {
    pthread_mutex_lock(&gunzip->mutex);
    gunzip->filled++;
    gunzip->done = status != STATUS_OK || gunzip->ended;
    gunzip->status = status;
    snprintf(gunzip->message, MESSAGE, "%s", status_message());
    pthread_cond_signal(&gunzip->change);
    pthread_mutex_unlock(&gunzip->mutex);
}

static void *unpack(void *argument) {
    Gunzip *gunzip = argument;
    Status status = STATUS_OK;
    int before = 0;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
    while (status == STATUS_OK && !gunzip->ended) {
        Block *block = next_empty(gunzip);
        if (block == NULL) break;
        status = fill_block(gunzip, block);
        hand_over(gunzip, status);
    }
    return NULL;
}

static Status start_thread(Gunzip *gunzip) {
    int code = thread_start(&gunzip->thread, unpack, gunzip);
    gunzip->started = code == 0;
    if (gunzip->started) return STATUS_OK;
    return status_fail(STATUS_FAILED, "%s: cannot start a thread to unpack it: %s", gunzip->path,
                       strerror(code));
}

Status gunzip_start(Gunzip **out, const char *path, int descriptor, const uint8_t *raw,
                    size_t count) {
    Status status = STATUS_OK;
    Gunzip *gunzip = NULL;
    *out = NULL;
    TRY(MEMORY_NEW(&gunzip, 1));
    pthread_mutex_init(&gunzip->mutex, NULL);
    pthread_cond_init(&gunzip->change, NULL);
    gunzip->path = path;
    gunzip->descriptor = descriptor;
    gunzip->taken = count;
    memcpy(gunzip->raw, raw, count);
    gunzip->stream.next_in = gunzip->raw;
    gunzip->stream.avail_in = (unsigned)count;
    if (inflateInit2(&gunzip->stream, 15 + 16) != Z_OK) TRY(no_memory(gunzip));
    TRY(start_thread(gunzip));
    *out = gunzip;
    gunzip = NULL;
cleanup:
    gunzip_stop(gunzip);
    return status;
}

/* Waits for a block with bytes that are not used yet; NULL if there will be none. */
static Block *next_filled(Gunzip *gunzip) {
    Block *block = NULL;
    pthread_mutex_lock(&gunzip->mutex);
    for (;;) {
        while (gunzip->filled == gunzip->emptied && !gunzip->done)
            pthread_cond_wait(&gunzip->change, &gunzip->mutex);
        bool none = gunzip->filled == gunzip->emptied;
        block = none ? NULL : &gunzip->blocks[gunzip->emptied % BLOCKS];
        if (none || gunzip->used < block->count) break;
        gunzip->emptied++;
        gunzip->used = 0;
        if (gunzip->filled - gunzip->emptied == BLOCKS / 2) pthread_cond_signal(&gunzip->change);
    }
    pthread_mutex_unlock(&gunzip->mutex);
    return block;
}

/* When no block is left, the thread has ended and what was its own may be read. */
Status gunzip_read(void *bytes, size_t *got, uint64_t *taken, Gunzip *gunzip, size_t space) {
    Block *block = next_filled(gunzip);
    *got = 0;
    *taken = block == NULL ? gunzip->taken : block->taken;
    if (block == NULL && gunzip->status != STATUS_OK)
        return status_fail(gunzip->status, "%s", gunzip->message);
    if (block == NULL) return STATUS_OK;
    size_t left = block->count - gunzip->used;
    *got = left < space ? left : space;
    memcpy(bytes, block->bytes + gunzip->used, *got);
    gunzip->used += *got;
    return STATUS_OK;
}

void gunzip_stop(Gunzip *gunzip) {
    if (gunzip == NULL) return;
    pthread_mutex_lock(&gunzip->mutex);
    gunzip->stopping = true;
    pthread_cond_signal(&gunzip->change);
    pthread_mutex_unlock(&gunzip->mutex);
    if (gunzip->started) pthread_cancel(gunzip->thread);
    if (gunzip->started) pthread_join(gunzip->thread, NULL);
    inflateEnd(&gunzip->stream);
    pthread_cond_destroy(&gunzip->change);
    pthread_mutex_destroy(&gunzip->mutex);
    free(gunzip);
}
