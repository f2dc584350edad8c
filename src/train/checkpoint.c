/* What writing and reading a checkpoint share: the table of progress, names, and the digest. */
#include "checkpoint_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIELD(type, member)                                                                        \
    { #member, FIELD_##type, offsetof(Progress, member) }

const ProgressField PROGRESS_TABLE[PROGRESS_FIELDS] = {
    [PROGRESS_STATUS] = FIELD(I64, status),
    FIELD(U64, step),
    FIELD(U64, epoch),
    FIELD(U64, epoch_step),
    FIELD(F64, running.loss),
    FIELD(I64, running.correct),
    FIELD(I64, running.count),
    FIELD(F64, plateau.rate),
    FIELD(F64, plateau.best),
    FIELD(I64, plateau.wait),
    FIELD(F64, best_accuracy),
    FIELD(U64, best_epoch),
    FIELD(U64, stale_epochs),
    [PROGRESS_SETBACKS] = FIELD(U64, setbacks),
};

const char CHECKPOINT_BEST[] = "/training/best_params";
const char CHECKPOINT_LIVE[] = "/training/live_params";
const char CHECKPOINT_TRAINED[] = "/data/trained";

_Static_assert(sizeof(Progress) == (size_t)PROGRESS_FIELDS * 8,
               "a field of Progress is not in the table");

const char CHECKPOINT_IMPORTED[] = "imported";

bool checkpoint_is_imported(const Checkpoint *checkpoint) {
    return strcmp(checkpoint->data_fingerprint, CHECKPOINT_IMPORTED) == 0;
}

int checkpoint_slots(const Checkpoint *checkpoint) {
    return optimizer_slot_count(&checkpoint->config.optimizer);
}

void checkpoint_tensor_name(char name[CHECKPOINT_NAME], const ModelTensor *tensor) {
    snprintf(name, CHECKPOINT_NAME, "/model_weights/%s/%s/%s:0", tensor->layer, tensor->layer,
             tensor->name);
}

void checkpoint_slot_name(char name[CHECKPOINT_NAME], const Checkpoint *checkpoint, int slot) {
    snprintf(name, CHECKPOINT_NAME, "/optimizer/%s",
             optimizer_slot_name(&checkpoint->config.optimizer, slot));
}

Status checkpoint_state_digest(char text[DIGEST_TEXT], const Checkpoint *checkpoint) {
    size_t bytes = checkpoint->parameter_count * sizeof(float);
    Digester *digester = digester_new();
    if (digester == NULL) return STATUS_FAILED;
    digester_add(digester, checkpoint->params, bytes);
    if (checkpoint->live != NULL) digester_add(digester, checkpoint->live, bytes);
    for (int i = 0; i < checkpoint_slots(checkpoint); i++)
        digester_add(digester, checkpoint->slots[i], bytes);
    for (int i = PROGRESS_STATUS + 1; i < PROGRESS_SETBACKS; i++)
        digester_add(digester, (const char *)&checkpoint->progress + PROGRESS_TABLE[i].offset, 8);
    if (checkpoint->progress.setbacks > 0) /* so that others have the digest that they always had */
        digester_add(digester, &checkpoint->progress.setbacks, 8);
    history_digest(digester, &checkpoint->history);
    digest_text(text, digester_finish(digester));
    return STATUS_OK;
}

void checkpoint_free(Checkpoint *checkpoint) {
    for (int i = 0; i < OPTIMIZER_MAX_SLOTS; i++) free(checkpoint->slots[i]);
    free(checkpoint->params);
    free(checkpoint->live);
    free(checkpoint->best);
    row_hashes_free(&checkpoint->trained);
    model_destroy(checkpoint->model);
    history_destroy(&checkpoint->history);
    checkpoint->model = NULL;
    checkpoint->params = NULL;
    checkpoint->live = NULL;
    checkpoint->best = NULL;
    for (int i = 0; i < OPTIMIZER_MAX_SLOTS; i++) checkpoint->slots[i] = NULL;
}
