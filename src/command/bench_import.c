/* `bench import [FILE]`: from a CSV, as `mnist_dist import` takes it, to digits.h5 in a temporary
 * folder.
 *
 * Without a file it makes one up: 42,000 rows with strokes that fill a fifth of the pixels, packed
 * with gzip, which come close to Kaggle's in size, packed and not. The time to unpack the file and
 * throw the text away is measured beside it, since no import can be faster than that.
 *
 * A signal that ends the program takes the folder along. Refused: to note the signal and look at it
 * between rounds; one of a large file lasts longer than a launcher waits before it kills. */
#include <limits.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

#include "command/bench.h"
#include "mnist_dist/base/clock.h"
#include "mnist_dist/base/digits.h"
#include "mnist_dist/base/log.h"
#include "mnist_dist/base/memory.h"
#include "mnist_dist/base/rng.h"
#include "mnist_dist/base/safefile.h"
#include "mnist_dist/data/import.h"

enum { ROWS = 42000, LONGEST_ROW = 4 * DIGIT_PIXELS + 16, UNPACKED = 1 << 20 };

/* The temporary folder and whatever may be in it; here for remove_place to find. */
static struct { char folder[1024], made[1100], output[1100], half_output[PATH_MAX]; } place;

typedef struct ImportBench {
    const char *input;
    double text_bytes;
    uint64_t rows;
    Measure rows_rate, bytes_rate, unpacking_rate;
} ImportBench;

/* A ring's stroke with soft edges about the middle; centre, axes and noise are the row's own. */
static int draw_pixel(const float shape[4], const uint32_t noise[4], int row, int column) {
    float y = ((float)row - 10.5F - 6.0F * shape[0]) / (5.0F + 4.0F * shape[1]);
    float x = ((float)column - 10.5F - 6.0F * shape[2]) / (3.5F + 4.0F * shape[3]);
    float value = 330.0F - 900.0F * fabsf(sqrtf(x * x + y * y) - 1.0F);
    if (value <= 0.0F) return 0;
    return value >= 255.0F ? 253 + (int)(noise[0] & 1) : (int)value ^ (int)(noise[1] & 7);
}

static size_t write_row(char *line, uint32_t row) {
    RngStream stream = {.sample = row};
    uint32_t words[4];
    float shape[4];
    rng_words(words, &stream, 0);
    for (int i = 0; i < 4; i++) shape[i] = rng_uniform(words[i]);
    int used = sprintf(line, "%u", words[0] % DIGIT_CLASSES);
    for (int i = 0; i < DIGIT_PIXELS; i++) {
        uint32_t noise[4] = {words[i % 4] >> (i % 29), words[(i + 1) % 4] >> (i % 23)};
        int value = draw_pixel(shape, noise, i / DIGIT_SIDE, i % DIGIT_SIDE);
        used += sprintf(line + used, ",%d", value);
    }
    line[used++] = '\n';
    return (size_t)used;
}

static Status write_rows(gzFile file, const char *path) {
    char line[LONGEST_ROW];
    int failed = gzprintf(file, "label") <= 0;
    for (int i = 0; i < DIGIT_PIXELS; i++) failed |= gzprintf(file, ",pixel%d", i) <= 0;
    failed |= gzputc(file, '\n') < 0;
    for (uint32_t row = 0; row < ROWS && !failed; row++) {
        size_t length = write_row(line, row);
        failed = gzwrite(file, line, (unsigned)length) != (int)length;
    }
    return failed ? status_fail(STATUS_FAILED, "%s: cannot be written", path) : STATUS_OK;
}

static Status make_file(const char *path) {
    gzFile file = gzopen(path, "wb6");
    if (file == NULL) return status_fail_errno(STATUS_FAILED, "%s", path);
    Status status = write_rows(file, path);
    if (gzclose(file) != Z_OK && status == STATUS_OK)
        status = status_fail(STATUS_FAILED, "%s: cannot be written", path);
    return status;
}

/* Bytes of the text; zlib reads what is not packed as it is. */
static Status unpack(double *bytes, const char *path, char *buffer) {
    gzFile file = gzopen(path, "rb");
    int count = -1;
    if (file == NULL) return status_fail_errno(STATUS_DATA, "%s", path);
    gzbuffer(file, UNPACKED / 4);
    for (*bytes = 0.0; (count = gzread(file, buffer, UNPACKED)) > 0;) *bytes += count;
    gzclose(file);
    return count == 0 ? STATUS_OK : status_fail(STATUS_DATA, "%s: cannot be unpacked", path);
}

static Status time_unpacking(ImportBench *bench, int slot) {
    char *buffer = NULL;
    Status status = MEMORY_NEW(&buffer, UNPACKED);
    if (status != STATUS_OK) return status;
    double since = clock_seconds();
    status = unpack(&bench->text_bytes, bench->input, buffer);
    bench->unpacking_rate.values[slot] = bench->text_bytes / (clock_seconds() - since) * 1e-6;
    free(buffer);
    return status;
}

static Status time_import(ImportBench *bench, int slot) {
    ImportSummary summary = {0};
    double since = clock_seconds();
    Status status = import_files(&summary, bench->input, NULL, place.output, NULL);
    double seconds = clock_seconds() - since;
    bench->rows = summary.train_rows;
    bench->rows_rate.values[slot] = (double)summary.train_rows / seconds;
    bench->bytes_rate.values[slot] = bench->text_bytes / seconds * 1e-6;
    unlink(place.output);
    return status;
}

static void remove_place(void) {
    unlink(place.made);
    unlink(place.half_output);
    unlink(place.output);
    rmdir(place.folder);
}

static void end_by(int number) {
    remove_place();
    (void)raise(number); /* whose handler is the default one again */
}

/* A signal that is ignored (nohup) stays so. */
static void catch_ends(void) {
    const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    const struct sigaction action = {.sa_handler = end_by, .sa_flags = (int)SA_RESETHAND};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct sigaction before;
        if (sigaction(numbers[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
            sigaction(numbers[i], &action, NULL);
    }
}

static Status make_place(void) {
    const char *parent = getenv("TMPDIR");
    SafeFile output;
    snprintf(place.folder, sizeof place.folder, "%s/mnist_dist-XXXXXX",
             parent != NULL ? parent : "/tmp");
    catch_ends();
    if (mkdtemp(place.folder) == NULL) {
        Status status = status_fail_errno(STATUS_FAILED, "%s: a temporary folder", place.folder);
        place.folder[0] = '\0'; /* nothing of ours */
        return status;
    }
    snprintf(place.made, sizeof place.made, "%s/made_up.csv.gz", place.folder);
    snprintf(place.output, sizeof place.output, "%s/digits.h5", place.folder);
    Status status = safefile_begin(&output, place.output, STATUS_FAILED); /* only for the name */
    snprintf(place.half_output, sizeof place.half_output, "%s", output.temporary);
    safefile_abandon(&output);
    return status;
}

static void print_import(const BenchSetting *setting, const ImportBench *bench) {
    bench_heading(setting, "Import of %s: %llu rows, %.1f MB of text",
                  setting->file != NULL ? setting->file : "a made-up CSV packed with gzip",
                  (unsigned long long)bench->rows, bench->text_bytes * 1e-6);
    measure_print(setting, &bench->rows_rate, NULL, NULL);
    measure_print(setting, &bench->unpacking_rate, NULL, NULL);
    measure_print(setting, &bench->bytes_rate, &bench->unpacking_rate, "unpacking alone");
}

static Status run(const BenchSetting *setting, ImportBench *bench) {
    Status status = STATUS_OK;
    bench->input = setting->file != NULL ? setting->file : place.made;
    if (setting->file == NULL) TRY(make_file(place.made));
    for (int round = -1; round < BENCH_ROUNDS; round++) {
        TRY(time_import(bench, bench_slot(round))); /* first, for its lines on a bad file */
        TRY(time_unpacking(bench, bench_slot(round)));
    }
    print_import(setting, bench);
cleanup:
    return status;
}

/* Rank 0's alone: the others of its node sleep. */
Status bench_import(const BenchSetting *setting) {
    ImportBench bench = {.rows_rate = {.name = "import", .units = "rows/s"},
                         .bytes_rate = {.name = "import", .units = "MB/s"},
                         .unpacking_rate = {.name = "unpacking alone", .units = "MB/s"}};
    Status status = STATUS_OK;
    if (comm_rank(setting->comm) == 0) {
        status = make_place();
        if (status == STATUS_OK) status = run(setting, &bench);
        remove_place();
    }
    comm_node_barrier(setting->comm);
    return comm_agree(setting->comm, status);
}
