/* The writer of digits.h5: rows are gathered into chunks, each chunk is digested and written.
 *
 * What HDF5 reports as written need not be there (it hides a full disk well), so the whole file is
 * read back before it gets its name. */
#include "writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "layout.h"
#include "mnist_dist/base/h5file.h"
#include "mnist_dist/base/memory.h"
#include "mnist_dist/base/safefile.h"
#include "mnist_dist/data/dataset.h"
#include "source.h"

struct Writer {
    SafeFile file;
    H5File *h5;
    Digester *fingerprint;
    const char *name; /* of the part under way */
    WriterPart part;
    size_t count;                             /* rows in the chunk under way */
    uint8_t labels[LAYOUT_CHUNK];             /* of them */
    uint8_t bytes[LAYOUT_CHUNK * LAYOUT_ROW]; /* their images; labels join them at the end */
};

static const char description[] =
    "Images of handwritten digits for mnist_dist: 28x28 pixels, 0 is paper and 255 is ink. "
    "PART/digests has, for each 1024 rows of PART, XXH3-64 of their images and labels.";

enum { LEFT_OVER = 24 * 3600 /* seconds: longer than reading back what was written takes */ };

/* Removes what a killed import of the same name left, once another host's would have ended. */
static void sweep(const char *path) {
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    int length = snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash + 1 - path) : 1,
                          slash ? path : ".");
    if ((size_t)length < sizeof folder) safefile_sweep(folder, slash ? slash + 1 : path, LEFT_OVER);
}

Status writer_new(Writer **out, const char *path) {
    Status status = STATUS_OK;
    Writer *writer = NULL;
    *out = NULL;
    TRY(MEMORY_NEW(&writer, 1));
    writer->fingerprint = digester_new();
    TRY(writer->fingerprint != NULL ? STATUS_OK : STATUS_FAILED);
    sweep(path);
    TRY(safefile_begin(&writer->file, path, STATUS_FAILED));
    TRY(h5file_create_sealed(&writer->h5, writer->file.temporary, STATUS_FAILED));
    TRY(h5file_set_text(writer->h5, "/", "description", description));
    *out = writer;
    writer = NULL;
cleanup:
    writer_destroy(writer);
    return status;
}

void writer_destroy(Writer *writer) {
    if (writer == NULL) return;
    h5file_destroy(writer->h5);
    safefile_abandon(&writer->file);
    digester_destroy(writer->fingerprint);
    free(writer);
}

/* Records the source's name, without its folder, as printable ASCII. */
static Status set_source(H5File *h5, const char *part, const char *source) {
    char group[LAYOUT_NAME], text[QUOTE_TEXT];
    const char *slash = strrchr(source, '/');
    const char *base = slash != NULL ? slash + 1 : source;
    snprintf(group, sizeof group, "/%s", part);
    quote_bytes(text, base, strlen(base));
    return h5file_set_text(h5, group, "source", text);
}

Status writer_begin(Writer *writer, const char *part, const char *source) {
    Status status = STATUS_OK;
    char name[LAYOUT_NAME];
    const size_t image_dims[3] = {0, DIGIT_SIDE, DIGIT_SIDE}, digest_dims[1] = {0};
    writer->name = part;
    writer->part = (WriterPart){0};
    snprintf(name, sizeof name, "/%s", part);
    TRY(h5file_make_group(writer->h5, name)); /* HDF5, left to make it, would note the time */
    layout_name(name, part, "images");
    TRY(h5file_make_rows(writer->h5, name, H5_U8, 3, image_dims, LAYOUT_CHUNK));
    TRY(h5file_set_text(writer->h5, name, "long_name", "images: rows, lines, columns"));
    TRY(h5file_set_text(writer->h5, name, "units", "ink, 0 to 255"));
    layout_name(name, part, "digests");
    TRY(h5file_make_rows(writer->h5, name, H5_U64, 1, digest_dims, LAYOUT_CHUNK));
    TRY(h5file_set_text(writer->h5, name, "long_name", "XXH3-64 of 1024 images and their labels"));
    TRY(set_source(writer->h5, part, source));
cleanup:
    return status;
}

static Status make_labels(Writer *writer) {
    Status status = STATUS_OK;
    char name[LAYOUT_NAME];
    const size_t dims[1] = {0};
    layout_name(name, writer->name, "labels");
    TRY(h5file_make_rows(writer->h5, name, H5_U8, 1, dims, LAYOUT_LABELS));
    TRY(h5file_set_text(writer->h5, name, "long_name", "the digit that each image shows"));
cleanup:
    return status;
}

/* Writes the chunk under way. */
static Status flush_chunk(Writer *writer) {
    Status status = STATUS_OK;
    char name[LAYOUT_NAME];
    size_t count = writer->count, first = writer->part.rows - count;
    bool labelled = writer->part.labelled;
    if (count == 0) goto cleanup;
    memcpy(writer->bytes + count * DIGIT_PIXELS, writer->labels, count);
    uint64_t digest = layout_digest(writer->bytes, count, labelled);
    layout_name(name, writer->name, "images");
    TRY(h5file_write_rows(writer->h5, name, first, count, writer->bytes));
    layout_name(name, writer->name, "labels");
    if (labelled) TRY(h5file_write_rows(writer->h5, name, first, count, writer->labels));
    layout_name(name, writer->name, "digests");
    TRY(h5file_write_rows(writer->h5, name, first / LAYOUT_CHUNK, 1, &digest));
    digester_add(writer->fingerprint, &digest, sizeof digest);
    writer->count = 0;
cleanup:
    return status;
}

Status writer_add(Writer *writer, const uint8_t image[DIGIT_PIXELS], uint8_t label) {
    WriterPart *part = &writer->part;
    if (part->rows == 0 && label != DIGIT_UNLABELLED) {
        Status status = make_labels(writer);
        if (status != STATUS_OK) return status;
        part->labelled = true;
    }
    if (part->rows == UINT32_MAX)
        return status_fail(STATUS_DATA, "%s: more rows than %u cannot be numbered",
                           writer->file.target, UINT32_MAX);
    memcpy(writer->bytes + writer->count * DIGIT_PIXELS, image, DIGIT_PIXELS);
    writer->labels[writer->count] = label;
    writer->count++;
    part->rows++;
    if (part->labelled) part->labels[label]++;
    return writer->count == LAYOUT_CHUNK ? flush_chunk(writer) : STATUS_OK;
}

Status writer_end(WriterPart *part, Writer *writer) {
    Status status = flush_chunk(writer);
    layout_end_part(writer->fingerprint, writer->part.rows, writer->part.labelled);
    *part = writer->part;
    return status;
}

/* Reads everything back; a difference is the disk's fault. */
static Status read_back(const Writer *writer) {
    Status status = dataset_verify(writer->file.temporary);
    if (status != STATUS_DATA) return status;
    status_clear();
    return status_fail(STATUS_FAILED,
                       "%s: what was written does not read back the same; the disk may be full or "
                       "failing",
                       writer->file.target);
}

Status writer_commit(Writer *writer) {
    Status status = STATUS_OK;
    const size_t dims[1] = {2};
    Digest digest = digester_finish(writer->fingerprint);
    const uint64_t halves[2] = {digest.high, digest.low};
    writer->fingerprint = NULL;
    TRY(h5file_write(writer->h5, LAYOUT_FINGERPRINT, H5_U64, 1, dims, halves));
    H5File *h5 = writer->h5;
    writer->h5 = NULL;
    TRY(h5file_close(h5));
    TRY(read_back(writer));
    TRY(safefile_commit(&writer->file, STATUS_FAILED));
cleanup:
    return status;
}
