/* The home of libzip; see zip.h.
 *
 * The archive is made in memory and written by safefile, since libzip's own way of replacing a file
 * is not durable. Stored, not deflated: weights hardly become smaller. Dates are the first that zip
 * knows, so that the same network gives the same bytes. */
#include "export/zip.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zip.h>

#include "mnist_dist/base/memory.h"
#include "mnist_dist/base/safefile.h"

struct Zip {
    char path[PATH_MAX];
    zip_source_t *source; /* what the archive is written to */
    zip_t *archive;       /* NULL once it is closed */
};

static Status refuse(const Zip *zip, const char *reason) {
    return status_fail(STATUS_FAILED, "%s: no archive can be made: %s", zip->path, reason);
}

Status zip_new(Zip **out, const char *path) {
    Zip *zip = NULL;
    zip_error_t error;
    Status status;
    zip_error_init(&error);
    *out = NULL;
    TRY(MEMORY_NEW(&zip, 1));
    snprintf(zip->path, sizeof zip->path, "%s", path);
    zip->source = zip_source_buffer_create(NULL, 0, 0, &error);
    if (zip->source != NULL) {
        zip_source_keep(zip->source); /* closing the archive gives up one hold on it */
        zip->archive = zip_open_from_source(zip->source, ZIP_TRUNCATE, &error);
    }
    if (zip->archive == NULL) TRY(refuse(zip, zip_error_strerror(&error)));
    *out = zip;
    zip = NULL;
cleanup:
    zip_error_fini(&error);
    zip_destroy(zip);
    return status;
}

Status zip_add_file(Zip *zip, const char *name, const void *bytes, size_t count) {
    void *copy = malloc(count > 0 ? count : 1);
    if (copy == NULL) return refuse(zip, "out of memory");
    if (count > 0) memcpy(copy, bytes, count);
    zip_buffer_fragment_t whole = {.data = copy, .length = count}; /* the source frees the copy */
    zip_source_t *source = zip_source_buffer_fragment(zip->archive, &whole, 1, 1);
    if (source == NULL) {
        free(copy);
        return refuse(zip, zip_strerror(zip->archive));
    }
    zip_int64_t index = zip_file_add(zip->archive, name, source, 0);
    if (index < 0) {
        zip_source_free(source);
        return refuse(zip, zip_strerror(zip->archive));
    }
    bool good = zip_set_file_compression(zip->archive, (zip_uint64_t)index, ZIP_CM_STORE, 0) == 0 &&
                zip_file_set_dostime(zip->archive, (zip_uint64_t)index, 0, 0x21, 0) == 0;
    return good ? STATUS_OK : refuse(zip, zip_strerror(zip->archive));
}

static Status read_source(char **bytes, size_t *count, Zip *zip) {
    zip_stat_t info;
    zip_stat_init(&info);
    *bytes = NULL;
    if (zip_source_stat(zip->source, &info) < 0 || (info.valid & ZIP_STAT_SIZE) == 0)
        return refuse(zip, "its size is not known");
    *count = (size_t)info.size;
    *bytes = malloc(*count);
    if (*bytes == NULL) return refuse(zip, "out of memory");
    bool good = zip_source_open(zip->source) == 0;
    good = good && zip_source_read(zip->source, *bytes, *count) == (zip_int64_t)*count;
    if (good) zip_source_close(zip->source);
    return good ? STATUS_OK : refuse(zip, "it cannot be read back");
}

Status zip_finish(Zip *zip) {
    char *bytes = NULL;
    size_t count = 0;
    Status status = STATUS_OK;
    if (zip_close(zip->archive) != 0) return refuse(zip, zip_strerror(zip->archive));
    zip->archive = NULL;
    TRY(read_source(&bytes, &count, zip));
    TRY(safefile_write(zip->path, bytes, count, STATUS_FAILED));
cleanup:
    free(bytes);
    return status;
}

void zip_destroy(Zip *zip) {
    if (zip == NULL) return;
    if (zip->archive != NULL) zip_discard(zip->archive);
    if (zip->source != NULL) zip_source_free(zip->source);
    free(zip);
}

/* ---- Reading --------------------------------------------------------------------------------- */

/* What is asked for, and of whom. */
typedef struct Wanted {
    const char *name, *path;
    size_t most;
    Status blame;
} Wanted;

static Status refuse_archive(const Wanted *wanted, const char *reason) {
    return status_fail(wanted->blame, "%s: %s: %s", wanted->path, wanted->name, reason);
}

static Status find_size(size_t *size, zip_t *archive, const Wanted *wanted) {
    zip_stat_t info;
    if (zip_stat(archive, wanted->name, 0, &info) != 0)
        return refuse_archive(wanted, zip_strerror(archive));
    if ((info.valid & ZIP_STAT_SIZE) == 0 || info.size > wanted->most)
        return status_fail(wanted->blame,
                           "%s: %s: is said to be %llu bytes, more than the %zu that are taken of "
                           "an archive of this size",
                           wanted->path, wanted->name, (unsigned long long)info.size, wanted->most);
    *size = (size_t)info.size;
    return STATUS_OK;
}

/* All of it, so that its checksum is looked at: one byte more is asked for. */
static Status unpack(char **content, size_t size, zip_t *archive, const Wanted *wanted) {
    Status status = STATUS_OK;
    zip_file_t *file = zip_fopen(archive, wanted->name, 0);
    if (file == NULL) TRY(refuse_archive(wanted, zip_strerror(archive)));
    *content = malloc(size + 1);
    if (*content == NULL) TRY(refuse_archive(wanted, "out of memory"));
    if (zip_fread(file, *content, size + 1) != (zip_int64_t)size)
        TRY(refuse_archive(wanted, "is damaged"));
    (*content)[size] = '\0';
cleanup:
    if (file != NULL) zip_fclose(file);
    return status;
}

Status zip_extract(char **content, size_t *size, const void *bytes, size_t count, const char *name,
                   size_t most, const char *path, Status blame) {
    const Wanted wanted = {name, path, most, blame};
    zip_t *archive = NULL;
    zip_error_t error;
    Status status = STATUS_OK;
    *content = NULL;
    zip_error_init(&error);
    zip_source_t *source = zip_source_buffer_create(bytes, count, 0, &error);
    if (source != NULL) archive = zip_open_from_source(source, ZIP_RDONLY, &error);
    if (archive == NULL) TRY(refuse_archive(&wanted, zip_error_strerror(&error)));
    TRY(find_size(size, archive, &wanted));
    TRY(unpack(content, *size, archive, &wanted));
cleanup:
    if (archive != NULL)
        zip_discard(archive);
    else if (source != NULL)
        zip_source_free(source);
    zip_error_fini(&error);
    if (status != STATUS_OK) {
        free(*content);
        *content = NULL;
    }
    return status;
}
