/* See fuzz.h. */
#include "fuzz.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

static char folder[PATH_MAX];

void fuzz_failed(const char *condition, const char *file, int line) {
    fprintf(stderr, "%s:%d: %s does not hold; the line is '%s'\n", file, line, condition,
            status_message());
    abort();
}

uint8_t fuzz_byte(FuzzInput *input) {
    if (input->count == 0) return 0;
    input->count--;
    return *input->bytes++;
}

uint64_t fuzz_number(FuzzInput *input, size_t bytes) {
    uint64_t number = 0;
    for (size_t i = 0; i < bytes; i++) number |= (uint64_t)fuzz_byte(input) << (8 * i);
    return number;
}

FuzzInput fuzz_part(FuzzInput *input, size_t most) {
    size_t count = most < input->count ? most : input->count;
    FuzzInput part = {input->bytes, count};
    input->bytes += count;
    input->count -= count;
    return part;
}

static void leave_folder(void) {
    char command[PATH_MAX + 16];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    if (chdir("/") != 0 || system(command) != 0) perror(folder);
}

void fuzz_enter_folder(void) {
    snprintf(folder, sizeof folder, "%s/mnist_dist_fuzz.XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    FUZZ_CHECK(mkdtemp(folder) != NULL && chdir(folder) == 0);
    atexit(leave_folder);
}

void fuzz_write(const char *path, const void *bytes, size_t count) {
    FILE *file = fopen(path, "wb");
    FUZZ_CHECK(file != NULL && fwrite(bytes, 1, count, file) == count && fclose(file) == 0);
}

uint8_t *fuzz_read(size_t *count, const char *path) {
    struct stat facts;
    FILE *file = fopen(path, "rb");
    FUZZ_CHECK(file != NULL && fstat(fileno(file), &facts) == 0);
    *count = (size_t)facts.st_size;
    uint8_t *bytes = malloc(*count + 1);
    FUZZ_CHECK(bytes != NULL && fread(bytes, 1, *count, file) == *count && fclose(file) == 0);
    return bytes;
}

void fuzz_write_packed(const char *path, FuzzInput bytes, uint8_t how) {
    if (how % 4 == 0) {
        fuzz_write(path, bytes.bytes, bytes.count);
        return;
    }
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)bytes.bytes,
                       .avail_in = (unsigned)bytes.count};
    FUZZ_CHECK(deflateInit2(&stream, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    size_t room = deflateBound(&stream, bytes.count) + 64;
    uint8_t *packed = calloc(1, room);
    stream.next_out = packed;
    stream.avail_out = (unsigned)room;
    FUZZ_CHECK(deflate(&stream, Z_FINISH) == Z_STREAM_END);
    size_t count = stream.total_out;
    deflateEnd(&stream);
    if (how % 4 == 2) count -= count / 3;    /* cut short */
    if (how % 4 == 3) packed[count++] = how; /* something follows */
    fuzz_write(path, packed, count);
    free(packed);
}

void fuzz_check_line(Status status) {
    const char *line = status_message();
    FUZZ_CHECK((status == STATUS_OK) == (*line == '\0'));
    for (; *line != '\0'; line++) FUZZ_CHECK((unsigned char)*line >= ' ' && *line != 127);
    status_clear();
}
