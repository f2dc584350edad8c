/* digits.h5, predictions.h5 and metrics.h5: bytes of any kind behind the seal's first ones; and
 * whole files with edits of their content, sealed anew. */
#include <stdlib.h>
#include <string.h>

#include "base/h5file_parts.h"
#include "damage_files.h"
#include "edit.h"
#include "mnist_dist/base/log.h"

static DamageFile files[DAMAGE_SEALED];

int LLVMFuzzerInitialize(int *argc, char ***argv);

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc, (void)argv;
    log_start(false);
    fuzz_enter_folder();
    for (size_t i = DAMAGE_CHECKPOINT + 1; i < DAMAGE_SEALED; i++) damage_make_file(&files[i], i);
    return 0;
}

/* The seal's magic and version, then the input. */
static void write_raw(const DamageFile *file, FuzzInput input) {
    enum { FRONT = 24 };
    uint8_t *bytes = malloc(FRONT + input.count);
    memcpy(bytes, file->bytes, FRONT);
    if (input.count > 0) memcpy(bytes + FRONT, input.bytes, input.count);
    fuzz_write("x.h5", bytes, FRONT + input.count);
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    FuzzInput input = {data, size};
    uint8_t how = fuzz_byte(&input);
    const DamageFile *file = &files[1 + (how >> 1) % (DAMAGE_SEALED - 1)];
    if (how % 2 == 0) {
        write_raw(file, input);
    } else {
        edit_file("x.h5", file->bytes, file->content, &input);
        FUZZ_CHECK(h5file_seal("x.h5", STATUS_FAILED) == STATUS_OK);
    }
    Status status = file->read("x.h5");
    FUZZ_CHECK(status == STATUS_OK || status == STATUS_DATA);
    fuzz_check_line(status);
    return 0;
}
