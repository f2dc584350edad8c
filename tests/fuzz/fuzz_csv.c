/* CSV, plain and by gzip. The first byte says which, and whether labels are asked for. */
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
    fuzz_write_packed("digits.csv", input, how);
    FUZZ_CHECK(writer_new(&writer, "") == STATUS_OK);
    FUZZ_CHECK(source_open(&source, "digits.csv", NULL) == STATUS_OK);
    Status status = csv_import(writer, source, (how & 4) != 0);
    FUZZ_CHECK(status == STATUS_OK || status == STATUS_DATA);
    fuzz_check_line(status);
    source_close(source);
    return 0;
}
