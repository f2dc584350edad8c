/* Direct convolution: every output pixel is the product of its patch and the kernel, and the patch
 * is read where it lies.
 *
 * An image is copied into a frame of zeros, so that no loop asks whether a tap is inside. Under an
 * output pixel the taps of one row of the kernel are then kw * in neighbouring floats, and the
 * kernel's rows stand in the same order, so a row of pixels is a product of kh segments
 * (product.h): at 14 pixels by 32 channels a tile, every loaded vector is used 14 times and every
 * broadcast twice. The kernel is copied into panels of the tile's width, filled up with zeros: any
 * number of channels will do. The input's gradient is the same convolution of dy with the kernel
 * turned round; where the forward one takes every second pixel, an even pixel of dx has met other
 * taps than an odd one, so there is a convolution for each parity (phases; refused: dy's pixels two
 * apart in the frame, where three quarters of the products are with zeros). The weights' gradient
 * takes the taps of a kernel row as rows and the image's pixels as depth: the sums of an image stay
 * in registers and are added on to those of the images before it, which is also more precise than
 * one chain over all images.
 *
 * Zen 4, AVX-512, forward and both gradients together: 93 to 97 % of the peak for the default
 * model's inner convolutions (im2col: 69 to 81 %), and 80 and 97 % for its first layer's forward
 * and weights. Loops of its own for one input channel were therefore refused. */
#include <string.h>

#include "mnist_dist/base/minmax.h"
#include "nn/families.h"
#include "nn/kernels/product.h"

/* One dimension of a convolution from x to y. */
typedef struct Axis {
    size_t from, to; /* pixels of x, of y */
    size_t taps;
    size_t apart;  /* pixels of y from one to the next that meets the same taps: so many phases */
    size_t before; /* zeros that the forward convolution has before its image */
    size_t most;   /* taps of a phase at most */
    size_t zeros;  /* of the frame before x */
    size_t step;   /* pixels of the frame from one of a phase's windows to the next */
    size_t frame;  /* pixels of it */
} Axis;

static Axis axis_make(size_t image, size_t windows, size_t taps, size_t before, size_t stride,
                      bool reversed) {
    Axis axis = {.taps = taps, .before = before};
    axis.from = reversed ? windows : image;
    axis.to = reversed ? image : windows;
    axis.apart = reversed ? stride : 1;
    axis.step = reversed ? 1 : stride;
    axis.most = (taps + axis.apart - 1) / axis.apart;
    axis.zeros = reversed ? axis.most - 1 - before / axis.apart : before;
    if (!reversed) axis.before = 0;
    size_t last = (axis.before + axis.to - 1) / axis.apart - axis.before / axis.apart;
    axis.frame = larger(axis.zeros + axis.from, last * axis.step + axis.most);
    return axis;
}

/* The pixels of y that meet the taps `residue`, residue + apart and so on: `count` of them from
 * `first` on, whose first window begins at the frame's pixel `window`. */
typedef struct Phase {
    size_t residue, first, count, taps, window;
} Phase;

static Phase phase_make(const Axis *axis, size_t residue) {
    const size_t apart = axis->apart;
    Phase phase = {.residue = residue, .first = (residue + apart - axis->before % apart) % apart};
    if (phase.first < axis->to) phase.count = (axis->to - phase.first + apart - 1) / apart;
    if (residue < axis->taps) phase.taps = (axis->taps - residue + apart - 1) / apart;
    phase.window =
        (phase.first + axis->before) / apart - axis->before / apart + axis->most - phase.taps;
    return phase;
}

/* One image's convolution: y (down.to, across.to, out) from x (down.from, across.from, in). */
typedef struct Conv {
    Axis down, across;
    size_t in, out;
    size_t run;       /* the taps of a row of the kernel, times in */
    size_t pitch;     /* floats of a framed row */
    size_t out_whole; /* out, rounded up to vectors */
} Conv;

static Conv conv_make(const ConvShape *shape, bool reversed) {
    const ConvEdges edges = conv_edges(shape);
    Conv conv = {.in = reversed ? shape->out : shape->in, .out = reversed ? shape->in : shape->out};
    conv.down = axis_make(shape->h, edges.h, shape->kh, edges.top, shape->stride, reversed);
    conv.across = axis_make(shape->w, edges.w, shape->kw, edges.left, shape->stride, reversed);
    conv.run = shape->kw * conv.in;
    conv.pitch = conv.across.frame * conv.in;
    conv.out_whole = whole_vectors(conv.out);
    return conv;
}

static size_t frame_size(const Conv *conv) {
    return whole_lines(conv->down.frame * conv->pitch);
}

static size_t panels_size(const Conv *conv) {
    return whole_lines(conv->down.taps * conv->run * conv->out_whole);
}

static void frame_image(float *frame, const float *x, const Conv *conv) {
    const size_t row = conv->across.from * conv->in;
    float *first = frame + conv->down.zeros * conv->pitch + conv->across.zeros * conv->in;
    for (size_t j = 0; j < conv->down.from; j++, first += conv->pitch, x += row)
        memcpy(first, x, row * sizeof *x);
}

/* The kernel is kept in panels of up to TILE_COLUMNS output channels: taps and input channels as
 * rows, output channels as columns, filled up to whole vectors. */
static size_t panel_columns(const Conv *conv, size_t first) {
    size_t left = conv->out - first;
    return left < TILE_COLUMNS ? left : TILE_COLUMNS;
}

/* The panel from the output channel `first` on, of a kernel (kh, kw, in, out). */
static void pack_panel(float *panel, const float *kernel, const Conv *conv, size_t first) {
    size_t columns = panel_columns(conv, first), width = whole_vectors(columns);
    for (size_t k = 0; k < conv->down.taps * conv->run; k++, panel += width) {
        memcpy(panel, kernel + k * conv->out + first, columns * sizeof *panel);
        memset(panel + columns, 0, (width - columns) * sizeof *panel);
    }
}

/* One tap (out, in), whose columns are to be rows. */
static void pack_tap_reversed(float *panel, const float *tap, const Conv *conv, size_t first) {
    size_t columns = panel_columns(conv, first), width = whole_vectors(columns);
    memset(panel, 0, conv->in * width * sizeof *panel);
    for (size_t o = 0; o < columns; o++)
        for (size_t i = 0; i < conv->in; i++)
            panel[i * width + o] = tap[(first + o) * conv->in + i];
}

/* The same of a phase's taps, from the last to the first; the kernel is (kh, kw, out, in). */
static void pack_panel_reversed(float *panel, const float *kernel, const Conv *conv,
                                const Phase *down, const Phase *across, size_t first) {
    size_t size = conv->in * whole_vectors(panel_columns(conv, first)), apart = conv->down.apart;
    for (size_t j = down->taps; j-- > 0;)
        for (size_t i = across->taps; i-- > 0; panel += size) {
            size_t tap =
                (down->residue + j * apart) * conv->across.taps + across->residue + i * apart;
            pack_tap_reversed(panel, kernel + tap * conv->in * conv->out, conv, first);
        }
}

typedef struct Job {
    Conv conv;
    size_t n;
    float *y;
    const float *x, *panels; /* of all phases, one after the other */
    const float *bias;       /* in whole vectors; NULL for none */
    Finish finish;
} Job;

/* Of a phase's rows of pixels with the panel from `first` on; a and c are still to be set. */
static Product row_product(const Job *job, const Phase *down, const Phase *across, size_t first,
                           const float *panels) {
    const Conv *conv = &job->conv;
    size_t columns = panel_columns(conv, first), width = whole_vectors(columns);
    size_t run = across->taps * conv->in;
    return (Product){.rows = across->count,
                     .columns = columns,
                     .depth = run,
                     .segments = down->taps,
                     .a_row = conv->across.step * conv->in,
                     .a_step = 1,
                     .a_segment = conv->pitch,
                     .b = panels + first * down->taps * run,
                     .b_step = width,
                     .b_segment = run * width,
                     .start = job->bias == NULL ? NULL : job->bias + first,
                     .c_row = conv->across.apart * conv->out,
                     .finish = job->finish};
}

/* A phase of y, panel by panel. */
static void convolve_phase(const Job *job, float *y, const float *frame, const Phase *down,
                           const Phase *across, const float *panels) {
    const Conv *conv = &job->conv;
    const float *window = frame + down->window * conv->pitch + across->window * conv->in;
    y += (down->first * conv->across.to + across->first) * conv->out;
    for (size_t first = 0; first < conv->out; first += TILE_COLUMNS) {
        Product product = row_product(job, down, across, first, panels);
        for (size_t j = 0; j < down->count; j++) {
            product.a = window + j * conv->down.step * conv->pitch;
            product.c = y + j * conv->down.apart * conv->across.to * conv->out + first;
            KERNEL(product_run)(&product);
        }
    }
}

/* Floats of a phase's panels. */
static size_t phase_size(const Conv *conv, const Phase *down, const Phase *across) {
    return down->taps * across->taps * conv->in * conv->out_whole;
}

/* y of all images, phase by phase in each. */
static void convolve(const Job *job, float *frame) {
    const Conv *conv = &job->conv;
    memset(frame, 0, frame_size(conv) * sizeof *frame);
    for (size_t i = 0; i < job->n; i++) {
        float *y = job->y + i * conv->down.to * conv->across.to * conv->out;
        const float *panels = job->panels;
        frame_image(frame, job->x + i * conv->down.from * conv->across.from * conv->in, conv);
        for (size_t k = 0; k < conv->down.apart * conv->across.apart; k++) {
            Phase down = phase_make(&conv->down, k / conv->across.apart);
            Phase across = phase_make(&conv->across, k % conv->across.apart);
            convolve_phase(job, y, frame, &down, &across, panels);
            panels += phase_size(conv, &down, &across);
        }
    }
}

static void forward(const ConvCall *call) {
    Conv conv = conv_make(&call->shape, false);
    float *bias = call->workspace, *panels = bias + whole_lines(conv.out_whole);
    memset(bias, 0, conv.out_whole * sizeof *bias);
    memcpy(bias, call->bias, conv.out * sizeof *bias);
    for (size_t first = 0; first < conv.out; first += TILE_COLUMNS)
        pack_panel(panels + first * conv.down.taps * conv.run, call->kernel, &conv, first);
    Finish finish = call->activation == ACTIVATION_RELU ? FINISH_RELU : FINISH_STORE;
    convolve(&(Job){conv, call->n, call->y, call->x, panels, bias, finish},
             panels + panels_size(&conv));
}

/* The kernel turned round, phase by phase. */
static void pack_phases(float *panels, const float *kernel, const Conv *conv) {
    for (size_t k = 0; k < conv->down.apart * conv->across.apart; k++) {
        Phase down = phase_make(&conv->down, k / conv->across.apart);
        Phase across = phase_make(&conv->across, k % conv->across.apart);
        const size_t taps = down.taps * across.taps * conv->in;
        for (size_t first = 0; first < conv->out; first += TILE_COLUMNS)
            pack_panel_reversed(panels + first * taps, kernel, conv, &down, &across, first);
        panels += phase_size(conv, &down, &across);
    }
}

static void backward_input(const ConvCall *call) {
    Conv conv = conv_make(&call->shape, true);
    float *panels = call->workspace;
    pack_phases(panels, call->kernel, &conv);
    convolve(&(Job){conv, call->n, call->dx, call->dy, panels, NULL, FINISH_STORE},
             panels + panels_size(&conv));
}

/* An image's dy (h * w, out) with its rows filled up to whole vectors; itself if they are. */
static const float *whole_rows(float *room, const float *dy, const Conv *conv) {
    if (conv->out == conv->out_whole) return dy;
    for (size_t i = 0; i < conv->down.to * conv->across.to; i++) {
        memset(room + i * conv->out_whole, 0, conv->out_whole * sizeof *room);
        memcpy(room + i * conv->out_whole, dy + i * conv->out, conv->out * sizeof *room);
    }
    return room;
}

/* The gradient of one image, written or added. */
static void image_weights(float *dkernel, const float *frame, const float *dy, const Conv *conv,
                          Finish finish) {
    Product product = {.rows = conv->run,
                       .columns = conv->out,
                       .depth = conv->across.to,
                       .segments = conv->down.to,
                       .a_row = 1,
                       .a_step = conv->across.step * conv->in,
                       .a_segment = conv->down.step * conv->pitch,
                       .b = dy,
                       .b_step = conv->out_whole,
                       .b_segment = conv->across.to * conv->out_whole,
                       .b_panel = TILE_COLUMNS,
                       .c_row = conv->out,
                       .finish = finish};
    for (size_t k = 0; k < conv->down.taps; k++) {
        product.a = frame + k * conv->pitch;
        product.c = dkernel + k * conv->run * conv->out;
        KERNEL(product_run)(&product);
    }
}

static void backward_weights(const ConvCall *call) {
    Conv conv = conv_make(&call->shape, false);
    size_t pixels = conv.down.to * conv.across.to;
    float *frame = call->workspace, *room = frame + frame_size(&conv);
    memset(frame, 0, frame_size(&conv) * sizeof *frame);
    for (size_t i = 0; i < call->n; i++) {
        frame_image(frame, call->x + i * conv.down.from * conv.across.from * conv.in, &conv);
        const float *dy = whole_rows(room, call->dy + i * pixels * conv.out, &conv);
        image_weights(call->dkernel, frame, dy, &conv, i == 0 ? FINISH_STORE : FINISH_ADD);
    }
}

static bool suits(const ConvShape *shape) {
    (void)shape;
    return true;
}

static size_t workspace(const ConvShape *shape) {
    Conv ahead = conv_make(shape, false), back = conv_make(shape, true);
    size_t forward_size = whole_lines(ahead.out_whole) + panels_size(&ahead) + frame_size(&ahead);
    size_t input_size = panels_size(&back) + frame_size(&back);
    size_t weights_size =
        frame_size(&ahead) + whole_lines(ahead.down.to * ahead.across.to * ahead.out_whole);
    return larger(larger(forward_size, input_size), weights_size);
}

const ConvKernel KERNEL(conv_direct) = {
    .name = "direct " KERNEL_SET_NAME,
    .compute = COMPUTE_FLOAT32,
    .convolution = CONVOLUTION_DIRECT,
    .instructions = KERNEL_INSTRUCTIONS,
    .suits = suits,
    .workspace = workspace,
    .forward = forward,
    .backward_input = backward_input,
    .backward_weights = backward_weights,
};
