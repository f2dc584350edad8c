/* Whether a run's folder is good after the power went, at any moment of a trace.
 *
 *     faults_power TRACE FOLDER STATES [files|folders]
 *
 * FOLDER is the run's, by its absolute path in the trace. Each of STATES states of the disk is a
 * moment and a choice of what is there of that which was not certain (disk.h): every moment with
 * three systematic choices first, then random ones. In each, a file that was renamed into place
 * is one of those that were renamed there, to the byte; and the newest checkpoint that can be read
 * is not older than the last that the program relied on: one is relied on as soon as the writer
 * begins the next file or removes an older one, and everything is at the end. A last argument
 * leaves out all fsyncs of that kind, and the program must then fail. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "disk.h"
#include "mnist_dist/base/digest.h"
#include "mnist_dist/train/checkpoint.h"

/* A file that was renamed into place. */
typedef struct Version {
    int path;
    size_t since;
    uint64_t digest;
    size_t size;
} Version;

typedef struct Judge {
    Disk disk;
    char folder[PATH_MAX], scratch[PATH_MAX];
    Version *versions;
    size_t version_count;
    uint64_t *seen; /* digests of folders that were read */
    size_t seen_count;
} Judge;

static const char *name_of(const Judge *judge, int path) {
    return strrchr(judge->disk.paths[path], '/') + 1;
}

/* What is shown while the run goes on promises nothing. */
static bool is_judged(const Judge *judge, int path) {
    const char *name = name_of(judge, path);
    return name[0] != '.' && strcmp(name, "progress") != 0;
}

static void find_versions(Judge *judge) {
    const Disk *disk = &judge->disk;
    judge->versions = calloc(disk->count, sizeof *judge->versions);
    for (size_t i = 0; i < disk->count; i++) {
        const Op *op = &disk->ops[i];
        if (!op->renamed || !is_judged(judge, op->path)) continue;
        Content content = disk_written(disk, op->file, i);
        judge->versions[judge->version_count++] =
            (Version){op->path, i, digest64(content.bytes, content.size), content.size};
        free(content.bytes);
    }
}

static bool is_renamed_into(const Judge *judge, int path) {
    for (size_t i = 0; i < judge->version_count; i++)
        if (judge->versions[i].path == path) return true;
    return false;
}

/* Whether these bytes were renamed to this path; at the end, only the last that were count. */
static bool is_version(const Judge *judge, int path, const Content *content, bool ended) {
    uint64_t digest = digest64(content->bytes, content->size);
    bool is_one = false;
    for (size_t i = 0; i < judge->version_count; i++) {
        const Version *version = &judge->versions[i];
        if (version->path != path) continue;
        bool same = version->digest == digest && version->size == content->size;
        is_one = ended ? same : is_one || same;
    }
    return is_one;
}

static bool parse_step(uint64_t *step, const char *name) {
    return sscanf(name, "step-%" SCNu64 ".h5", step) == 1;
}

/* Whether the writer is beyond its last file with this change. */
static bool shows_reliance(const Judge *judge, const Op *op) {
    if (op->kind != OP_NAME || op->renamed) return false;
    const char *name = name_of(judge, op->path);
    bool begins =
        op->file >= 0 && (strncmp(name, ".step-", 6) == 0 || strncmp(name, ".best", 5) == 0 ||
                          strncmp(name, ".metrics", 8) == 0);
    return begins || (op->file < 0 && strncmp(name, "step-", 5) == 0);
}

/* The step that the program relied on before change `now`; 0: none. */
static uint64_t relied_step(const Judge *judge, size_t now) {
    const Disk *disk = &judge->disk;
    uint64_t renamed = 0, relied = 0, step;
    for (size_t i = 0; i < now; i++) {
        const Op *op = &disk->ops[i];
        if (shows_reliance(judge, op)) relied = renamed;
        if (op->kind == OP_NAME && op->renamed && parse_step(&step, name_of(judge, op->path)))
            renamed = step;
    }
    return now == disk->count ? renamed : relied;
}

/* ---- One state ------------------------------------------------------------------------------- */

typedef struct State {
    size_t now;
    Pattern pattern;
    uint64_t seed;
} State;

static int complain(const State *state, const char *what, const char *path) {
    fprintf(stderr, "before change %zu, pattern %d, seed %" PRIu64 ": %s: %s\n", state->now,
            (int)state->pattern, state->seed, path, what);
    return 1;
}

/* Whether all folders above a path are there. */
static bool is_reachable(const Judge *judge, const int *files, int path) {
    const Disk *disk = &judge->disk;
    for (size_t i = 0; i < disk->path_count; i++) {
        size_t length = strlen(disk->paths[i]);
        bool above = strncmp(disk->paths[path], disk->paths[i], length) == 0 &&
                     disk->paths[path][length] == '/' && strlen(judge->folder) <= length;
        if (above && files[i] < 0) return false;
    }
    return true;
}

static void spill(const char *folder, const char *name, const Content *content) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%.*s/%s", PATH_MAX - 300, folder, name);
    FILE *file = fopen(path, "we");
    if (file == NULL || fwrite(content->bytes, 1, content->size, file) != content->size ||
        fclose(file) != 0)
        abort();
}

static void clear(const char *folder, const Judge *judge) {
    char path[PATH_MAX];
    for (size_t i = 0; i < judge->disk.path_count; i++) {
        snprintf(path, sizeof path, "%.*s/%s", PATH_MAX - 300, folder, name_of(judge, (int)i));
        unlink(path);
    }
}

/* Whether this folder of checkpoints was read before; notes that it is. */
static bool was_seen(Judge *judge, uint64_t digest) {
    for (size_t i = 0; i < judge->seen_count; i++)
        if (judge->seen[i] == digest) return true;
    judge->seen[judge->seen_count++] = digest;
    return false;
}

/* Reads the newest checkpoint of the scratch folder. */
static int read_newest(const Judge *judge, const State *state, uint64_t relied) {
    Checkpoint checkpoint = {0};
    char path[PATH_MAX];
    bool found = false;
    int failures = 0;
    Status status = checkpoint_read_newest(&checkpoint, &found, path, judge->scratch);
    uint64_t step = found ? checkpoint.progress.step : 0;
    if (status != STATUS_OK) failures += complain(state, status_message(), judge->scratch);
    if (step < relied) failures += complain(state, "older than one that was relied on", path);
    status_clear();
    checkpoint_free(&checkpoint);
    return failures;
}

static int judge_state(Judge *judge, const State *state) {
    const Disk *disk = &judge->disk;
    bool ended = state->now == disk->count;
    int failures = 0, *files = malloc(disk->path_count * sizeof *files);
    uint64_t key = relied_step(judge, state->now), relied = key;
    disk_names(files, disk, state->now, state->pattern, state->seed);
    clear(judge->scratch, judge);
    for (size_t i = 0; i < disk->path_count; i++) {
        int path = (int)i;
        if (!is_judged(judge, path) || !is_renamed_into(judge, path)) continue;
        if (files[path] < 0 || !is_reachable(judge, files, path)) {
            if (ended && disk->files[path] >= 0)
                failures += complain(state, "is missing", disk->paths[i]);
            continue;
        }
        Content content = disk_content(disk, files[path], state->now, state->pattern, state->seed);
        if (!is_version(judge, path, &content, ended))
            failures += complain(state, "is no file that was put there", disk->paths[i]);
        if (strstr(disk->paths[i], "/checkpoints/") != NULL)
            spill(judge->scratch, name_of(judge, path), &content);
        key = key * 31 + digest64(content.bytes, content.size) + i;
        free(content.bytes);
    }
    if (failures > 0 || !was_seen(judge, key)) failures += read_newest(judge, state, relied);
    free(files);
    return failures;
}

/* The number-th state: every moment with each systematic pattern, the last moment first. */
static State choose(const Judge *judge, size_t number) {
    size_t moments = judge->disk.count + 1;
    if (number < SYSTEMATIC * moments)
        return (State){moments - 1 - number % moments, (Pattern)(number / moments), 0};
    uint64_t mixed = number * 0x9e3779b97f4a7c15u;
    size_t now = (mixed >> 32) % 16 == 0 ? moments - 1 : (mixed >> 20) % moments;
    return (State){now, SYSTEMATIC + (Pattern)(number % (PATTERNS - SYSTEMATIC)), number};
}

int main(int argc, char *argv[]) {
    static Judge judge;
    int failures = 0;
    if (argc < 4 || !disk_read(&judge.disk, argv[1], argc > 4 ? argv[4] : NULL)) {
        fprintf(stderr, "faults_power TRACE FOLDER STATES [files|folders]\n");
        return 2;
    }
    size_t states = strtoul(argv[3], NULL, 10);
    snprintf(judge.folder, sizeof judge.folder, "%s", argv[2]);
    snprintf(judge.scratch, sizeof judge.scratch, "%.*s.power", PATH_MAX - 16, argv[1]);
    judge.seen = calloc(states + 1, sizeof *judge.seen);
    if (judge.seen == NULL || (mkdir(judge.scratch, 0700) != 0 && errno != EEXIST)) return 2;
    find_versions(&judge);
    for (size_t i = 0; i < states && failures < 5; i++) {
        State state = choose(&judge, i);
        failures += judge_state(&judge, &state);
    }
    printf("%zu states of %zu changes, %zu of them unlike: %d failures\n", states, judge.disk.count,
           judge.seen_count, failures);
    disk_free(&judge.disk);
    free(judge.versions);
    free(judge.seen);
    return failures == 0 ? 0 : 1;
}
