/* IDX: images and labels, each plain or by gzip. The first byte says which, two more how many of
 * the bytes are the labels file. */
#include "data/formats.h"
#include "fuzz.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc, (void)argv;
    fuzz_enter_folder();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    FuzzInput input = {data, size};
    Source *source = NULL;
    Writer *writer = NULL;
    uint8_t how = fuzz_byte(&input);
    FuzzInput labels = fuzz_part(&input, fuzz_number(&input, 2));
    fuzz_write_packed("t-labels-idx1-ubyte", labels, how >> 4);
    fuzz_write_packed("t-images-idx3-ubyte", input, how);
    FUZZ_CHECK(writer_new(&writer, "") == STATUS_OK);
    FUZZ_CHECK(source_open(&source, "t-images-idx3-ubyte", NULL) == STATUS_OK);
    Status status = idx_import(writer, source, (how & 4) != 0);
    FUZZ_CHECK(status == STATUS_OK || status == STATUS_DATA);
    fuzz_check_line(status);
    source_close(source);
    return 0;
}
