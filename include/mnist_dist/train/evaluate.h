/* Predictions and exact counts over many images, in fixed blocks shared out among the ranks.
 *
 * A block is EVALUATION_BLOCK images; which rank computes a block changes no bit of it, and the
 * blocks' loss sums are added in the fixed tree of tally_sum. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mnist_dist/base/pool.h"
#include "mnist_dist/base/tally.h"
#include "mnist_dist/data/row_reader.h"
#include "mnist_dist/dist/comm.h"
#include "mnist_dist/nn/model.h"

enum { EVALUATION_BLOCK = 16 };

/* What is to be evaluated. */
typedef struct EvaluationImages {
    const uint8_t *images; /* (·, 28, 28); NULL: they are read, by the evaluating ranks each */
    const uint8_t *labels; /* (·); DIGIT_UNLABELLED gives no hit and no loss */
    const uint32_t *rows;  /* (count) rows of images; NULL: 0 .. count - 1 */
    size_t count;
    RowReader *reader; /* if there are no images */
    DataPart part;     /* of it */
} EvaluationImages;

typedef struct Evaluator Evaluator;

/* Brings scratch for each thread of the pool. Each image is looked at in the first `views` ways of
 * augment_view, and the mean of what the network says of them is its word. `interrupted`, unless
 * NULL, is asked between rounds on every rank; once any rank's answer is true, all ranks give up
 * together. */
Status evaluator_new(Evaluator **out, Comm *comm, Pool *pool, const Model *model, size_t views,
                     bool (*interrupted)(void));
void evaluator_destroy(Evaluator *evaluator);

/* **Collective.** The tally of all images: of their logits, exactly, if there is one view, else of
 * the means of probabilities; STATUS_STOPPED if interrupted, STATUS_DATA if a rank cannot read its
 * images. `probabilities`, unless NULL, is
 * (count, 10) and is filled on all ranks. */
Status evaluator_run(Evaluator *evaluator, Tally *tally, float *probabilities, const float *params,
                     const EvaluationImages *images);

/* Counts by label and prediction (argmax); rows without a label are left out. */
void confusion_count(Confusion *confusion, const float *probabilities,
                     const EvaluationImages *images);

/* The confusion matrix with per-class precision and recall, as a table of text; freed by the
 * caller. */
Status confusion_text(char **text, const Confusion *confusion);
