/* What the files plot*.c share: a canvas, text, and axes with round ticks.
 *
 *   plots.c           the pictures of a run, one after the other
 *   plot.c            the canvas: colours, text, digits, the file
 *   plot_axes.c       a panel with its axes
 *   plot_curves.c     curves.png
 *   plot_confusion.c  confusion.png
 *   plot_digits.c     errors.png and augmented.png
 *   plot_scaling.c    the picture of `bench scaling --model`
 *
 * Lengths are in pixels of a page that is PLOT_WIDTH wide; the file has PLOT_SCALE as many. */
#pragma once

#include <cairo.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mnist_dist/base/status.h"
#include "mnist_dist/report/record.h"

enum { PLOT_WIDTH = 1000, PLOT_MARGIN = 24, PLOT_SCALE = 2 };

/* The light colours of page.css, by their names there. */
typedef enum PlotColour {
    PLOT_SURFACE,
    PLOT_TEXT, /* --ink */
    PLOT_MUTED,
    PLOT_RULE,
    PLOT_GRID,
    PLOT_TRAINING,
    PLOT_VALIDATION,
    PLOT_HIT,
    PLOT_MISS,
    PLOT_COLOURS
} PlotColour;

typedef struct Plot {
    cairo_surface_t *surface;
    cairo_t *cairo;
    double height;
} Plot;

/* A white canvas of this height. */
Status plot_new(Plot *plot, double height);

/* Writes it to directory/name, whole or not at all. */
Status plot_write(const Plot *plot, const char *directory, const char *name);
void plot_free(Plot *plot); /* harmless on a zeroed struct */

void plot_colour(const Plot *plot, PlotColour colour, double alpha);
void plot_box(const Plot *plot, double x, double y, double w, double h);

/* Where a text stands to its point: its left end, its middle, its right end; on its base line. */
typedef enum PlotAlign { PLOT_LEFT, PLOT_CENTRE, PLOT_RIGHT } PlotAlign;
typedef struct PlotStyle {
    double size;
    PlotColour colour;
    PlotAlign align;
    bool bold;
} PlotStyle;

/* Writes a text and returns its width. */
double plot_text(const Plot *plot, double x, double y, PlotStyle style, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* The heading of a picture: what it is, and about which run. Returns where it ends. */
double plot_heading(const Plot *plot, const char *title, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A digit (28, 28), dark on white, in a frame of this side. */
void plot_digit(const Plot *plot, double x, double y, double side, const uint8_t *image);

/* ---- axes ---- */

typedef enum PlotKind {
    PLOT_LINEAR,
    PLOT_LOGARITHMIC, /* values above 0 */
    PLOT_ACCURACY,    /* shares of hits, by the logarithm of their distance from 1, in percent */
} PlotKind;

typedef struct PlotAxis {
    PlotKind kind;
    double low, high; /* of the values; widen from INFINITY, -INFINITY by plot_widen */
} PlotAxis;

typedef struct PlotPanel {
    const char *title;
    double x, y, w, h; /* of the field between the axes */
    PlotAxis across, up;
} PlotPanel;

/* What a logarithmic axis shows of 0: a value that the axis can have. */
double plot_clamp(PlotKind kind, double value);

/* Takes a value into an axis; NAN is none. */
void plot_widen(PlotAxis *axis, double value);

/* Room for the lines at both ends; an axis without a length gets one. */
void plot_pad(PlotAxis *axis);

/* An axis's round numbers, in order. */
enum { PLOT_MOST_TICKS = 16 };
typedef struct PlotTicks {
    int count;
    double values[PLOT_MOST_TICKS];
    double step; /* between them, where they are evenly apart; else 0 */
} PlotTicks;
PlotTicks plot_ticks(const PlotAxis *axis);

/* Grid, ticks, labels and title. */
void plot_axes(const Plot *plot, const PlotPanel *panel);

double plot_x(const PlotPanel *panel, double value);
double plot_y(const PlotPanel *panel, double value);

/* ---- pictures: each makes its file in the directory ---- */

Status plot_curves(const RunRecord *record, const char *directory, const char *name);
Status plot_confusion(const RunRecord *record, const char *directory, const char *name);
Status plot_errors(const RunRecord *record, const char *directory, const char *name);
Status plot_augmented(const RunRecord *record, const char *directory, const char *name);
