/* Pictures. The first byte says how the others are taken: a file as it is; a PNG whose checksums
 * are made right, so that libpng does not stop at the first changed byte; pixels of a PNG that is
 * made here, as a picture of a digit or as a sheet of digits. */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "data/formats.h"
#include "fuzz.h"
#include "mnist_dist/data/picture.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc, (void)argv;
    fuzz_enter_folder();
    return 0;
}

/* ---- PNG by hand ----------------------------------------------------------------------------- */

static const uint8_t SIGNATURE[8] = {0x89, 'P', 'N', 'G', 13, 10, 26, 10};

static void put_u32(uint8_t *place, size_t value) {
    for (int i = 0; i < 4; i++) place[i] = (uint8_t)(value >> (24 - 8 * i));
}

static size_t get_u32(const uint8_t *place) {
    return (size_t)place[0] << 24 | (size_t)place[1] << 16 | (size_t)place[2] << 8 | place[3];
}

static void repair(uint8_t *png, size_t count) {
    for (size_t at = 8; at + 12 <= count;) {
        size_t length = get_u32(png + at);
        if (length > count - at - 12) return;
        put_u32(png + at + 8 + length, crc32(0, png + at + 4, (unsigned)length + 4));
        at += length + 12;
    }
}

static uint8_t *put_chunk(uint8_t *place, const char type[4], const uint8_t *bytes, size_t count) {
    put_u32(place, count);
    memcpy(place + 4, type, 4);
    memcpy(place + 8, bytes, count);
    put_u32(place + 8 + count, crc32(0, place + 4, (unsigned)count + 4));
    return place + 12 + count;
}

/* 8-bit gray; pixels that the input has not got are its last ones again. */
static void write_png(const char *path, FuzzInput pixels, size_t width, size_t height) {
    size_t bytes = height * (width + 1);
    uLongf packed = compressBound(bytes);
    uint8_t *rows = calloc(1, bytes + 1), *png = malloc(packed + 128), *idat = malloc(packed);
    for (size_t i = 0; i < bytes && pixels.count > 0; i++)
        if (i % (width + 1) != 0) rows[i] = pixels.bytes[i % pixels.count];
    FUZZ_CHECK(compress2(idat, &packed, rows, bytes, 1) == Z_OK);
    uint8_t header[13] = {[8] = 8};
    put_u32(header, width);
    put_u32(header + 4, height);
    memcpy(png, SIGNATURE, 8);
    uint8_t *end = put_chunk(png + 8, "IHDR", header, 13);
    end = put_chunk(end, "IDAT", idat, packed);
    end = put_chunk(end, "IEND", header, 0);
    fuzz_write(path, png, (size_t)(end - png));
    free(rows);
    free(png);
    free(idat);
}

/* ---- Targets --------------------------------------------------------------------------------- */

static void write_repaired(const char *path, FuzzInput input) {
    uint8_t *png = malloc(input.count + 1);
    if (input.count > 0) memcpy(png, input.bytes, input.count);
    repair(png, input.count);
    fuzz_write(path, png, input.count);
    free(png);
}

static void read_picture(void) {
    uint8_t image[DIGIT_PIXELS];
    Status status = picture_read(image, "picture");
    FUZZ_CHECK(status == STATUS_OK || status == STATUS_DATA);
    fuzz_check_line(status);
}

static void read_sheet(void) {
    Writer *writer = NULL;
    Source *source = NULL;
    FUZZ_CHECK(writer_new(&writer, "") == STATUS_OK);
    FUZZ_CHECK(source_open(&source, "picture", NULL) == STATUS_OK);
    Status status = png_import(writer, source, true);
    FUZZ_CHECK(status == STATUS_OK || status == STATUS_DATA);
    fuzz_check_line(status);
    source_close(source);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    FuzzInput input = {data, size};
    size_t width, height;
    switch (fuzz_byte(&input) % 4) {
    case 0:
        fuzz_write("picture", input.bytes, input.count);
        read_picture();
        break;
    case 1:
        write_repaired("picture", input);
        read_picture();
        break;
    case 2:
        width = 1 + fuzz_byte(&input) % 64;
        height = 1 + fuzz_byte(&input) % 64;
        write_png("picture", input, width, height);
        read_picture();
        break;
    default:
        width = 20 * (1 + (size_t)fuzz_byte(&input) % 3);
        height = 200 * (1 + (size_t)fuzz_byte(&input) % 2);
        write_png("picture", input, width, height);
        read_sheet();
    }
    return 0;
}
