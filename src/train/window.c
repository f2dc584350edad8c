/* The window over training rows; see window.h.
 *
 * The memory holds a Seat for each rank of the node, then for each slot and rank the number of the
 * block whose share that rank has read into it, plus 1, then hashes of rows, then the slots. A slot
 * is overwritten once the block in it is before what every rank needs. A rank that goes back needs
 * what may be overwritten in part, by those that had read ahead: so all ranks meet, forget what
 * they have read, meet again and read anew. The readers do not call MPI. Refused: one reader for
 * the node, which many cores would wait for; a barrier per block, which makes every rank wait for
 * the slowest once more than the step does. */
#include "window.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "mnist_dist/base/background.h"
#include "mnist_dist/base/h5file.h"
#include "mnist_dist/base/heartbeat.h"
#include "mnist_dist/base/memory.h"
#include "mnist_dist/base/minmax.h"
#include "mnist_dist/data/row_reader.h"

enum { LINE = 2048, NAP_NANOSECONDS = 200000 };

/* What a rank tells the others of its node. */
typedef struct Seat {
    _Alignas(64) _Atomic uint64_t needs; /* no block before this one */
    _Atomic uint64_t failed;             /* the block that it cannot read, plus 1; 0 if none */
} Seat;

struct Window {
    const Workload *workload;
    Sampler sampler;
    BlockWindow view;
    DatasetShare share;       /* of each block's chunks: this rank's */
    void *memory;             /* comm_shared: what follows */
    Seat *seats;              /* (ranks) */
    _Atomic uint64_t *have;   /* (slots, ranks) */
    _Atomic uint64_t *hashes; /* their count, as far as there is room, and they: (1 + room) */
    size_t hash_room;
    uint8_t *images; /* (slots, slot_rows, 28, 28) */
    RowReader *reader;
    bool *hashed; /* (blocks): whether this rank's share is; the thread's */
    Background *background;
    uint64_t reading; /* the block under way */
    bool busy;
    uint64_t next;  /* to be read */
    uint64_t ready; /* blocks from what is needed to before this one are known to be there */
    Status failure;
    char line[LINE];
};

/* ---- Sizes ----------------------------------------------------------------------------------- */

/* Blocks that `step` consecutive positions of an epoch can touch. */
static uint64_t most_blocks(const Sampler *sampler, uint64_t step) {
    const uint64_t blocks = sampler_blocks(sampler), last = sampler->count % SAMPLER_BLOCK;
    const uint64_t whole = (step + SAMPLER_BLOCK - 2) / SAMPLER_BLOCK + 1;
    const uint64_t most = whole + (last != 0 && last + 2 <= step);
    return most < blocks ? most : blocks;
}

static Status choose_slots(Window *window, const DataOptions *options, uint64_t step) {
    const uint64_t rows = window->sampler.count, bytes_per_mb = 1000000;
    window->view.slot_rows = rows < SAMPLER_BLOCK ? rows : SAMPLER_BLOCK;
    const size_t slot = window->view.slot_rows * DIGIT_PIXELS;
    const size_t least = most_blocks(&window->sampler, step) + 1;
    const size_t most = larger(least, sampler_blocks(&window->sampler) + 1);
    window->view.slots = smaller((size_t)options->window * bytes_per_mb / slot, most);
    if (window->view.slots >= least) return STATUS_OK;
    const size_t megabytes = (least * slot + bytes_per_mb - 1) / bytes_per_mb;
    return status_fail(STATUS_USAGE,
                       "data.window=%lld: too small: the %zu blocks of %zu rows that a step may "
                       "read, and the one after them, take %zu MB: give data.window=%zu or more",
                       (long long)options->window, least - 1, window->view.slot_rows, megabytes,
                       megabytes);
}

static size_t pad(size_t bytes) {
    return shard_capacity(bytes, MEMORY_ALIGNMENT) * MEMORY_ALIGNMENT;
}

/* For all hashes that are kept, and chance. */
static size_t hash_room(const Sampler *sampler) {
    return smaller(sampler->count, ROW_HASHES_MOST + ROW_HASHES_MOST / 64);
}

/* **Collective.** */
static Status share_memory(Window *window) {
    const size_t seats = window->share.of * sizeof *window->seats;
    const size_t have = pad(window->view.slots * window->share.of * sizeof *window->have);
    const size_t hashes = pad((1 + window->hash_room) * sizeof *window->hashes);
    const size_t images = window->view.slots * window->view.slot_rows * DIGIT_PIXELS;
    Status status =
        comm_shared(&window->memory, window->workload->comm, seats + have + hashes + images);
    if (status != STATUS_OK) return status;
    window->seats = window->memory;
    window->have = (_Atomic uint64_t *)((char *)window->memory + seats);
    window->hashes = (_Atomic uint64_t *)((char *)window->memory + seats + have);
    window->images = (uint8_t *)window->memory + seats + have + hashes;
    window->view.images = window->images;
    return STATUS_OK;
}

/* ---- The thread ------------------------------------------------------------------------------ */

static _Atomic uint64_t *have_of(const Window *window, uint64_t block, size_t rank) {
    return &window->have[block % window->view.slots * window->share.of + rank];
}

/* The rows of a block, and its slot. */
static RowBlock find_block(const Window *window, uint64_t number) {
    const uint64_t blocks = sampler_blocks(&window->sampler);
    const SamplerPlace place =
        sampler_block(&window->sampler, (uint32_t)(number / blocks), number % blocks);
    const size_t slot = number % window->view.slots * window->view.slot_rows;
    return (RowBlock){.rows = window->workload->split.train + place.block * SAMPLER_BLOCK,
                      .images = window->images + slot * DIGIT_PIXELS,
                      .count = place.rows};
}

/* Hashes this rank's share of a block, once. */
static void hash_share(Window *window, const RowBlock *block) {
    const uint64_t mask = row_hashes_mask(window->sampler.count);
    bool *hashed =
        &window->hashed[(size_t)(block->rows - window->workload->split.train) / SAMPLER_BLOCK];
    size_t begin = 0, end = 0;
    row_block_share(&begin, &end, block, window->share);
    for (size_t i = begin; i < end && !*hashed; i++) {
        const uint64_t hash = row_hash(block->images + i * DIGIT_PIXELS);
        if ((hash & mask) != 0) continue;
        const uint64_t place = atomic_fetch_add(window->hashes, 1);
        if (place < window->hash_room) atomic_store(window->hashes + 1 + place, hash);
    }
    *hashed = true;
}

/* The background's task. */
static Status read_share(void *context) {
    Window *window = context;
    const RowBlock block = find_block(window, window->reading);
    Status status = row_reader_block(window->reader, &block, window->share);
    if (status == STATUS_OK) hash_share(window, &block);
    if (status == STATUS_OK)
        atomic_store(have_of(window, window->reading, window->share.i), window->reading + 1);
    else
        atomic_store(&window->seats[window->share.i].failed, window->reading + 1);
    return status;
}

/* ---- The caller ------------------------------------------------------------------------------ */

static bool is_done_with(const Window *window, uint64_t block) {
    for (size_t rank = 0; rank < window->share.of; rank++)
        if (atomic_load(&window->seats[rank].needs) <= block) return false;
    return true;
}

/* Whether nobody needs what stands in a block's slot. */
static bool has_place(const Window *window, uint64_t block) {
    return block < window->view.slots || is_done_with(window, block - window->view.slots);
}

/* Takes the outcome of the reading under way, if it has ended or `waits`. */
static void end_reading(Window *window, bool waits) {
    if (!window->busy || (!waits && !background_is_idle(window->background))) return;
    Status status = background_wait(window->background);
    window->busy = false;
    if (status == STATUS_OK) return;
    window->failure = status;
    snprintf(window->line, sizeof window->line, "%s", status_message());
    status_clear();
}

/* Begins to read the next block if it has a place. */
static void read_ahead(Window *window) {
    end_reading(window, false);
    if (window->busy || window->failure != STATUS_OK || !has_place(window, window->next)) return;
    atomic_store(have_of(window, window->next, window->share.i), 0);
    window->reading = window->next++;
    window->busy = true;
    background_start(window->background, read_share, window);
}

static bool is_ready(Window *window, uint64_t last) {
    for (; window->ready <= last; window->ready++)
        for (size_t rank = 0; rank < window->share.of; rank++)
            if (atomic_load(have_of(window, window->ready, rank)) != window->ready + 1)
                return false;
    return true;
}

/* Whether a rank cannot read a block up to this one, and has had the time to know it. */
static bool has_failed(const Window *window, uint64_t last) {
    bool any = false;
    for (size_t rank = 0; rank < window->share.of; rank++) {
        const uint64_t failed = atomic_load(&window->seats[rank].failed);
        any = any || (failed != 0 && failed - 1 <= last);
    }
    const bool own = atomic_load(&window->seats[window->share.i].failed) != 0;
    return any && (!own || window->failure != STATUS_OK);
}

/* Waits for its own reader, whose calls are beats of this process, or for other ranks. */
static void nap(const Window *window) {
    const struct timespec time = {.tv_nsec = NAP_NANOSECONDS};
    if (!window->busy) heartbeat_waits();
    nanosleep(&time, NULL);
    if (!window->busy) heartbeat_goes_on();
}

/* **Collective.** What this rank has read may be overwritten by its neighbours' shares of later
 * blocks, which are cut elsewhere, so that none of it counts: once all ranks are here, since one in
 * an earlier call may wait for what this one has read. A block further on that could not be read is
 * tried again when its turn comes. */
static void go_back(Window *window, uint64_t first) {
    end_reading(window, true);
    comm_node_barrier(window->workload->comm);
    for (size_t slot = 0; slot < window->view.slots; slot++)
        atomic_store(have_of(window, slot, window->share.i), 0);
    atomic_store(&window->seats[window->share.i].needs, first);
    atomic_store(&window->seats[window->share.i].failed, 0);
    window->failure = STATUS_OK;
    window->next = window->ready = first;
    comm_node_barrier(window->workload->comm);
}

/* A block that is left out may not be written any more once the others are told so. */
static void go_on(Window *window, uint64_t first) {
    if (window->busy && window->reading < first) end_reading(window, true);
    atomic_store(&window->seats[window->share.i].needs, first);
    if (window->next < first) window->next = first;
    if (window->ready < first) window->ready = first;
}

bool window_hold(Window *window, uint32_t epoch, uint64_t begin, uint64_t end) {
    const Sampler *sampler = &window->sampler;
    const uint64_t last_place = sampler_place(sampler, epoch, end - 1).place;
    const uint64_t last = sampler_sequence(sampler, epoch, last_place);
    const uint64_t first =
        sampler_sequence(sampler, epoch, sampler_place(sampler, epoch, begin).place);
    const bool back = first < atomic_load(&window->seats[window->share.i].needs);
    (back ? go_back : go_on)(window, first);
    for (;;) {
        read_ahead(window);
        if (is_ready(window, last)) return true;
        if (has_failed(window, last)) return false;
        nap(window);
    }
}

Status window_add_hashes(RowHashes *hashes, const Window *window) {
    const size_t count = smaller(atomic_load(window->hashes), window->hash_room);
    uint64_t *values = NULL;
    Status status = MEMORY_NEW(&values, count);
    if (status != STATUS_OK) return status;
    for (size_t i = 0; i < count; i++) values[i] = atomic_load(window->hashes + 1 + i);
    status = row_hashes_add(hashes, values, count);
    free(values);
    return status;
}

Status window_failure(const Window *window) {
    if (window->failure == STATUS_OK) return STATUS_OK;
    return status_fail(window->failure, "%s", window->line);
}

const BlockWindow *window_view(const Window *window) {
    return &window->view;
}

/* ---- The whole ------------------------------------------------------------------------------- */

static Status open_reader(Window *window, const DataOptions *options) {
    Status status = STATUS_OK;
    if (!h5file_is_threadsafe())
        TRY(status_fail(STATUS_USAGE, "data.window: the HDF5 library of this build was made "
                                      "without --enable-threadsafe: take one with it, or leave "
                                      "data.window at 0"));
    TRY(row_reader_open(&window->reader, &window->workload->dataset.info, options->path));
    TRY(MEMORY_NEW(&window->hashed, sampler_blocks(&window->sampler)));
    TRY(background_new(&window->background));
cleanup:
    return status;
}

Status window_new(Window **out, const Workload *workload, const DataOptions *options,
                  const Sampler *sampler, uint64_t step) {
    Window *window = NULL;
    Comm *comm = workload->comm;
    Status status = STATUS_OK;
    *out = NULL;
    TRY(comm_agree(comm, MEMORY_NEW(&window, 1)));
    window->workload = workload;
    window->sampler = *sampler;
    window->hash_room = hash_room(sampler);
    window->share = (DatasetShare){(size_t)comm_node_rank(comm), (size_t)comm_node_size(comm)};
    TRY(comm_agree(comm, choose_slots(window, options, step)));
    TRY(comm_agree(comm, open_reader(window, options)));
    TRY(share_memory(window));
    *out = window;
cleanup:
    if (status != STATUS_OK) window_destroy(window);
    return status;
}

void window_destroy(Window *window) {
    if (window == NULL) return;
    background_destroy(window->background);
    row_reader_close(window->reader);
    free(window->hashed);
    if (window->memory != NULL) comm_shared_free(window->workload->comm, window->memory);
    free(window);
}
