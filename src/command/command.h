/* The commands: each takes the arguments and, if it works with ranks, their communicator (NULL
 * otherwise). What they return becomes the exit code. */
#pragma once

#include "command/arguments.h"
#include "mnist_dist/base/status.h"
#include "mnist_dist/dist/comm.h"

/* **Collective.** */
Status command_train(Comm *comm, const Arguments *arguments);
Status command_evaluate(Comm *comm, const Arguments *arguments);
Status command_predict(Comm *comm, const Arguments *arguments);
Status command_bench(Comm *comm, const Arguments *arguments);

/* **Collective.** */
Status command_info(Comm *comm, const Arguments *arguments);

Status command_watch(Comm *comm, const Arguments *arguments);
/* **Collective.** */
Status command_compare(Comm *comm, const Arguments *arguments);

Status command_import_model(Comm *comm, const Arguments *arguments);
Status command_export(Comm *comm, const Arguments *arguments);
Status command_report(Comm *comm, const Arguments *arguments);
Status command_import(Comm *comm, const Arguments *arguments);
Status command_synth(Comm *comm, const Arguments *arguments);
