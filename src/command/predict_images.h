/* `mnist_dist predict CHECKPOINT... --images FILE...`: what digits pictures show. */
#pragma once

#include "command/arguments.h"
#include "mnist_dist/base/status.h"
#include "mnist_dist/dist/comm.h"

/* **Collective.** Reads the pictures one after the other, shows each as the network sees it with
 * the three best guesses, and writes them to a CSV file if one is named. A picture that cannot be
 * read is told of in a line of its own, and the others are read all the same; STATUS_DATA then. */
Status predict_images(Comm *comm, const Arguments *arguments);
