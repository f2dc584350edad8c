/* A writer of digits.h5 that writes nothing, in place of the real one: importers alone are tried.
 * What they hand over must be readable, and labels in range. */
#include "data/writer.h"
#include "fuzz.h"

struct Writer {
    uint64_t ink;
};

Status writer_new(Writer **out, const char *path) {
    static Writer writer;
    (void)path;
    *out = &writer;
    return STATUS_OK;
}

void writer_destroy(Writer *writer) {
    (void)writer;
}

Status writer_begin(Writer *writer, const char *part, const char *source) {
    (void)writer, (void)part, (void)source;
    return STATUS_OK;
}

Status writer_add(Writer *writer, const uint8_t image[DIGIT_PIXELS], uint8_t label) {
    FUZZ_CHECK(label < DIGIT_CLASSES || label == DIGIT_UNLABELLED);
    for (size_t i = 0; i < DIGIT_PIXELS; i++) writer->ink += image[i];
    return STATUS_OK;
}

Status writer_end(WriterPart *part, Writer *writer) {
    (void)writer;
    *part = (WriterPart){0};
    return STATUS_OK;
}

Status writer_commit(Writer *writer) {
    (void)writer;
    return STATUS_OK;
}
