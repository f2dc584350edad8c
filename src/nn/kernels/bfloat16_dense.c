/* Dense layers in bfloat16, by vectors or by tiles as in bfloat16_conv.c.
 *
 * W (in, out) is too large for the caches and is used for a few samples only, so what counts is
 * that each call reads or writes it once, row by row: forward packs BLOCK of its rows at a time and
 * goes on with the sums that y holds; the input's gradient packs the transpose of COLUMNS rows, for
 * which out is the inner length; the weights' gradient is a product of x', BLOCK rows at a time,
 * with dy, and ends in whole rows of dkernel. Samples go in chunks, so that the workspace does not
 * hang on their number. Layers with few weights stay in float32: there is nothing to gain. */
#include "nn/families.h"
#include "nn/kernels/bfloat16_product.h"

enum {
    BLOCK = 64,  /* rows of W that forward packs */
    CHUNK = 96,  /* samples of forward and of the input's gradient */
    DEPTH = 32,  /* samples of the weights' gradient: an inner length that both products take */
    SQUARE = 16, /* rows of x' that are made at a time */
    MIN_WEIGHTS = 1 << 16,
};

/* to (rows, at pitch), rounded, from (rows, columns), filled up with zeros. */
static void round_rows(Bfloat16 *to, size_t pitch, const float *from, size_t rows, size_t columns) {
    for (size_t r = 0; r < rows; r++, to += pitch, from += columns) {
        bfloat16_round(to, from, columns);
        memset(to + columns, 0, (pitch - columns) * sizeof *to);
    }
}

static size_t blocks_of(size_t columns) {
    return (columns + COLUMNS - 1) / COLUMNS;
}

/* packed (blocks, depth / 2, COLUMNS) from a matrix (rows, columns), which is read row by row. */
static void pack_rows(Pair *packed, const float *matrix, size_t rows, size_t depth,
                      size_t columns) {
    for (size_t k = 0; k < depth; k += 2)
        for (size_t c = 0; c < columns; c += COLUMNS)
            bfloat16_pack(packed + (c * depth + k * COLUMNS) / 2, matrix + k * columns + c, columns,
                          k < rows ? rows - k : 0, 2, smaller(columns - c, COLUMNS));
}

/* y of n samples, of which x is the rounded rows. */
static void multiply(float *y, const Bfloat16 *x, size_t n, const DenseCall *call,
                     const float *start, Pair *packed) {
    Bfloat16Product product = {.lines = 1,
                               .rows = n,
                               .columns = call->out,
                               .segments = 1,
                               .depth = BLOCK,
                               .a_row = round_up(call->in, BLOCK),
                               .b = packed,
                               .b_block = BLOCK / 2 * COLUMNS,
                               .c = y,
                               .c_row = call->out};
    for (size_t k = 0; k < call->in; k += BLOCK) {
        bool last = k + BLOCK >= call->in;
        pack_rows(packed, call->kernel + k * call->out, smaller(BLOCK, call->in - k), BLOCK,
                  call->out);
        product.a = x + k;
        product.start = k == 0 ? start : NULL;
        product.finish = k == 0 ? 0 : PRODUCT_ADD;
        if (last && call->activation == ACTIVATION_RELU) product.finish |= PRODUCT_RELU;
        KERNEL(bfloat16_product)(&product);
    }
}

static void forward(const DenseCall *call) {
    size_t pitch = round_up(call->in, BLOCK), blocks = blocks_of(call->out);
    float *workspace = call->workspace, *start = workspace_take(&workspace, blocks * COLUMNS);
    Pair *packed = workspace_take(&workspace, blocks * COLUMNS * BLOCK / 2);
    Bfloat16 *x = (Bfloat16 *)workspace;
    memset(start, 0, blocks * COLUMNS * sizeof *start);
    memcpy(start, call->bias, call->out * sizeof *start);
    for (size_t i = 0; i < call->n; i += CHUNK) {
        size_t n = smaller(CHUNK, call->n - i);
        round_rows(x, pitch, call->x + i * call->in, n, call->in);
        multiply(call->y + i * call->out, x, n, call, start, packed);
    }
}

/* square[r] = 16 pairs of neighbours of row r of a matrix (rows, columns), zeros beyond. */
static void take_square(Pairs square[SQUARE], const float *matrix, size_t rows, size_t pitch,
                        size_t columns) {
    for (size_t r = 0; r < SQUARE; r++) {
        float padded[2 * PAIR_LANES] = {0};
        const float *row = matrix + r * pitch;
        if (r >= rows || columns < 2 * PAIR_LANES) {
            if (r < rows) memcpy(padded, row, columns * sizeof *padded);
            row = padded;
        }
        bfloat16_narrow((Bfloat16 *)&square[r], row);
    }
}

/* packed (out / 2 rounded up, COLUMNS) from the transpose of W's rows [first, first + COLUMNS). */
static void pack_transpose(Pair *packed, const DenseCall *call, size_t first) {
    size_t rows = smaller(COLUMNS, call->in - first);
    const float *matrix = call->kernel + first * call->out;
    for (size_t r = 0; r < COLUMNS; r += SQUARE)
        for (size_t o = 0; o < call->out; o += 2 * PAIR_LANES) {
            Pairs square[SQUARE];
            take_square(square, matrix + r * call->out + o, r < rows ? rows - r : 0, call->out,
                        call->out - o);
            transpose_pairs(square);
            for (size_t k = 0; k < SQUARE; k++)
                memcpy(packed + (o / 2 + k) * COLUMNS + r, &square[k], sizeof *square);
        }
}

static void backward_input(const DenseCall *call) {
    size_t depth = round_up(call->out, 2 * PAIR_LANES);
    float *workspace = call->workspace;
    Pair *packed = workspace_take(&workspace, depth / 2 * COLUMNS);
    Bfloat16 *dy = (Bfloat16 *)workspace;
    Bfloat16Product product = {
        .lines = 1, .segments = 1, .depth = depth, .a = dy, .a_row = depth, .b = packed};
    product.c_row = call->in;
    for (size_t i = 0; i < call->n; i += CHUNK) {
        product.rows = smaller(CHUNK, call->n - i);
        round_rows(dy, depth, call->dy + i * call->out, product.rows, call->out);
        for (size_t k = 0; k < call->in; k += COLUMNS) {
            pack_transpose(packed, call, k);
            product.columns = smaller(COLUMNS, call->in - k);
            product.c = call->dx + i * call->in + k;
            KERNEL(bfloat16_product)(&product);
        }
    }
}

/* rows (SQUARE, DEPTH) = x' of n samples, from column `first` on; zeros beyond n. */
static void take_columns(Pairs rows[SQUARE], const DenseCall *call, const float *x, size_t n,
                         size_t count) {
    static const float zeros[SQUARE];
    memset(rows, 0, SQUARE * sizeof *rows);
    for (size_t i = 0; i < n; i += 2) {
        const float *second = i + 1 < n ? x + (i + 1) * call->in : zeros;
        bfloat16_pair((Pair *)&rows[i / 2], x + i * call->in, second, count);
    }
    transpose_pairs(rows);
}

/* Rows [begin, end) of dkernel, = or += those of n samples from i on. */
static void add_samples(const DenseCall *call, size_t i, size_t n, size_t begin, size_t end,
                        int finish) {
    Pairs rows[SQUARE];
    Pair *packed = (Pair *)call->workspace;
    Bfloat16Product product = {.lines = 1,
                               .columns = call->out,
                               .segments = 1,
                               .depth = round_up(n, PRODUCT_STEP),
                               .a = (const Bfloat16 *)rows,
                               .a_row = DEPTH,
                               .b = packed,
                               .b_block = DEPTH / 2 * COLUMNS,
                               .c_row = call->out,
                               .finish = finish};
    pack_rows(packed, call->dy + i * call->out, n, DEPTH, call->out);
    for (size_t k = begin; k < end; k += SQUARE) {
        product.rows = smaller(SQUARE, end - k);
        product.c = call->dkernel + (k - begin) * call->out;
        take_columns(rows, call, call->x + i * call->in + k, n, product.rows);
        KERNEL(bfloat16_product)(&product);
    }
}

static void backward_weights_rows(const DenseCall *call, size_t begin, size_t end) {
    for (size_t i = 0; i < call->n; i += DEPTH)
        add_samples(call, i, smaller(DEPTH, call->n - i), begin, end, i == 0 ? 0 : PRODUCT_ADD);
}

static void backward_weights(const DenseCall *call) {
    backward_weights_rows(call, 0, call->in);
}

static bool suits(size_t in, size_t out) {
    return in * out >= MIN_WEIGHTS;
}

static size_t workspace(size_t in, size_t out) {
    size_t columns = round_up(out, COLUMNS), parts = 3 * 16;
    size_t ahead = columns + columns * BLOCK / 2 + CHUNK * round_up(in, BLOCK) / 2;
    size_t input = columns / 2 * COLUMNS + CHUNK * columns / 2;
    size_t rows = PRODUCT_ROWS * larger(columns, round_up(in, BLOCK)) / 2;
    return larger(ahead, input) + rows + parts;
}

const DenseKernel KERNEL(dense_bfloat16) = {
    .name = "bfloat16 " KERNEL_SET_NAME,
    .compute = COMPUTE_BFLOAT16,
    .instructions = PRODUCT_INSTRUCTIONS,
    .suits = suits,
    .workspace = workspace,
    .forward = forward,
    .backward_input = backward_input,
    .backward_weights = backward_weights,
    .backward_weights_rows = backward_weights_rows,
};
