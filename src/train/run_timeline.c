/* --timeline FILE: what every thread of every rank did and when, in one file; see run_parts.h.
 *
 * The file has the form of Chrome's tracing ("Trace Event Format", complete events), which Perfetto
 * opens: a rank is a process there. Rank 0 fetches the others' events after the
 * run, one rank after the other and some at a time, so that its memory does not grow with their
 * number; how many events there are in all is fixed, whatever the number of ranks and the run's
 * length. Clocks are compared at the run's begin and end, and what they drift in between is taken
 * to be even. Refused: a file for each rank, to be merged by another program; a JSON library, which
 * would hold it all. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mnist_dist/base/heartbeat.h"
#include "mnist_dist/base/log.h"
#include "mnist_dist/base/memory.h"
#include "mnist_dist/base/safefile.h"
#include "mnist_dist/base/timeline.h"
#include "run_parts.h"

enum {
    EVENTS = 1 << 20, /* of all ranks together; 90 MB of text */
    LEAST_EVENTS = 1 << 10,
    AT_ONCE = 4096, /* events of a message */
    MOST_THREADS = 64,
    NAME = 64
};

/* What a rank says of its events before it sends them. */
typedef struct Summary {
    uint64_t count, left_out, threads;
    char host[NAME], names[MOST_THREADS][NAME];
} Summary;

typedef struct Trace {
    SafeFile file;
    FILE *out;         /* rank 0 */
    double begin;      /* rank 0's clock when the run began */
    uint64_t left_out; /* events */
    int ranks;
    bool separate; /* something stands in the list already */
} Trace;

/* ---- Begin ----------------------------------------------------------------------------------- */

Status run_timeline_start(Run *run) {
    const char *path = run->request->timeline;
    size_t capacity = EVENTS / (size_t)comm_size(run->comm);
    Status status = STATUS_OK;
    if (path == NULL) return STATUS_OK;
    if (comm_rank(run->comm) == 0) status = safefile_try(path, STATUS_USAGE);
    TRY(comm_agree(run->comm, status));
    TRY(comm_agree(run->comm, timeline_start(capacity > LEAST_EVENTS ? capacity : LEAST_EVENTS)));
    run->timeline.begin = clock_seconds();
    run->timeline.ahead = comm_clock_ahead(run->comm);
cleanup:
    return status;
}

/* ---- A rank's events ------------------------------------------------------------------------- */

/* Moves times to rank 0's clock. */
static void align(const Run *run, TimelineEvent *events, size_t count) {
    double first = run->timeline.begin, before = run->timeline.ahead;
    double after = comm_clock_ahead(run->comm);
    double drift = (after - before) / fmax(clock_seconds() - first, 1e-3);
    for (size_t i = 0; i < count; i++) {
        events[i].begin -= before + drift * (events[i].begin - first);
        events[i].end -= before + drift * (events[i].end - first);
    }
}

/* A host's name stands in JSON as it is. */
static void put_name(char to[NAME], const char *name) {
    snprintf(to, NAME, "%s", name);
    for (char *c = to; *c != '\0'; c++)
        if (*c < ' ' || *c > '~' || *c == '"' || *c == '\\') *c = '?';
}

static void summarise(Summary *summary, size_t count, size_t left_out) {
    char host[256] = "";
    gethostname(host, sizeof host - 1);
    *summary = (Summary){count, left_out, timeline_thread_count(), "", {""}};
    put_name(summary->host, host);
    for (size_t i = 0; i < summary->threads; i++)
        put_name(summary->names[i], timeline_thread_name(i));
}

/* ---- The file -------------------------------------------------------------------------------- */

static void begin_entry(Trace *trace) {
    fputs(trace->separate ? ",\n" : "\n", trace->out);
    trace->separate = true;
}

/* Unique over all ranks, and a main thread's is its process's, as on Linux: Perfetto takes a thread
 * with its process's number for the main thread, and put another of number 0 into the same line. */
static size_t thread_number(const Trace *trace, int rank, size_t thread) {
    return (size_t)rank + (size_t)trace->ranks * thread;
}

static void write_names(Trace *trace, int rank, const Summary *summary) {
    begin_entry(trace);
    fprintf(trace->out,
            "{\"ph\":\"M\",\"name\":\"process_name\",\"pid\":%d,"
            "\"args\":{\"name\":\"rank %d on %s\"}},\n"
            "{\"ph\":\"M\",\"name\":\"process_sort_index\",\"pid\":%d,"
            "\"args\":{\"sort_index\":%d}}",
            rank, rank, summary->host, rank, rank);
    for (size_t i = 0; i < summary->threads; i++)
        fprintf(trace->out,
                ",\n{\"ph\":\"M\",\"name\":\"thread_name\",\"pid\":%d,\"tid\":%zu,"
                "\"args\":{\"name\":\"%s\"}}",
                rank, thread_number(trace, rank, i), summary->names[i]);
    if (summary->left_out > 0)
        fprintf(trace->out,
                ",\n{\"ph\":\"M\",\"name\":\"process_labels\",\"pid\":%d,"
                "\"args\":{\"labels\":\"%llu later events left out\"}}",
                rank, (unsigned long long)summary->left_out);
    trace->left_out += summary->left_out;
}

/* Nanoseconds since the run began; rounded before they are subtracted, so that what lies within
 * something else does so in the file. */
static int64_t nanoseconds(const Trace *trace, double time) {
    int64_t since = (int64_t)llround(1e9 * (time - trace->begin));
    return since > 0 ? since : 0;
}

static void write_event(Trace *trace, int rank, const TimelineEvent *event) {
    int64_t begin = nanoseconds(trace, event->begin);
    int64_t length = nanoseconds(trace, event->end) - begin;
    begin_entry(trace);
    fprintf(trace->out,
            "{\"ph\":\"X\",\"name\":\"%s\",\"cat\":\"%s\",\"pid\":%d,\"tid\":%zu,"
            "\"ts\":%lld.%03d,\"dur\":%lld.%03d",
            timeline_name(event->what), timeline_kind(event->what), rank,
            thread_number(trace, rank, event->thread), (long long)begin / 1000, (int)(begin % 1000),
            (long long)length / 1000, (int)(length % 1000));
    if (event->number > 0) fprintf(trace->out, ",\"args\":{\"number\":%u}", event->number);
    putc('}', trace->out);
}

static void write_events(Trace *trace, int rank, const TimelineEvent *events, size_t count) {
    for (size_t i = 0; i < count; i++) write_event(trace, rank, &events[i]);
    heartbeat_beat();
}

/* ---- Between ranks --------------------------------------------------------------------------- */

static CommPiece piece_of(int rank, const void *bytes, size_t count) {
    return (CommPiece){rank, 0, (float *)(uintptr_t)bytes, count / sizeof(float)};
}

static void send(Comm *comm, const void *bytes, size_t count) {
    CommPiece piece = piece_of(0, bytes, count);
    comm_exchange(comm, &piece, 1, NULL, 0);
}

static void receive(Comm *comm, int rank, void *bytes, size_t count) {
    CommPiece piece = piece_of(rank, bytes, count);
    comm_exchange(comm, NULL, 0, &piece, 1);
}

static size_t part_of(size_t count, size_t done) {
    return count - done < AT_ONCE ? count - done : AT_ONCE;
}

static void send_events(Comm *comm, const Summary *summary, const TimelineEvent *events) {
    send(comm, summary, sizeof *summary);
    for (size_t done = 0; done < summary->count; done += AT_ONCE)
        send(comm, events + done, part_of(summary->count, done) * sizeof *events);
}

/* Fetches and writes the events of all ranks but this one. */
static void fetch_events(Trace *trace, Comm *comm, Summary *summary, TimelineEvent *part) {
    for (int rank = 1; rank < comm_size(comm); rank++) {
        receive(comm, rank, summary, sizeof *summary);
        write_names(trace, rank, summary);
        for (size_t done = 0; done < summary->count; done += AT_ONCE) {
            size_t count = part_of(summary->count, done);
            receive(comm, rank, part, count * sizeof *part);
            write_events(trace, rank, part, count);
        }
    }
}

/* ---- End ------------------------------------------------------------------------------------- */

static Status open_file(Trace *trace, const char *path) {
    Status status = safefile_begin(&trace->file, path, STATUS_FAILED);
    if (status != STATUS_OK) return status;
    trace->out = fopen(trace->file.temporary, "we");
    if (trace->out == NULL) return status_fail_errno(STATUS_FAILED, "%s: cannot be written", path);
    fputs("{\"displayTimeUnit\":\"ms\",\"traceEvents\":[", trace->out);
    return STATUS_OK;
}

static Status close_file(Trace *trace) {
    fprintf(trace->out,
            "\n],\"otherData\":{\"program\":\"mnist_dist %s\",\"events left out\":\"%llu\"}}\n",
            MNIST_DIST_VERSION, (unsigned long long)trace->left_out);
    bool failed = ferror(trace->out) != 0;
    failed |= fclose(trace->out) != 0;
    trace->out = NULL;
    if (failed)
        return status_fail_errno(STATUS_FAILED, "%s: cannot be written", trace->file.target);
    return safefile_commit(&trace->file, STATUS_FAILED);
}

/* **Collective.** */
static Status collect(Trace *trace, const Run *run) {
    size_t count = 0, left_out = 0;
    TimelineEvent *events = timeline_events(&count, &left_out), *part = NULL;
    Summary *summary = NULL;
    bool writes = comm_rank(run->comm) == 0;
    Status status = MEMORY_NEW(&summary, 1);
    if (status == STATUS_OK && writes) status = MEMORY_NEW(&part, AT_ONCE);
    if (status == STATUS_OK && writes) status = open_file(trace, run->request->timeline);
    TRY(comm_agree(run->comm, status));
    align(run, events, count);
    summarise(summary, count, left_out);
    if (writes) {
        write_names(trace, 0, summary);
        write_events(trace, 0, events, count);
        fetch_events(trace, run->comm, summary, part);
        status = close_file(trace);
    } else {
        send_events(run->comm, summary, events);
    }
    TRY(comm_agree(run->comm, status));
cleanup:
    free(summary);
    free(part);
    return status;
}

void run_timeline_finish(Run *run) {
    Trace trace = {.begin = run->timeline.begin, .ranks = comm_size(run->comm)};
    if (run->timeline.begin <= 0.0) return timeline_stop();
    char pending[1024];
    snprintf(pending, sizeof pending, "%s", status_message());
    status_clear();
    if (collect(&trace, run) != STATUS_OK)
        log_warning("%s; the run has no timeline", status_message());
    else
        log_line("%s: the timeline, for ui.perfetto.dev%s", trace.file.target,
                 trace.left_out > 0 ? "; it is full, and what came later is left out" : "");
    if (trace.out != NULL) fclose(trace.out);
    safefile_abandon(&trace.file);
    status_clear();
    if (pending[0] != '\0') status_record("%s", pending);
    timeline_stop();
}
