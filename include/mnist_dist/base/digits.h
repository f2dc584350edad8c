/* What a digit is, for every room: the sizes that the program is about. */
#pragma once

enum {
    DIGIT_SIDE = 28,                        /* pixels */
    DIGIT_PIXELS = DIGIT_SIDE * DIGIT_SIDE, /* bytes of an image: rows, then columns; 255 is ink */
    DIGIT_CLASSES = 10,
    DIGIT_UNLABELLED = 255 /* in place of a label where there is none */
};
