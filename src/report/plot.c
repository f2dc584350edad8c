/* A canvas by cairo, the usual library for it, with text in DejaVu Sans, which Debian has as
 * fonts-dejavu-core; see plot.h. Refused: gnuplot and matplotlib, which a cluster's nodes do not
 * have, while what is drawn here is four pictures. */
#include "report/plot.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mnist_dist/base/digits.h"
#include "mnist_dist/base/safefile.h"
#include "mnist_dist/report/plots.h"

static const double COLOURS[PLOT_COLOURS][3] = {
    [PLOT_SURFACE] = {0xff, 0xff, 0xff},
    [PLOT_TEXT] = {0x1a, 0x1d, 0x21},
    [PLOT_MUTED] = {0x59, 0x61, 0x6b},
    [PLOT_RULE] = {0xd5, 0xd9, 0xde},
    [PLOT_GRID] = {0xe8, 0xea, 0xed},
    [PLOT_TRAINING] = {0xc8, 0x55, 0x0f},
    [PLOT_VALIDATION] = {0x00, 0x62, 0xa8},
    [PLOT_HIT] = {0, 98, 168},
    [PLOT_MISS] = {214, 94, 14},
};

static const char FONT[] = "DejaVu Sans";

static Status failure(cairo_status_t problem, const char *place) {
    return status_fail(STATUS_FAILED, "%s: cannot be drawn: %s", place,
                       cairo_status_to_string(problem));
}

Status plot_new(Plot *plot, double height) {
    plot->height = height;
    plot->surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, PLOT_SCALE * PLOT_WIDTH,
                                               (int)(PLOT_SCALE * height));
    plot->cairo = cairo_create(plot->surface);
    cairo_status_t problem = cairo_status(plot->cairo);
    if (problem != CAIRO_STATUS_SUCCESS) return failure(problem, "a picture");
    cairo_scale(plot->cairo, PLOT_SCALE, PLOT_SCALE);
    plot_colour(plot, PLOT_SURFACE, 1.0);
    cairo_paint(plot->cairo);
    cairo_set_line_join(plot->cairo, CAIRO_LINE_JOIN_ROUND);
    cairo_set_line_cap(plot->cairo, CAIRO_LINE_CAP_ROUND);
    return STATUS_OK;
}

void plot_free(Plot *plot) {
    if (plot->cairo != NULL) cairo_destroy(plot->cairo);
    if (plot->surface != NULL) cairo_surface_destroy(plot->surface);
    *plot = (Plot){0};
}

static cairo_status_t put_bytes(void *stream, const unsigned char *bytes, unsigned count) {
    return fwrite(bytes, 1, count, stream) == count ? CAIRO_STATUS_SUCCESS
                                                    : CAIRO_STATUS_WRITE_ERROR;
}

Status plot_write(const Plot *plot, const char *directory, const char *name) {
    char path[PATH_MAX], *bytes = NULL;
    size_t count = 0;
    if (snprintf(path, sizeof path, "%s/%s", directory, name) >= PATH_MAX)
        return status_fail(STATUS_FAILED, "%.200s...: the path is too long", directory);
    FILE *stream = open_memstream(&bytes, &count);
    if (stream == NULL) return status_fail_errno(STATUS_FAILED, "%s", path);
    cairo_status_t problem = cairo_status(plot->cairo);
    if (problem == CAIRO_STATUS_SUCCESS)
        problem = cairo_surface_write_to_png_stream(plot->surface, put_bytes, stream);
    if (fclose(stream) != 0 && problem == CAIRO_STATUS_SUCCESS) problem = CAIRO_STATUS_NO_MEMORY;
    Status status = problem == CAIRO_STATUS_SUCCESS
                        ? safefile_write(path, bytes, count, STATUS_FAILED)
                        : failure(problem, path);
    free(bytes);
    return status;
}

void plot_colour(const Plot *plot, PlotColour colour, double alpha) {
    const double *rgb = COLOURS[colour];
    cairo_set_source_rgba(plot->cairo, rgb[0] / 255, rgb[1] / 255, rgb[2] / 255, alpha);
}

void plot_box(const Plot *plot, double x, double y, double w, double h) {
    cairo_rectangle(plot->cairo, x, y, w, h);
    cairo_fill(plot->cairo);
}

/* ---- text ---- */

static double put_text(const Plot *plot, double x, double y, PlotStyle style, const char *text) {
    cairo_text_extents_t extents;
    cairo_select_font_face(plot->cairo, FONT, CAIRO_FONT_SLANT_NORMAL,
                           style.bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
    cairo_set_font_size(plot->cairo, style.size);
    cairo_text_extents(plot->cairo, text, &extents);
    double shift = style.align == PLOT_LEFT    ? 0.0
                   : style.align == PLOT_RIGHT ? extents.x_advance
                                               : extents.x_advance / 2;
    plot_colour(plot, style.colour, 1.0);
    cairo_move_to(plot->cairo, x - shift, y);
    cairo_show_text(plot->cairo, text);
    return extents.x_advance;
}

/* How many bytes a character takes that begins here; 0 if it is no UTF-8. */
static size_t character_length(const char *text) {
    unsigned char first = (unsigned char)*text;
    size_t length = first < 0x80    ? 1
                    : first >= 0xf0 ? 4
                    : first >= 0xe0 ? 3
                    : first >= 0xc2 ? 2
                                    : 0;
    for (size_t i = 1; i < length; i++)
        if (((unsigned char)text[i] & 0xc0) != 0x80) return 0;
    return length;
}

/* A name that is no UTF-8 would put cairo into its failed state: such bytes become marks. */
static void clean(char *text) {
    while (*text != '\0') {
        size_t length = character_length(text);
        if (length == 0) *text = '?';
        text += length > 0 ? length : 1;
    }
}

double plot_text(const Plot *plot, double x, double y, PlotStyle style, const char *format, ...) {
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    clean(text);
    return put_text(plot, x, y, style, text);
}

double plot_heading(const Plot *plot, const char *title, const char *format, ...) {
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    double y = PLOT_MARGIN + 20;
    double width =
        plot_text(plot, PLOT_MARGIN, y, (PlotStyle){20, PLOT_TEXT, PLOT_LEFT, true}, "%s", title);
    plot_text(plot, PLOT_MARGIN + width + 16, y, (PlotStyle){15, PLOT_MUTED, PLOT_LEFT, false},
              "%s", text);
    return y + 16;
}

/* ---- digits ---- */

void plot_digit(const Plot *plot, double x, double y, double side, const uint8_t *image) {
    cairo_t *cairo = plot->cairo;
    double pixel = side / DIGIT_SIDE;
    cairo_save(cairo);
    cairo_translate(cairo, x, y);
    cairo_set_antialias(cairo, CAIRO_ANTIALIAS_NONE);
    for (int i = 0; i < DIGIT_PIXELS; i++) {
        if (image[i] == 0) continue;
        plot_colour(plot, PLOT_TEXT, image[i] / 255.0);
        int row = i / DIGIT_SIDE, column = i % DIGIT_SIDE;
        plot_box(plot, column * pixel, row * pixel, pixel, pixel);
    }
    cairo_restore(cairo);
    plot_colour(plot, PLOT_RULE, 1.0);
    cairo_set_line_width(cairo, 1);
    cairo_rectangle(cairo, x - 0.5, y - 0.5, side + 1, side + 1);
    cairo_stroke(cairo);
}

const char *plots_cairo_version(void) {
    return cairo_version_string();
}
