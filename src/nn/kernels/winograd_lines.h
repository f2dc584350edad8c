/* Winograd's (Cook and Toom's) short convolutions in one dimension: four outputs from a kernel of 3
 * or 5 taps, by 6 or 8 products instead of 12 or 20.
 *
 * With points p_j (0, 1, -1, 2, -2, for 5 taps also 1/2 and -1/2, and infinity) the outputs are
 * y = A'[(G g) . (B' d)], ' for transposition: A'[i][j] = p_j^i, G[j][k] = p_j^k / N_j, and row j
 * of B' holds the coefficients of M_j(x) = the product of (x - p_l) over all finite p_l but p_j,
 * with N_j = M_j(p_j); infinity gives the highest coefficients (Lavin and Gray, "Fast Algorithms
 * for Convolutional Neural Networks", CVPR 2016; the points are Lavin's, for 8 products those of
 * NNPACK's F(6,3)). Points come in pairs p, -p, so that even and odd powers are summed once for
 * both. The columns of +-1/2 are scaled by 8 in A' and by 1/8 in G, to have whole numbers.
 *
 * The weights' gradient is the same form read backwards: dg = G'[(B' d) . (A dy)]. Each function
 * maps one line of vectors, the lanes being channels; `taps` is a constant where it is called. */
#pragma once

#include "nn/kernels/vector.h"

enum { OUTPUTS = 4, MOST_POINTS = 8 };

/* Inputs under OUTPUTS outputs, and products. */
INLINE int line_points(int taps) {
    return OUTPUTS + taps - 1;
}

/* B' d, 8 points */
INLINE void line_input_5(Vector v[8], const Vector d[8]) {
    Vector even1 = d[2] + d[6] - 4.25F * d[4], odd1 = d[1] + d[5] - 4.25F * d[3];
    Vector even2 = d[6] + 0.25F * d[2] - 1.25F * d[4],
           odd2 = 0.5F * d[1] - 2.5F * d[3] + 2.0F * d[5];
    Vector even3 = d[6] + 4.0F * d[2] - 5.0F * d[4], odd3 = 2.0F * d[1] - 2.5F * d[3] + 0.5F * d[5];
    v[0] = d[0] - d[6] + 5.25F * (d[4] - d[2]);
    v[1] = even1 + odd1;
    v[2] = even1 - odd1;
    v[3] = even2 + odd2;
    v[4] = even2 - odd2;
    v[5] = even3 + odd3;
    v[6] = even3 - odd3;
    v[7] = d[7] - d[1] + 5.25F * (d[3] - d[5]);
}

/* B' d, 6 points */
INLINE void line_input_3(Vector v[6], const Vector d[6]) {
    Vector even1 = d[4] - 4.0F * d[2], odd1 = d[3] - 4.0F * d[1];
    Vector even2 = d[4] - d[2], odd2 = 2.0F * (d[3] - d[1]);
    v[0] = 4.0F * d[0] - 5.0F * d[2] + d[4];
    v[1] = even1 + odd1;
    v[2] = even1 - odd1;
    v[3] = even2 + odd2;
    v[4] = even2 - odd2;
    v[5] = 4.0F * d[1] - 5.0F * d[3] + d[5];
}

INLINE void line_input(Vector *v, const Vector *d, int taps) {
    if (taps == 5)
        line_input_5(v, d);
    else
        line_input_3(v, d);
}

/* A' m: the outputs */
INLINE void line_output(Vector y[OUTPUTS], const Vector *m, int taps) {
    Vector even1 = m[1] + m[2], odd1 = m[1] - m[2], even2 = m[3] + m[4], odd2 = m[3] - m[4];
    y[0] = m[0] + even1 + even2;
    y[1] = odd1 + 2.0F * odd2;
    y[2] = even1 + 4.0F * even2;
    y[3] = odd1 + 8.0F * odd2 + m[line_points(taps) - 1];
    if (taps == 3) return;
    Vector even3 = m[5] + m[6], odd3 = m[5] - m[6];
    y[0] += 8.0F * even3;
    y[1] += 4.0F * odd3;
    y[2] += 2.0F * even3;
    y[3] += odd3;
}

/* A dy */
INLINE void line_output_gradient(Vector *z, const Vector dy[OUTPUTS], int taps) {
    Vector even1 = dy[0] + dy[2], odd1 = dy[1] + dy[3];
    Vector even2 = dy[0] + 4.0F * dy[2], odd2 = 2.0F * dy[1] + 8.0F * dy[3];
    z[0] = dy[0];
    z[1] = even1 + odd1;
    z[2] = even1 - odd1;
    z[3] = even2 + odd2;
    z[4] = even2 - odd2;
    z[line_points(taps) - 1] = dy[3];
    if (taps == 3) return;
    Vector even3 = 8.0F * dy[0] + 2.0F * dy[2], odd3 = 4.0F * dy[1] + dy[3];
    z[5] = even3 + odd3;
    z[6] = even3 - odd3;
}

/* G g, 8 points */
INLINE void line_kernel_5(Vector u[8], const Vector g[5]) {
    Vector even1 = g[0] + g[2] + g[4], odd1 = g[1] + g[3];
    Vector even2 = g[0] + 4.0F * g[2] + 16.0F * g[4], odd2 = 2.0F * g[1] + 8.0F * g[3];
    Vector even3 = g[0] + 0.25F * g[2] + 0.0625F * g[4], odd3 = 0.5F * g[1] + 0.125F * g[3];
    u[0] = g[0];
    u[1] = (even1 + odd1) * (-2.0F / 9.0F);
    u[2] = (even1 - odd1) * (-2.0F / 9.0F);
    u[3] = (even2 + odd2) * (1.0F / 90.0F);
    u[4] = (even2 - odd2) * (1.0F / 90.0F);
    u[5] = (even3 + odd3) * (4.0F / 45.0F);
    u[6] = (even3 - odd3) * (4.0F / 45.0F);
    u[7] = g[4];
}

/* G g, 6 points */
INLINE void line_kernel_3(Vector u[6], const Vector g[3]) {
    Vector even1 = g[0] + g[2], even2 = g[0] + 4.0F * g[2], odd2 = 2.0F * g[1];
    u[0] = 0.25F * g[0];
    u[1] = (even1 + g[1]) * (-1.0F / 6.0F);
    u[2] = (even1 - g[1]) * (-1.0F / 6.0F);
    u[3] = (even2 + odd2) * (1.0F / 24.0F);
    u[4] = (even2 - odd2) * (1.0F / 24.0F);
    u[5] = g[2];
}

INLINE void line_kernel(Vector *u, const Vector *g, int taps) {
    if (taps == 5)
        line_kernel_5(u, g);
    else
        line_kernel_3(u, g);
}

/* G' m, 8 points */
INLINE void line_kernel_gradient_5(Vector dg[5], const Vector m[8]) {
    Vector even1 = (m[1] + m[2]) * (-2.0F / 9.0F), odd1 = (m[1] - m[2]) * (-2.0F / 9.0F);
    Vector even2 = (m[3] + m[4]) * (1.0F / 90.0F), odd2 = (m[3] - m[4]) * (1.0F / 90.0F);
    Vector even3 = (m[5] + m[6]) * (4.0F / 45.0F), odd3 = (m[5] - m[6]) * (4.0F / 45.0F);
    dg[0] = m[0] + even1 + even2 + even3;
    dg[1] = odd1 + 2.0F * odd2 + 0.5F * odd3;
    dg[2] = even1 + 4.0F * even2 + 0.25F * even3;
    dg[3] = odd1 + 8.0F * odd2 + 0.125F * odd3;
    dg[4] = even1 + 16.0F * even2 + 0.0625F * even3 + m[7];
}

/* G' m, 6 points */
INLINE void line_kernel_gradient_3(Vector dg[3], const Vector m[6]) {
    Vector even1 = (m[1] + m[2]) * (-1.0F / 6.0F), odd1 = (m[1] - m[2]) * (-1.0F / 6.0F);
    Vector even2 = (m[3] + m[4]) * (1.0F / 24.0F), odd2 = (m[3] - m[4]) * (1.0F / 24.0F);
    dg[0] = 0.25F * m[0] + even1 + even2;
    dg[1] = odd1 + 2.0F * odd2;
    dg[2] = even1 + 4.0F * even2 + m[5];
}

INLINE void line_kernel_gradient(Vector *dg, const Vector *m, int taps) {
    if (taps == 5)
        line_kernel_gradient_5(dg, m);
    else
        line_kernel_gradient_3(dg, m);
}
