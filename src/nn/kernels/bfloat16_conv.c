/* Convolution in bfloat16, by vectors (AVX512-BF16) or by tiles (AMX): the same lines, compiled
 * with either product.
 *
 * An image is rounded once into a frame of zeros, (h + kh - 1, width, in). What lies under one row
 * of the kernel is then a run of kw * in numbers of the frame without a gap, so a convolution is a
 * product of kh segments, whatever the number of channels, and no patches are made. The input's
 * gradient is the same of dy with the kernel turned round. For the weights' gradient the inner
 * length is the pixels, so the frame is transposed into planes, one a channel; a tap is an offset
 * into them. Vectors go along each image row; tiles, whose step is 32 pixels, go through all rows
 * at once, over the border's pixels too, where dy is zero.
 *
 * An image is summed by itself and then added: a gradient's chains are no longer than an image.
 * Where a run or a tile is filled up, numbers that are there meet zeros, so a NaN or an infinity
 * may spoil a few more sums than it would in float32.
 *
 * GFLOP/s on a core of Zen 4, whose peak in bfloat16 was 232: 5x5 with 32 to 32 channels 230
 * forward, 223 for the input's gradient, 214 for the weights'; 3x3 with 64 to 64: 230, 226, 201. */
#include "nn/families.h"
#include "nn/kernels/bfloat16_product.h"

/* One image's convolution, y (h, w, out) from x (h, w, in). */
typedef struct Conv {
    size_t h, w, in, out, kh, kw;
    size_t top, left; /* zeros before the image; (k - 1) - those after it */
    size_t width;     /* pixels of a framed row, even */
    size_t run;       /* numbers under one row of the kernel */
    size_t depth;     /* run, filled up */
    size_t blocks;    /* of COLUMNS output channels */
} Conv;

static Conv conv_make(const ConvShape *shape, bool reversed) {
    size_t kh = shape->kh, kw = shape->kw;
    Conv conv = {.h = shape->h, .w = shape->w, .kh = kh, .kw = kw};
    conv.in = reversed ? shape->out : shape->in;
    conv.out = reversed ? shape->in : shape->out;
    conv.top = reversed ? kh / 2 : (kh - 1) / 2;
    conv.left = reversed ? kw / 2 : (kw - 1) / 2;
    conv.width = round_up(conv.w + kw - 1, 2);
    conv.run = kw * conv.in;
    conv.depth = round_up(conv.run, PRODUCT_STEP);
    conv.blocks = (conv.out + COLUMNS - 1) / COLUMNS;
    return conv;
}

/* Pixels of a frame: behind its rows are zeros for what tiles and steps read beyond them. */
static size_t frame_pixels(const Conv *conv) {
    return round_up((conv->h + conv->kh - 1) * conv->width + conv->kw, 32) + 2 * 32;
}

static size_t frame_size(const Conv *conv) {
    return frame_pixels(conv) * conv->in + PRODUCT_STEP + PAIR_LANES;
}

static void frame_image(Bfloat16 *frame, const float *x, const Conv *conv) {
    size_t row = conv->w * conv->in;
    for (size_t j = 0; j < conv->h; j++) {
        size_t begin = ((conv->top + j) * conv->width + conv->left) * conv->in;
        bfloat16_round(frame + begin, x + j * row, row);
    }
}

static size_t kernel_block(const Conv *conv) {
    return conv->kh * conv->depth / 2 * COLUMNS;
}

static void pack_kernel(Pair *packed, const float *kernel, const Conv *conv) {
    for (size_t c = 0; c < conv->out; c += COLUMNS)
        for (size_t k = 0; k < conv->kh; k++, packed += conv->depth / 2 * COLUMNS)
            bfloat16_pack(packed, kernel + k * conv->run * conv->out + c, conv->out, conv->run,
                          conv->depth, smaller(conv->out - c, COLUMNS));
}

/* y of n images; `start` is blocks * COLUMNS floats or NULL. */
static void convolve(float *y, const float *x, size_t n, const Pair *packed, const float *start,
                     int finish, const Conv *conv, Bfloat16 *frame) {
    size_t pixels = conv->h * conv->w;
    Bfloat16Product product = {.lines = conv->h,
                               .rows = conv->w,
                               .columns = conv->out,
                               .segments = conv->kh,
                               .depth = conv->depth,
                               .a = frame,
                               .a_line = conv->width * conv->in,
                               .a_row = conv->in,
                               .a_segment = conv->width * conv->in,
                               .b = packed,
                               .b_block = kernel_block(conv),
                               .start = start,
                               .c_line = conv->w * conv->out,
                               .c_row = conv->out,
                               .finish = finish};
    memset(frame, 0, frame_size(conv) * sizeof *frame);
    for (size_t i = 0; i < n; i++) {
        frame_image(frame, x + i * pixels * conv->in, conv);
        product.c = y + i * pixels * conv->out;
        KERNEL(bfloat16_product)(&product);
    }
}

static void forward(const ConvCall *call) {
    Conv conv = conv_make(&call->shape, false);
    float *workspace = call->workspace;
    Bfloat16 *frame = workspace_take(&workspace, (frame_size(&conv) + 1) / 2);
    Pair *packed = workspace_take(&workspace, conv.blocks * kernel_block(&conv));
    float *start = workspace_take(&workspace, conv.blocks * COLUMNS);
    memset(start, 0, conv.blocks * COLUMNS * sizeof *start);
    memcpy(start, call->bias, conv.out * sizeof *start);
    pack_kernel(packed, call->kernel, &conv);
    convolve(call->y, call->x, call->n, packed, start,
             call->activation == ACTIVATION_RELU ? PRODUCT_RELU : 0, &conv, frame);
}

static void backward_input(const ConvCall *call) {
    Conv conv = conv_make(&call->shape, true);
    float *workspace = call->workspace;
    Bfloat16 *frame = workspace_take(&workspace, (frame_size(&conv) + 1) / 2);
    Pair *packed = workspace_take(&workspace, conv.blocks * kernel_block(&conv));
    float *reversed = workspace_take(&workspace, conv.kh * conv.run * conv.out);
    conv_reverse_kernel(reversed, call->kernel, &call->shape);
    pack_kernel(packed, reversed, &conv);
    convolve(call->dx, call->dy, call->n, packed, NULL, 0, &conv, frame);
}

/* Numbers from a plane to the next: an odd number of cache lines, so that the same pixel of several
 * channels does not contend for one set of the cache. */
static size_t plane_size(const Conv *conv) {
    return round_up(frame_pixels(conv) - 32, 64) + 32;
}

/* planes (in rounded up to 16, plane_size) from the frame (pixels, in). */
static void make_planes(Bfloat16 *planes, const Bfloat16 *frame, const Conv *conv) {
    size_t pitch = plane_size(conv), pixels = frame_pixels(conv) - 32;
    for (size_t i = 0; i < conv->in; i += PAIR_LANES)
        for (size_t q = 0; q < pixels; q += 2 * PAIR_LANES) {
            Pairs square[PAIR_LANES];
            for (size_t r = 0; r < PAIR_LANES; r++) {
                const Bfloat16 *first = frame + (q + 2 * r) * conv->in + i;
                for (size_t v = 0; v < PAIR_LANES; v++)
                    square[r][v] = first[v] | (Pair)first[v + conv->in] << 16;
            }
            transpose_pairs(square);
            for (size_t r = 0; r < PAIR_LANES; r++)
                memcpy(planes + (i + r) * pitch + q, &square[r], sizeof square[r]);
        }
}

/* How the pixels of dy are packed: rows of `row` pixels, filled up from w; then segments. */
typedef struct Pixels {
    size_t row, segments, depth;
} Pixels;

static Pixels pixels_of(const Conv *conv) {
    if (PRODUCT_STEP == 2) return (Pixels){round_up(conv->w, 2), conv->h, round_up(conv->w, 2)};
    return (Pixels){conv->width, 1, round_up(conv->h * conv->width, PRODUCT_STEP)};
}

static size_t gradient_block(const Pixels *pixels) {
    return pixels->segments * pixels->depth / 2 * COLUMNS;
}

static void pack_gradient(Pair *packed, const float *dy, const Conv *conv, const Pixels *pixels) {
    size_t row = pixels->row / 2 * COLUMNS;
    for (size_t c = 0; c < conv->out; c += COLUMNS, packed += gradient_block(pixels))
        for (size_t j = 0; j < conv->h; j++)
            bfloat16_pack(packed + j * row, dy + j * conv->w * conv->out + c, conv->out, conv->w,
                          pixels->row, smaller(conv->out - c, COLUMNS));
}

/* dkernel = or += one image's, by rows of the kernel; a single channel's taps are rows, not lines.
 */
static void multiply_planes(float *dkernel, const Bfloat16 *planes, const Pair *packed,
                            const Conv *conv, const Pixels *pixels, int finish) {
    bool single = conv->in == 1;
    Bfloat16Product product = {.lines = single ? 1 : conv->kw,
                               .rows = single ? conv->kw : conv->in,
                               .columns = conv->out,
                               .segments = pixels->segments,
                               .depth = pixels->depth,
                               .a_line = 1,
                               .a_row = single ? 1 : plane_size(conv),
                               .a_segment = conv->width,
                               .b = packed,
                               .b_block = gradient_block(pixels),
                               .c_line = conv->in * conv->out,
                               .c_row = conv->out,
                               .finish = finish};
    for (size_t k = 0; k < conv->kh; k++) {
        product.a = planes + k * conv->width;
        product.c = dkernel + k * conv->run * conv->out;
        KERNEL(bfloat16_product)(&product);
    }
}

static void backward_weights(const ConvCall *call) {
    Conv conv = conv_make(&call->shape, false);
    Pixels pixels = pixels_of(&conv);
    size_t packed_size = conv.blocks * gradient_block(&pixels), count = conv.h * conv.w;
    float *workspace = call->workspace;
    Bfloat16 *frame = workspace_take(&workspace, (frame_size(&conv) + 1) / 2);
    Pair *packed = workspace_take(&workspace, packed_size);
    Bfloat16 *planes = conv.in == 1 ? frame : (Bfloat16 *)workspace;
    memset(frame, 0, frame_size(&conv) * sizeof *frame);
    memset(packed, 0, packed_size * sizeof *packed);
    for (size_t i = 0; i < call->n; i++) {
        frame_image(frame, call->x + i * count * conv.in, &conv);
        if (conv.in > 1) make_planes(planes, frame, &conv);
        pack_gradient(packed, call->dy + i * count * conv.out, &conv, &pixels);
        multiply_planes(call->dkernel, planes, packed, &conv, &pixels, i == 0 ? 0 : PRODUCT_ADD);
    }
}

static bool suits(const ConvShape *shape) {
    return conv_is_plain(shape);
}

static size_t forward_size(const Conv *conv) {
    return frame_size(conv) / 2 + conv->blocks * (kernel_block(conv) + COLUMNS);
}

static size_t weights_size(const Conv *conv) {
    Pixels pixels = pixels_of(conv);
    size_t planes = (round_up(conv->in, PAIR_LANES) + PRODUCT_ROWS) * plane_size(conv);
    return frame_size(conv) / 2 + conv->blocks * gradient_block(&pixels) + planes / 2;
}

static size_t workspace(const ConvShape *shape) {
    Conv ahead = conv_make(shape, false), back = conv_make(shape, true);
    size_t kernel = shape->kh * shape->kw * shape->in * shape->out, parts = 4 * 16;
    return larger(larger(forward_size(&ahead), forward_size(&back) + kernel),
                  weights_size(&ahead)) +
           parts;
}

const ConvKernel KERNEL(conv_bfloat16) = {
    .name = "bfloat16 " KERNEL_SET_NAME,
    .compute = COMPUTE_BFLOAT16,
    .convolution = CONVOLUTION_DIRECT,
    .instructions = PRODUCT_INSTRUCTIONS,
    .suits = suits,
    .workspace = workspace,
    .forward = forward,
    .backward_input = backward_input,
    .backward_weights = backward_weights,
};
