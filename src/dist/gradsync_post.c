/* What units send each other, and as what: the messages of a bucket at a level; see
 * gradsync_parts.h. */
#include "dist/gradsync_parts.h"
#include "mnist_dist/base/bfloat16.h"
#include "mnist_dist/base/clock.h"
#include "mnist_dist/base/clones.h"

enum { TAGS = 2 * GRADSYNC_MOST_LEVELS };

/* Messages of a bucket at a level; those of the gathering are apart. */
static int tag_of(const GradSync *sync, const Bucket *bucket, size_t level, bool gathers) {
    size_t number = (size_t)(bucket - sync->buckets);
    return (int)(number * TAGS + 2 * level + gathers);
}

VECTOR_CLONES static void pack(uint16_t *restrict halves, const float *restrict values,
                               size_t count) {
    for (size_t i = 0; i < count; i++) halves[i] = (uint16_t)bfloat16_bits(values[i]);
}

VECTOR_CLONES static void unpack(float *restrict values, const uint16_t *restrict halves,
                                 size_t count) {
    for (size_t i = 0; i < count; i++) values[i] = bfloat16_value(halves[i]);
}

/* A transfer's numbers as they travel. */
static void *wire_of(const Transfer *transfer, size_t *bytes) {
    bool halves = transfer->halves != NULL;
    *bytes = transfer->count * (halves ? sizeof *transfer->halves : sizeof *transfer->values);
    return halves ? (void *)transfer->halves : (void *)transfer->values;
}

void gradsync_send_level(GradSync *sync, Bucket *bucket, size_t level) {
    Stage *stage = &bucket->stages[level];
    const int tag = tag_of(sync, bucket, level, false);
    if (level == 1) bucket->since = clock_seconds();
    for (size_t i = 0; i < stage->sends.count; i++) {
        const Transfer *send = &stage->sends.items[i];
        size_t bytes = 0;
        const void *wire = wire_of(send, &bytes);
        if (send->halves != NULL) pack(send->halves, send->values, send->count);
        comm_flight_send(stage->out, send->peer, tag, wire, bytes);
    }
    stage->sent = true;
}

void gradsync_receive_level(GradSync *sync, const Bucket *bucket, size_t level) {
    Stage *stage = &bucket->stages[level];
    const int tag = tag_of(sync, bucket, level, false);
    for (size_t i = 0; i < stage->receives.count; i++) {
        const Transfer *receive = &stage->receives.items[i];
        size_t bytes = 0;
        void *wire = wire_of(receive, &bytes);
        comm_flight_receive(stage->in, receive->peer, tag, wire, bytes);
    }
}

void gradsync_unpack_level(const Stage *stage) {
    for (size_t i = 0; i < stage->receives.count; i++) {
        const Transfer *receive = &stage->receives.items[i];
        if (receive->halves != NULL) unpack(receive->values, receive->halves, receive->count);
    }
}

/* What a peer has of a bucket before the gathering's level, or what this unit has, if it is the
 * peer. */
static Range slice_of(const GradSync *sync, const Bucket *bucket, size_t level, size_t index) {
    return gradsync_part(bucket->stages[level - 1].range, index, sync->levels[level].peers);
}

void gradsync_gather_level(GradSync *sync, const Bucket *bucket, size_t level, bool sends) {
    const Level *at = &sync->levels[level];
    Stage *stage = &bucket->stages[level];
    const int tag = tag_of(sync, bucket, level, true);
    size_t unit = sync->group.unit, mine = gradsync_peer_index(at, unit);
    for (size_t i = 1; i < at->peers; i++) {
        size_t index = (mine + i) % at->peers;
        Range range = slice_of(sync, bucket, level, sends ? mine : index);
        int peer = (int)gradsync_peer_unit(at, unit, index);
        size_t bytes = range_size(range) * sizeof(float);
        if (sends)
            comm_flight_send(stage->gather_out, peer, tag, sync->gathering + range.begin, bytes);
        else
            comm_flight_receive(stage->gather_in, peer, tag, sync->gathering + range.begin, bytes);
    }
    stage->given = sends;
}
