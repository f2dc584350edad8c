/* Checkpoints: bytes of any kind, whose digest is wrong; and, with a digest that is right, a whole
 * checkpoint with edits of its content. */
#include <stdlib.h>

#include "damage_files.h"
#include "edit.h"
#include "mnist_dist/base/log.h"
#include "mnist_dist/train/checkpoint.h"
#include "train/checkpoint_parts.h"

static DamageFile whole;

int LLVMFuzzerInitialize(int *argc, char ***argv);

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc, (void)argv;
    log_start(false);
    fuzz_enter_folder();
    damage_make_file(&whole, DAMAGE_CHECKPOINT);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    FuzzInput input = {data, size};
    Checkpoint checkpoint;
    if (fuzz_byte(&input) % 2 == 0) {
        fuzz_write("x.h5", input.bytes, input.count);
    } else {
        edit_file("x.h5", whole.bytes, whole.count, &input);
        FUZZ_CHECK(checkpoint_seal("x.h5") == STATUS_OK);
    }
    Status status = checkpoint_read(&checkpoint, "x.h5");
    FUZZ_CHECK(status == STATUS_OK || status == STATUS_CHECKPOINT);
    fuzz_check_line(status);
    if (status == STATUS_OK) checkpoint_free(&checkpoint);
    return 0;
}
