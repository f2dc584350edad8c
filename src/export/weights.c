/* Keras 3's .weights.h5: what `load_weights` reads, the optimizer's state with it.
 *
 * Sources: keras-team/keras 3.12, src/saving/saving_lib.py (_save_state, _save_container_state):
 * layers/NAME/vars/N, where NAME is the class in snake case with a counter (which our layers'
 * names are), N counts a layer's variables, trained ones first. src/optimizers: optimizer/vars/0
 * is the iteration, 1 the learning rate; then Adam and its kin have momentum and velocity of each
 * variable in turn, RMSprop all velocities and behind them all momenta, SGD the momenta. Keras up
 * to 3.3 wants the empty group /vars. */
#include "export/weights.h"

#include <stdio.h>
#include <string.h>

#include "export/formats.h"
#include "mnist_dist/base/h5file.h"
#include "mnist_dist/base/safefile.h"
#include "mnist_dist/data/split.h"

enum { NAME = 128 };

bool weights_has_optimizer(const OptimizerOptions *options) {
    return options->kind != OPTIMIZER_LARS;
}

double weights_learning_rate(const Checkpoint *checkpoint) {
    const Config *config = &checkpoint->config;
    Split split;
    Status status = split_count(&split, checkpoint->train_rows, (size_t)config->data.folds,
                                (size_t)config_held_out_fold(config));
    if (status == STATUS_OK)
        return config_rate(config, &checkpoint->progress,
                           config_epoch_steps(config, split.train_count));
    status_clear(); /* an imported checkpoint knows of no rows */
    return config_base_rate(config);
}

Status weights_check_name(const char *path, const char *ending) {
    size_t length = strlen(path), end = strlen(ending);
    if (length > end && strcmp(path + length - end, ending) == 0) return STATUS_OK;
    return status_fail(STATUS_USAGE,
                       "%s: Keras tells its formats by their names, and would not read this one; "
                       "give it a name that ends in %s",
                       path, ending);
}

/* ---- Layers ---------------------------------------------------------------------------------- */

/* The layer's group of variables, which is there even if it has none. */
static Status make_layer(H5File *file, const char *layer) {
    char group[NAME];
    Status status;
    snprintf(group, sizeof group, "/layers/%s/vars", layer);
    TRY(h5file_make_group(file, group));
    TRY(h5file_set_text(file, group, "name", layer));
cleanup:
    return status;
}

/* The variables of one layer, in the order that they have in the model. */
static Status write_layer(H5File *file, const Checkpoint *checkpoint, const char *layer) {
    char name[NAME];
    Status status;
    size_t number = 0;
    TRY(make_layer(file, layer));
    for (size_t i = 0; i < model_tensor_count(checkpoint->model); i++) {
        ModelTensor tensor = model_tensor(checkpoint->model, i);
        if (strcmp(tensor.layer, layer) != 0) continue;
        snprintf(name, sizeof name, "/layers/%s/vars/%zu", layer, number++);
        TRY(h5file_write(file, name, H5_F32, tensor.rank, tensor.dims,
                         checkpoint->params + tensor.offset));
    }
cleanup:
    return status;
}

/* ---- Optimizer ------------------------------------------------------------------------------- */

/* Writes the optimizer's variables one by one. */
typedef struct Variables {
    H5File *file;
    const Checkpoint *checkpoint;
    size_t next;
} Variables;

static Status write_variable(Variables *variables, H5Type type, int rank, const size_t dims[],
                             const void *values) {
    char name[NAME];
    snprintf(name, sizeof name, "/optimizer/vars/%zu", variables->next++);
    return h5file_write(variables->file, name, type, rank, dims, values);
}

/* Slots first .. end - 1 of each trained variable in turn. */
static Status write_slots(Variables *variables, int first, int end) {
    const Checkpoint *checkpoint = variables->checkpoint;
    Status status = STATUS_OK;
    for (size_t i = 0; i < model_tensor_count(checkpoint->model); i++) {
        ModelTensor tensor = model_tensor(checkpoint->model, i);
        for (int slot = first; slot < end && !tensor.buffer; slot++)
            TRY(write_variable(variables, H5_F32, tensor.rank, tensor.dims,
                               checkpoint->slots[slot] + tensor.offset));
    }
cleanup:
    return status;
}

static Status write_optimizer(H5File *file, const Checkpoint *checkpoint) {
    const OptimizerOptions *options = &checkpoint->config.optimizer;
    Variables variables = {.file = file, .checkpoint = checkpoint};
    const int64_t iteration = (int64_t)checkpoint->progress.step;
    const float rate = (float)weights_learning_rate(checkpoint);
    int slots = optimizer_slot_count(options);
    Status status = STATUS_OK;
    if (!weights_has_optimizer(options)) return STATUS_OK;
    TRY(write_variable(&variables, H5_I64, 0, NULL, &iteration));
    TRY(write_variable(&variables, H5_F32, 0, NULL, &rate));
    if (options->kind == OPTIMIZER_RMSPROP) {
        for (int slot = 0; slot < slots; slot++) TRY(write_slots(&variables, slot, slot + 1));
    } else {
        TRY(write_slots(&variables, 0, slots));
    }
cleanup:
    return status;
}

/* ---- The file -------------------------------------------------------------------------------- */

Status weights_write(const Checkpoint *checkpoint, const char *path) {
    const Model *model = checkpoint->model;
    H5File *file = NULL;
    Status status;
    TRY(h5file_create(&file, path, 0, STATUS_FAILED));
    TRY(h5file_make_group(file, "/vars"));
    TRY(h5file_set_text(file, "/vars", "name", "sequential"));
    for (size_t i = 0; i < model_layer_count(model); i++)
        TRY(write_layer(file, checkpoint, model_layer_name(model, i)));
    TRY(write_optimizer(file, checkpoint));
    status = h5file_close(file);
    file = NULL;
cleanup:
    h5file_destroy(file);
    return status;
}

Status export_weights(const Checkpoint *checkpoint, const char *path) {
    SafeFile file = {.temporary = ""};
    Status status;
    TRY(weights_check_name(path, ".weights.h5"));
    TRY(safefile_begin(&file, path, STATUS_FAILED));
    TRY(weights_write(checkpoint, file.temporary));
    TRY(safefile_commit(&file, STATUS_FAILED));
cleanup:
    safefile_abandon(&file);
    return status;
}
