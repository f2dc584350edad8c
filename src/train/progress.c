/* The start of a run; see progress.h. */
#include "mnist_dist/train/progress.h"

Progress progress_start(double base_rate) {
    return (Progress){
        .status = RUN_UNDER_WAY,
        .plateau = {.rate = base_rate, .best = -1.0},
        .best_accuracy = -1.0,
    };
}
