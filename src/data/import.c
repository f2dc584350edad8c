/* From people's files to digits.h5: tells the formats apart and drives their importers. */
#include "mnist_dist/data/import.h"

#include <string.h>
#include <sys/stat.h>
#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include "formats.h"

/* What files begin with; `import` is NULL for what is not read, and then `remedy` says why. */
typedef struct Format {
    const char *magic;
    size_t length;
    Status (*import)(Writer *writer, Source *source, bool labels_needed);
    const char *remedy;
} Format;

static const Format formats[] = {
    {"\x89PNG\r\n\x1a\n", 8, png_import, NULL},
    {"\0\0", 2, idx_import, NULL},
    {"\x1f\x8b", 2, NULL, "is gzip within gzip; unpack it once"},
    {"PK\x03\x04", 4, NULL, "is a zip archive; unpack it and name the files in it"},
    {"BZh", 3, NULL, "is packed with bzip2; unpack it"},
    {"\xfd"
     "7zXZ",
     5, NULL, "is packed with xz; unpack it"},
    {"\x28\xb5\x2f\xfd", 4, NULL, "is packed with zstd; unpack it"},
    {"\x89HDF", 4, NULL, "is HDF5; a digits.h5 needs no import"},
    {"\xff\xd8\xff", 3, NULL, "is a JPEG; sheets of digits are PNG"},
    {"\xff\xfe", 2, NULL, "is UTF-16; save it as UTF-8"},
    {"\xfe\xff", 2, NULL, "is UTF-16; save it as UTF-8"},
    {"", 0, csv_import, NULL}, /* whatever is left */
};

static Status find_format(const Format **format, Source *source) {
    const uint8_t *bytes = NULL;
    size_t count = 0;
    Status status = source_peek(&bytes, &count, source, 8);
    if (status != STATUS_OK) return status;
    *format = formats;
    while ((*format)->length > count || memcmp(bytes, (*format)->magic, (*format)->length) != 0)
        (*format)++;
    if ((*format)->import != NULL) return STATUS_OK;
    return status_fail(STATUS_DATA, "%s: %s", source_path(source), (*format)->remedy);
}

/* One file into one part. */
static Status import_part(WriterPart *part, Writer *writer, const char *name, Source *source,
                          bool labels_needed) {
    Status status = STATUS_OK;
    const Format *format = NULL;
    TRY(find_format(&format, source));
    TRY(writer_begin(writer, name, source_path(source)));
    TRY(format->import(writer, source, labels_needed));
    TRY(writer_end(part, writer));
cleanup:
    return status;
}

/* The output takes the place of what has its name: that must not be what is read. */
static Status check_output(const char *input, const char *output) {
    struct stat in, out;
    if (stat(input, &in) != 0 || stat(output, &out) != 0) return STATUS_OK;
    if (in.st_dev != out.st_dev || in.st_ino != out.st_ino) return STATUS_OK;
    return status_fail(STATUS_USAGE, "%s: is both input and output; name another output", output);
}

/* HDF5 takes and gives back several buffers of a chunk's size for every chunk. If malloc passes
 * that on to the kernel, 42,000 rows cost 15,000 page faults and a sixth of the time. */
#if defined(__GLIBC__)
static void keep_memory(void) {
    mallopt(M_MMAP_THRESHOLD, 4 << 20);
    mallopt(M_TRIM_THRESHOLD, 16 << 20);
}
#else
static void keep_memory(void) {
}
#endif

Status import_files(ImportSummary *summary, const char *train_path, const char *test_path,
                    const char *out_path, void (*progress)(const char *path, double share)) {
    Status status = STATUS_OK;
    Source *train = NULL, *test = NULL;
    Writer *writer = NULL;
    WriterPart train_part = {0}, test_part = {0};
    *summary = (ImportSummary){0};
    keep_memory();
    TRY(check_output(train_path, out_path));
    if (test_path != NULL) TRY(check_output(test_path, out_path));
    TRY(source_open(&train, train_path, progress));
    if (test_path != NULL) TRY(source_open(&test, test_path, progress));
    TRY(writer_new(&writer, out_path));
    TRY(import_part(&train_part, writer, "train", train, true));
    if (test != NULL) TRY(import_part(&test_part, writer, "test", test, false));
    TRY(writer_commit(writer));
    summary->train_rows = train_part.rows;
    summary->test_rows = test_part.rows;
    summary->test_labelled = test_part.labelled;
    memcpy(summary->train_labels, train_part.labels, sizeof summary->train_labels);
cleanup:
    source_close(train);
    source_close(test);
    writer_destroy(writer);
    return status;
}
