/* The trained network as a WebAssembly module, for the page's drawing box: the program's own layers
 * behind a few calls that JavaScript can make.
 *
 * The module needs nothing of its host: what the C library would ask of it is never asked. Pointers
 * are offsets into its memory; the host takes room by `malloc`, writes the weights there, and reads
 * what calls return. One thread; a call's text of failure is valid until the next failure. */
#pragma once

#include <stddef.h>

typedef struct Digit Digit;

/* A network for the configuration's list of layers ("conv 5x5 32 same relu, ..."); its parameters
 * are zeros. NULL if the list is wrong or memory is short: digit_error says why. */
Digit *digit_new(const char *layers);
void digit_destroy(Digit *digit);

/* The line of text of the last call that returned NULL. */
const char *digit_error(void);

/* Numbers of the flat parameter vector, and where they are to be written. */
size_t digit_count(const Digit *digit);
float *digit_params(Digit *digit);

/* probabilities (n, 10) of images (n, 28, 28) in 0..1, 1 for ink. */
void digit_predict(float *probabilities, Digit *digit, const float *images, size_t n);

/* image (28, 28) of a drawing's ink (h, w), as data/centre.h has it; 0 if the drawing is blank. */
int digit_centre(float *image, const float *ink, size_t h, size_t w);
