/* The configuration: YAML, or lines of key=value, as the first byte says; and the list of layers
 * that it holds. What is taken must come back from what is written of it. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "mnist_dist/nn/model.h"
#include "mnist_dist/train/config.h"

static Status take_lines(Config *config, char *text) {
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        Status status = config_set(config, line);
        if (status != STATUS_OK) return status;
    }
    return STATUS_OK;
}

static void check_round_trip(const Config *config) {
    Config back;
    char *text = NULL, *again = NULL;
    FUZZ_CHECK(config_write(&text, config) == STATUS_OK);
    config_defaults(&back);
    FUZZ_CHECK(config_read_text(&back, text, "written") == STATUS_OK);
    FUZZ_CHECK(config_write(&again, &back) == STATUS_OK);
    FUZZ_CHECK(strcmp(text, again) == 0);
    free(text);
    free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    FuzzInput input = {data, size};
    Config config;
    Model *model = NULL;
    uint8_t how = fuzz_byte(&input);
    char *text = calloc(1, input.count + 1);
    if (input.count > 0) memcpy(text, input.bytes, input.count);
    config_defaults(&config);
    Status status =
        how % 2 == 0 ? config_read_text(&config, text, "config.yaml") : take_lines(&config, text);
    FUZZ_CHECK(status == STATUS_OK || status == STATUS_USAGE);
    if (status == STATUS_OK) {
        check_round_trip(&config);
        status = config_check(&config);
        fuzz_check_line(status);
        config.model.kernels = INSTRUCTIONS_AUTO;
        status = model_new(&model, &config.model);
        FUZZ_CHECK(status == STATUS_OK || status == STATUS_USAGE);
        model_destroy(model);
    }
    fuzz_check_line(status);
    free(text);
    return 0;
}
