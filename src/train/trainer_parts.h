/* What trainer.c (the step) and trainer_update.c (its last part) share. */
#pragma once

#include "mnist_dist/train/trainer.h"

/* Which parameters are updated alike: trainer->runs. */
Status trainer_plan_update(Trainer *trainer);

/* Updates this rank's slice of params, slots and average from the finished sum, whose norm is
 * given. */
void trainer_update(Trainer *trainer, double norm);
