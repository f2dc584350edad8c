/* PNG sheets: cells placed by their centre of mass, whatever kind of PNG they come in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <png.h>

#include "data_expect.h"

enum { WIDTH = 60, HEIGHT = 400, COLUMNS = WIDTH / 20, LINES = HEIGHT / 20 };

static uint8_t sheet[HEIGHT][WIDTH];

static void set_ink(size_t line, size_t column, size_t y, size_t x, uint8_t ink) {
    sheet[line * 20 + y][column * 20 + x] = ink;
}

static uint8_t mark_of(size_t line, size_t column) {
    return (uint8_t)(100 + line * COLUMNS + column);
}

/* Every cell has one dot, whose value tells the cell and whose place varies. */
static void draw_dots(void) {
    memset(sheet, 0, sizeof sheet);
    for (size_t line = 0; line < LINES; line++) {
        for (size_t column = 0; column < COLUMNS; column++)
            set_ink(line, column, line, 7 * column % 20, mark_of(line, column));
    }
}

/* Writes the sheet with libpng's rows interface; the samples are repeated in all channels. */
static void write_png(const char *path, int color_type, int depth, int interlace) {
    FILE *file = fopen(path, "wb");
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    size_t channels = color_type == PNG_COLOR_TYPE_RGBA  ? 4
                      : color_type == PNG_COLOR_TYPE_RGB ? 3
                                                         : 1;
    size_t bytes = (size_t)depth / 8;
    png_init_io(png, file);
    png_set_IHDR(png, info, WIDTH, HEIGHT, depth, color_type, interlace,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_color palette[256];
    for (int i = 0; i < 256; i++) palette[i] = (png_color){(png_byte)i, (png_byte)i, (png_byte)i};
    if (color_type == PNG_COLOR_TYPE_PALETTE) png_set_PLTE(png, info, palette, 256);
    png_write_info(png, info);
    for (int pass = png_set_interlace_handling(png); pass > 0; pass--) {
        for (size_t y = 0; y < HEIGHT; y++) {
            uint8_t row[WIDTH * 8];
            for (size_t x = 0; x < WIDTH * channels * bytes; x++) {
                bool alpha = channels == 4 && x / bytes % 4 == 3;
                row[x] = alpha ? 255 : sheet[y][x / bytes / channels];
            }
            png_write_row(png, row);
        }
    }
    png_write_end(png, NULL);
    png_destroy_write_struct(&png, &info);
    fclose(file);
}

static void write_gray(const char *path) {
    write_png(path, PNG_COLOR_TYPE_GRAY, 8, PNG_INTERLACE_NONE);
}

/* A lone dot comes to the frame's (14, 14); labels go up every LINES / 10 lines of cells. */
static void expect_dots(const char *path) {
    void *memory = NULL;
    ImportSummary summary = expect_import(path, NULL);
    assert_int_equal(summary.train_rows, LINES * COLUMNS);
    Dataset dataset = read_digits(&memory);
    for (size_t row = 0; row < LINES * COLUMNS; row++) {
        const uint8_t *image = dataset.train_images + row * 784;
        assert_int_equal(dataset.train_labels[row], row / COLUMNS / 2);
        for (size_t i = 0; i < 784; i++)
            assert_int_equal(image[i],
                             i == 14 * 28 + 14 ? mark_of(row / COLUMNS, row % COLUMNS) : 0);
    }
    free(memory);
}

static void test_cells_are_centred_and_labelled(void **state) {
    (void)state;
    draw_dots();
    write_gray("sheet.png");
    expect_dots("sheet.png");
}

static void test_other_kinds_of_png_give_the_same(void **state) {
    (void)state;
    draw_dots();
    write_png("sheet.png", PNG_COLOR_TYPE_RGB, 8, PNG_INTERLACE_NONE);
    expect_dots("sheet.png");
    write_png("sheet.png", PNG_COLOR_TYPE_RGBA, 8, PNG_INTERLACE_NONE);
    expect_dots("sheet.png");
    write_png("sheet.png", PNG_COLOR_TYPE_PALETTE, 8, PNG_INTERLACE_NONE);
    expect_dots("sheet.png");
    write_png("sheet.png", PNG_COLOR_TYPE_GRAY, 16, PNG_INTERLACE_NONE);
    expect_dots("sheet.png");
    write_png("sheet.png", PNG_COLOR_TYPE_GRAY, 8, PNG_INTERLACE_ADAM7);
    expect_dots("sheet.png");
}

/* Imports the sheet and copies the image of its first cell. */
static void import_first_cell(uint8_t image[784]) {
    void *memory = NULL;
    write_gray("sheet.png");
    expect_import("sheet.png", NULL);
    Dataset dataset = read_digits(&memory);
    memcpy(image, dataset.train_images, 784);
    free(memory);
}

/* Dots of 100 in line 0 and 50 in line 3: the mass is at 1.0, so the shift is 13. Columns 2 and 3
 * with equal mass: at 2.5, which rounds up to 3, so the shift is 11. */
static void test_shift_is_the_centre_of_mass_rounded(void **state) {
    (void)state;
    uint8_t image[784];
    draw_dots();
    memset(sheet[0], 0, 20);
    set_ink(0, 0, 0, 2, 50);
    set_ink(0, 0, 0, 3, 50);
    set_ink(0, 0, 3, 2, 25);
    set_ink(0, 0, 3, 3, 25);
    import_first_cell(image);
    assert_int_equal(image[13 * 28 + 13], 50);
    assert_int_equal(image[13 * 28 + 14], 50);
    assert_int_equal(image[16 * 28 + 13], 25);
    assert_int_equal(image[16 * 28 + 14], 25);
}

/* A heavy line 0 and a faint line 19: centring would push line 19 out at the bottom. */
static void test_no_ink_is_lost(void **state) {
    (void)state;
    uint8_t image[784];
    draw_dots();
    memset(sheet[0], 0, 20);
    set_ink(0, 0, 0, 5, 255);
    set_ink(0, 0, 19, 5, 1);
    import_first_cell(image);
    assert_int_equal(image[8 * 28 + 14], 255);
    assert_int_equal(image[27 * 28 + 14], 1);
}

static void test_blank_cell_is_refused(void **state) {
    (void)state;
    draw_dots();
    set_ink(7, 2, 7, 14, 0);
    write_gray("sheet.png");
    expect_refusal("sheet.png", NULL, "sheet.png: line 8, column 3 of cells: the cell is blank");
}

static void test_black_on_white_is_refused(void **state) {
    (void)state;
    draw_dots();
    for (size_t y = 0; y < HEIGHT; y++) {
        for (size_t x = 0; x < WIDTH; x++) sheet[y][x] = (uint8_t)(255 - sheet[y][x]);
    }
    write_gray("sheet.png");
    expect_refusal("sheet.png", NULL,
                   "sheet.png: mostly white; ink must be white on black: invert the picture");
}

/* Writes a blank PNG of this size. */
static void write_blank(const char *path, uint32_t width, uint32_t height) {
    png_image image = {.version = PNG_IMAGE_VERSION, .width = width, .height = height};
    uint8_t *pixels = calloc(width, height);
    image.format = PNG_FORMAT_GRAY;
    assert_true(png_image_write_to_file(&image, path, 0, pixels, 0, NULL));
    free(pixels);
}

static void test_wrong_sizes_are_refused(void **state) {
    (void)state;
    write_blank("sheet.png", 60, 420);
    expect_refusal("sheet.png", NULL,
                   "sheet.png: 60x420 pixels are no sheet of 20x20 cells with lines for ten "
                   "digits: the width must be a multiple of 20, the height of 200");
    write_blank("sheet.png", 61, 400);
    expect_refusal("sheet.png", NULL,
                   "sheet.png: 61x400 pixels are no sheet of 20x20 cells with lines for ten "
                   "digits: the width must be a multiple of 20, the height of 200");
    write_blank("sheet.png", 10000, 10000);
    expect_refusal("sheet.png", NULL,
                   "sheet.png: 10000x10000 pixels are more than is read; cut or "
                   "shrink the picture");
}

static void test_damaged_png_is_refused(void **state) {
    (void)state;
    draw_dots();
    write_gray("sheet.png");
    FILE *file = fopen("sheet.png", "rb");
    uint8_t bytes[4096];
    size_t count = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    for (size_t kept = 8; kept + 12 < count; kept += 37) {
        ImportSummary summary;
        write_file("sheet.png", bytes, kept);
        assert_int_equal(import_files(&summary, "sheet.png", NULL, "digits.h5", NULL), STATUS_DATA);
        assert_int_equal(strncmp(status_message(), "sheet.png: damaged PNG (", 24), 0);
        assert_int_equal(count_files(), 1);
        status_clear();
    }
}

static void test_sheet_of_opencv(void **state) {
    (void)state;
    const char *path = "/usr/share/doc/opencv-doc/examples/data/digits.png";
    if (access(path, R_OK) != 0) skip();
    ImportSummary summary = expect_import(path, NULL);
    assert_int_equal(summary.train_rows, 5000);
    for (size_t i = 0; i < 10; i++) assert_int_equal(summary.train_labels[i], 500);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, enter_folder, leave_folder)
    const struct CMUnitTest tests[] = {
        TEST(test_cells_are_centred_and_labelled),
        TEST(test_other_kinds_of_png_give_the_same),
        TEST(test_shift_is_the_centre_of_mass_rounded),
        TEST(test_no_ink_is_lost),
        TEST(test_blank_cell_is_refused),
        TEST(test_black_on_white_is_refused),
        TEST(test_wrong_sizes_are_refused),
        TEST(test_damaged_png_is_refused),
        TEST(test_sheet_of_opencv),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
