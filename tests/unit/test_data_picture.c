/* Pictures of a digit: one shape, drawn in all the ways that people have pictures, comes out as the
 * same image; and what is no picture of a digit is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <png.h>
#include <turbojpeg.h>

#include "data_files.h"
#include "mnist_dist/data/centre.h"
#include "mnist_dist/data/picture.h"

enum { MOST_SIDE = 1200 };

typedef struct Canvas {
    int width, height;
    float ink[MOST_SIDE * MOST_SIDE];  /* 0..1 */
    float gray[MOST_SIDE * MOST_SIDE]; /* 0..1 */
} Canvas;

static Canvas canvas;

static void start_canvas(int width, int height) {
    canvas.width = width, canvas.height = height;
    memset(canvas.ink, 0, sizeof canvas.ink);
}

/* A line from (x0, y0) to (x1, y1), with round ends and soft edges. */
static void stroke(double x0, double y0, double x1, double y1, double width) {
    for (int y = 0; y < canvas.height; y++)
        for (int x = 0; x < canvas.width; x++) {
            double dx = x1 - x0, dy = y1 - y0;
            double along = ((x - x0) * dx + (y - y0) * dy) / (dx * dx + dy * dy);
            along = fmin(fmax(along, 0.0), 1.0);
            double away = hypot(x - x0 - along * dx, y - y0 - along * dy);
            float ink = (float)fmin(fmax(width / 2 - away + 0.5, 0.0), 1.0);
            float *at = &canvas.ink[y * canvas.width + x];
            if (ink > *at) *at = ink;
        }
}

/* A seven with its left upper corner here, `size` high. */
static void draw_seven(double left, double top, double size, double width) {
    stroke(left, top, left + 0.6 * size, top, width);
    stroke(left + 0.6 * size, top, left + 0.2 * size, top + size, width);
}

static uint32_t noise_state;

static float noise(void) {
    float sum = 0.0F;
    for (int i = 0; i < 4; i++) {
        noise_state = noise_state * 1664525U + 1013904223U;
        sum += (float)(noise_state >> 8) / 16777216.0F - 0.5F;
    }
    return 1.73F * sum; /* standard deviation 1 */
}

/* Paper and pen, and noise of this deviation. */
static void lay(float paper, float pen, float deviation) {
    noise_state = 1;
    for (int i = 0; i < canvas.width * canvas.height; i++) {
        float gray = paper + (pen - paper) * canvas.ink[i] + deviation * noise();
        canvas.gray[i] = fminf(fmaxf(gray, 0.0F), 1.0F);
    }
}

typedef struct Kind {
    int color_type, depth, channels;
} Kind;

static const Kind GRAY = {PNG_COLOR_TYPE_GRAY, 8, 1}, GRAY16 = {PNG_COLOR_TYPE_GRAY, 16, 1},
                  RGB = {PNG_COLOR_TYPE_RGB, 8, 3}, PALETTE = {PNG_COLOR_TYPE_PALETTE, 8, 1},
                  RGBA = {PNG_COLOR_TYPE_RGBA, 8, 4};

/* Of RGBA, gray is the alpha and the colour is `colour`. */
static void fill_row(uint8_t *row, Kind kind, int y, uint8_t colour) {
    int bytes = kind.depth / 8;
    for (int i = 0; i < canvas.width * kind.channels * bytes; i++) {
        float gray = canvas.gray[y * canvas.width + i / kind.channels / bytes];
        bool shows = kind.channels < 4 || i % 4 == 3;
        row[i] = shows ? (uint8_t)lroundf(255.0F * gray) : colour;
    }
}

static void write_png(const char *path, Kind kind, uint8_t colour) {
    FILE *file = fopen(path, "wb");
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    png_color palette[256];
    for (int i = 0; i < 256; i++) palette[i] = (png_color){(png_byte)i, (png_byte)i, (png_byte)i};
    png_init_io(png, file);
    png_set_IHDR(png, info, (png_uint_32)canvas.width, (png_uint_32)canvas.height, kind.depth,
                 kind.color_type, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    if (kind.color_type == PNG_COLOR_TYPE_PALETTE) png_set_PLTE(png, info, palette, 256);
    png_write_info(png, info);
    static uint8_t row[MOST_SIDE * 8];
    for (int y = 0; y < canvas.height; y++) {
        fill_row(row, kind, y, colour);
        png_write_row(png, row);
    }
    png_write_end(png, NULL);
    png_destroy_write_struct(&png, &info);
    fclose(file);
}

/* What centring alone makes of a seven. */
static void expected_seven(uint8_t image[DIGIT_PIXELS]) {
    float digit[DIGIT_PIXELS];
    start_canvas(300, 300);
    draw_seven(90, 50, 200, 22);
    assert_true(centre_digit(digit, canvas.ink, 300, 300));
    for (int i = 0; i < DIGIT_PIXELS; i++) image[i] = (uint8_t)lroundf(255.0F * digit[i]);
}

/* The share of b's ink that is elsewhere in a, which is moved by so much. */
static double difference_at(const uint8_t *a, const uint8_t *b, int dy, int dx) {
    double sum = 0.0, ink = 0.0;
    for (int y = 0; y < DIGIT_SIDE; y++)
        for (int x = 0; x < DIGIT_SIDE; x++) {
            int v = y + dy, u = x + dx;
            bool inside = v >= 0 && v < DIGIT_SIDE && u >= 0 && u < DIGIT_SIDE;
            double there = inside ? a[v * DIGIT_SIDE + u] : 0.0, here = b[y * DIGIT_SIDE + x];
            sum += fabs(there - here);
            ink += here;
        }
    return sum / ink;
}

/* A centre of mass near a half may be rounded up or down, so one pixel of shift is nothing. */
static double difference(const uint8_t *a, const uint8_t *b) {
    double least = INFINITY;
    for (int i = 0; i < 9; i++) least = fmin(least, difference_at(a, b, i / 3 - 1, i % 3 - 1));
    return least;
}

/* The picture is read as a seven, but for this share of its ink. */
static void expect_seven(const char *path, double most) {
    uint8_t image[DIGIT_PIXELS], expected[DIGIT_PIXELS];
    assert_int_equal(picture_read(image, path), STATUS_OK);
    expected_seven(expected);
    double share = difference(image, expected);
    if (share > most) fail_msg("%s: %.3f of the ink is elsewhere", path, share);
}

static void paint_seven(float paper, float pen, float deviation) {
    start_canvas(300, 300);
    draw_seven(90, 50, 200, 22);
    lay(paper, pen, deviation);
}

static void test_kinds_of_png(void **state) {
    (void)state;
    paint_seven(1.0F, 0.0F, 0.0F);
    write_png("gray.png", GRAY, 0);
    write_png("gray16.png", GRAY16, 0);
    write_png("rgb.png", RGB, 0);
    write_png("palette.png", PALETTE, 0);
    paint_seven(0.0F, 1.0F, 0.0F);
    write_png("black-on-nothing.png", RGBA, 0);
    write_png("white-on-nothing.png", RGBA, 255);
    expect_seven("gray.png", 0.08);
    expect_seven("gray16.png", 0.08);
    expect_seven("rgb.png", 0.08);
    expect_seven("palette.png", 0.08);
    expect_seven("black-on-nothing.png", 0.08);
    expect_seven("white-on-nothing.png", 0.08);
}

static void test_paper_and_pen(void **state) {
    (void)state;
    static const float pairs[][2] = {{0.9F, 0.1F}, {0.1F, 0.9F}, {0.6F, 0.4F}, {0.3F, 0.6F}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        paint_seven(pairs[i][0], pairs[i][1], 0.02F);
        write_png("noisy.png", GRAY, 0);
        expect_seven("noisy.png", 0.15);
    }
}

/* From a quarter of the light to all of it, so that the paper is darker here than ink is there. */
static void test_uneven_light(void **state) {
    (void)state;
    paint_seven(0.95F, 0.4F, 0.01F);
    for (int y = 0; y < 300; y++)
        for (int x = 0; x < 300; x++)
            canvas.gray[y * 300 + x] *= 0.25F + 0.75F * (float)(x + y) / 600.0F;
    write_png("gradient.png", GRAY, 0);
    expect_seven("gradient.png", 0.3);
}

static void test_sizes_and_places(void **state) {
    (void)state;
    start_canvas(1200, 900);
    draw_seven(900, 600, 160, 18);
    lay(0.9F, 0.2F, 0.02F);
    write_png("corner.png", GRAY, 0);
    expect_seven("corner.png", 0.2);
    start_canvas(80, 60);
    draw_seven(20, 10, 40, 4.4);
    lay(0.9F, 0.2F, 0.01F);
    write_png("tiny.png", GRAY, 0);
    expect_seven("tiny.png", 0.35);
    start_canvas(140, 300);
    draw_seven(11, 50, 200, 22);
    lay(0.9F, 0.2F, 0.01F);
    write_png("edge.png", GRAY, 0);
    expect_seven("edge.png", 0.15);
}

/* Specks, a ruled margin and the table at the edge are left out; a bar that does not touch is not.
 */
static void test_what_is_not_the_digit(void **state) {
    (void)state;
    uint8_t with[DIGIT_PIXELS], without[DIGIT_PIXELS];
    start_canvas(300, 300);
    draw_seven(90, 50, 200, 22);
    for (int i = 0; i < 12; i++) stroke(20 + 22 * i, 280, 22 + 22 * i, 280, 3);
    stroke(40, 150, 43, 150, 4);
    for (int y = 0; y < 300; y++)
        for (int x = 285; x < 300; x++) canvas.ink[y * 300 + x] = 1.0F;
    lay(0.9F, 0.2F, 0.02F);
    write_png("specks.png", GRAY, 0);
    expect_seven("specks.png", 0.15);

    paint_seven(0.9F, 0.2F, 0.0F);
    write_png("plain.png", GRAY, 0);
    stroke(100, 160, 140, 160, 22);
    lay(0.9F, 0.2F, 0.0F);
    write_png("barred.png", GRAY, 0);
    assert_int_equal(picture_read(without, "plain.png"), STATUS_OK);
    assert_int_equal(picture_read(with, "barred.png"), STATUS_OK);
    assert_true(difference(with, without) > 0.1);
}

/* A sheet that lies on a dark table, which is a good part of the picture. */
static void test_a_sheet_on_a_table(void **state) {
    (void)state;
    start_canvas(500, 420);
    draw_seven(190, 110, 200, 22);
    lay(0.9F, 0.15F, 0.02F);
    for (int y = 0; y < 420; y++)
        for (int x = 0; x < 500; x++)
            if (y < 60 || y >= 360 || x < 110 || x >= 430) canvas.gray[y * 500 + x] = 0.2F;
    write_png("sheet.png", GRAY, 0);
    expect_seven("sheet.png", 0.15);
}

/* A second digit beside it is not taken for a part of it. */
static void test_of_two_digits_the_larger(void **state) {
    (void)state;
    start_canvas(600, 300);
    draw_seven(90, 50, 200, 22);
    draw_seven(330, 60, 180, 22);
    lay(0.9F, 0.2F, 0.01F);
    write_png("two.png", GRAY, 0);
    expect_seven("two.png", 0.15);
}

/* A line of a hundredth of the digit's height would be a pale gray: it is made thicker. */
static void test_thin_lines(void **state) {
    (void)state;
    start_canvas(600, 600);
    draw_seven(180, 100, 400, 4);
    lay(0.95F, 0.3F, 0.01F);
    write_png("thin.png", GRAY, 0);
    expect_seven("thin.png", 0.35);
}

/* As big-endian Exif has it: one entry, the orientation, before the picture's own segments. */
static void write_jpeg(const char *path, uint8_t orientation) {
    static const uint8_t exif[] = {0xff, 0xe1, 0, 34, 'E', 'x', 'i', 'f', 0, 0,  'M', 'M',
                                   0,    42,   0, 0,  0,   8,   0,   1,   1, 18, 0,   3,
                                   0,    0,    0, 1,  0,   0,   0,   0,   0, 0,  0,   0};
    static uint8_t gray[MOST_SIDE * MOST_SIDE];
    for (int i = 0; i < canvas.width * canvas.height; i++)
        gray[i] = (uint8_t)lroundf(255.0F * canvas.gray[i]);
    tjhandle handle = tjInitCompress();
    unsigned char *bytes = NULL;
    unsigned long count = 0;
    assert_int_equal(tjCompress2(handle, gray, canvas.width, 0, canvas.height, TJPF_GRAY, &bytes,
                                 &count, TJSAMP_GRAY, 85, 0),
                     0);
    uint8_t segment[sizeof exif];
    memcpy(segment, exif, sizeof exif);
    segment[29] = orientation;
    FILE *file = fopen(path, "wb");
    fwrite(bytes, 1, 2, file);
    fwrite(segment, 1, sizeof segment, file);
    fwrite(bytes + 2, 1, count - 2, file);
    fclose(file);
    tjFree(bytes);
    tjDestroy(handle);
}

/* Turns the gray a quarter to the left: as the sensor of a camera that is held upright has it. */
static void turn_left(void) {
    static float turned[MOST_SIDE * MOST_SIDE];
    int width = canvas.height, height = canvas.width;
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            turned[y * width + x] = canvas.gray[x * canvas.width + canvas.width - 1 - y];
    memcpy(canvas.gray, turned, sizeof turned);
    canvas.width = width, canvas.height = height;
}

static void test_jpeg_as_the_camera_was_held(void **state) {
    (void)state;
    static const uint8_t orientations[] = {1, 6, 3, 8}; /* after so many turns to the left */
    start_canvas(340, 300);
    draw_seven(90, 50, 200, 22);
    lay(0.9F, 0.2F, 0.01F);
    for (int i = 0; i < 4; i++) {
        write_jpeg("photo.jpg", orientations[i]);
        float kept[8];
        memcpy(kept, canvas.gray, sizeof kept);
        int width = canvas.width, height = canvas.height;
        uint8_t image[DIGIT_PIXELS], expected[DIGIT_PIXELS];
        assert_int_equal(picture_read(image, "photo.jpg"), STATUS_OK);
        static float gray[MOST_SIDE * MOST_SIDE];
        memcpy(gray, canvas.gray, sizeof gray);
        expected_seven(expected);
        memcpy(canvas.gray, gray, sizeof gray);
        canvas.width = width, canvas.height = height;
        assert_true(difference(image, expected) < 0.2);
        turn_left();
    }
}

/* ---- refusals ---- */

static void expect_refused(const char *path, const char *why) {
    uint8_t image[DIGIT_PIXELS];
    status_clear();
    assert_int_equal(picture_read(image, path), STATUS_DATA);
    const char *message = status_message();
    if (strncmp(message, path, strlen(path)) != 0 || strstr(message, why) == NULL)
        fail_msg("no '%s' in: %s", why, message);
    assert_null(strchr(message, '\n'));
    status_clear();
}

/* As for a printing press: a whole file, which libjpeg does not turn into gray. */
static void test_a_jpeg_in_cmyk_is_told_from_a_damaged_one(void **state) {
    (void)state;
    static const unsigned char pixels[16 * 16 * 4];
    tjhandle handle = tjInitCompress();
    unsigned char *bytes = NULL;
    unsigned long count = 0;
    assert_int_equal(
        tjCompress2(handle, pixels, 16, 0, 16, TJPF_CMYK, &bytes, &count, TJSAMP_444, 85, 0), 0);
    FILE *file = fopen("press.jpg", "wb");
    fwrite(bytes, 1, count, file);
    fclose(file);
    tjFree(bytes);
    tjDestroy(handle);
    expect_refused("press.jpg", "CMYK");
}

static void test_blank_pictures(void **state) {
    (void)state;
    static const float deviations[] = {0.0F, 0.02F, 0.1F};
    for (size_t i = 0; i < sizeof deviations / sizeof *deviations; i++) {
        start_canvas(400, 300);
        lay(0.7F, 0.0F, deviations[i]);
        write_png("blank.png", GRAY, 0);
        expect_refused("blank.png", "no digit is found");
    }
    start_canvas(1, 1);
    lay(0.5F, 0.0F, 0.0F);
    write_png("dot.png", GRAY, 0);
    expect_refused("dot.png", "no digit is found");
    start_canvas(1000, 1);
    lay(0.5F, 0.0F, 0.0F);
    write_png("line.png", GRAY, 0);
    expect_refused("line.png", "no digit is found");
    start_canvas(200, 200);
    lay(0.0F, 0.0F, 0.0F);
    write_png("nothing.png", RGBA, 90);
    expect_refused("nothing.png", "no digit is found");
}

static void test_damaged_files(void **state) {
    (void)state;
    static uint8_t bytes[1 << 20];
    paint_seven(0.9F, 0.2F, 0.0F);
    write_png("whole.png", GRAY, 0);
    write_jpeg("whole.jpg", 1);
    for (int jpeg = 0; jpeg < 2; jpeg++) {
        FILE *file = fopen(jpeg ? "whole.jpg" : "whole.png", "rb");
        size_t count = fread(bytes, 1, sizeof bytes, file);
        fclose(file);
        for (size_t kept = 8; kept + 12 < count; kept += count / 9) {
            write_file("cut", bytes, kept);
            expect_refused("cut", jpeg ? "damaged JPEG" : "damaged PNG");
        }
    }
    write_file("empty.png", "", 0);
    expect_refused("empty.png", "neither PNG nor JPEG");
    write_file("text.png", "hello", 5);
    expect_refused("text.png", "neither PNG nor JPEG; convert it");
    expect_refused("missing.png", "cannot be opened");
    expect_refused(".", "is a folder");
}

/* A header that claims 100,000 x 100,000 pixels is refused before memory is asked for. */
static void test_huge_headers(void **state) {
    (void)state;
    uint8_t png[] = {0x89, 'P',  'N', 'G', '\r', '\n', 0x1a, '\n', 0,    0, 0,
                     13,   'I',  'H', 'D', 'R',  0,    1,    0x86, 0xa0, 0, 1,
                     0x86, 0xa0, 8,   0,   0,    0,    0,    0,    0,    0, 0};
    uLong check = crc32(0, png + 12, 17);
    for (int i = 0; i < 4; i++) png[29 + i] = (uint8_t)(check >> (24 - 8 * i));
    static const uint8_t rest[] = {0,   0,   0,   4,   'I',  'D',  'A',  'T', 0x78, 0x9c,
                                   3,   0,   0,   0,   0,    0,    0,    0,   0,    0,
                                   'I', 'E', 'N', 'D', 0xae, 0x42, 0x60, 0x82};
    uint8_t bytes[sizeof png + sizeof rest];
    memcpy(bytes, png, sizeof png);
    memcpy(bytes + sizeof png, rest, sizeof rest);
    write_file("huge.png", bytes, sizeof bytes);
    expect_refused("huge.png", "100000x100000 pixels are more than is read");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds_of_png),
        cmocka_unit_test(test_paper_and_pen),
        cmocka_unit_test(test_uneven_light),
        cmocka_unit_test(test_sizes_and_places),
        cmocka_unit_test(test_what_is_not_the_digit),
        cmocka_unit_test(test_a_sheet_on_a_table),
        cmocka_unit_test(test_of_two_digits_the_larger),
        cmocka_unit_test(test_thin_lines),
        cmocka_unit_test(test_jpeg_as_the_camera_was_held),
        cmocka_unit_test(test_a_jpeg_in_cmyk_is_told_from_a_damaged_one),
        cmocka_unit_test(test_blank_pictures),
        cmocka_unit_test(test_damaged_files),
        cmocka_unit_test(test_huge_headers),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
