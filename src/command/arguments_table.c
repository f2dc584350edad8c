/* The tables of commands and options. A new one is a row here and its function or its field in
 * Arguments. */
#include "command/arguments_table.h"

#include "command/command.h"

enum {
    CONFIG = 1 << 0,
    DATA = 1 << 1,
    OUT = 1 << 2,
    RESUME = 1 << 3,
    OUTPUT = 1 << 4,
    JSON = 1 << 5,
    PRINT_CONFIG = 1 << 6,
    SEEDS = 1 << 7,
    IMAGES = 1 << 8,
    TTA = 1 << 9,
    ALLOW_OVERLAP = 1 << 10,
    MAX_TIME = 1 << 11,
    ANY = 1 << 12 | 1 << 13 /* help and version */
};

/* In the order of the bits above. */
const Option OPTIONS[OPTION_COUNT] = {
    {"config", 0, "FILE", offsetof(Arguments, config_path), NULL, "take the keys that FILE sets"},
    {"data", 0, "FILE", 0, "data.path", "the images: the same as data.path=FILE"},
    {"out", 0, "DIR", offsetof(Arguments, out), NULL, "the run's folder; else runs/ and a name"},
    {"resume", 0, "HOW", offsetof(Arguments, resume), NULL,
     "auto (default): go on with an unfinished run; never; or a checkpoint"},
    {"output", 'o', "FILE", offsetof(Arguments, output), NULL, "the file to write"},
    {"json", 0, NULL, offsetof(Arguments, json), NULL, "print the figures as JSON"},
    {"print-config", 0, NULL, offsetof(Arguments, print_config), NULL,
     "print the configuration as it would take effect, and stop"},
    {"seeds", 0, "N", offsetof(Arguments, seeds), NULL,
     "train with seeds 0 to N - 1; else 0 alone"},
    {"images", 0, "FILE...", offsetof(Arguments, images), NULL,
     "read pictures of digits, PNG or JPEG: this word and those behind it"},
    {"tta", 0, "N", offsetof(Arguments, tta), NULL,
     "mean over N views of each image, 1 to 9; else as it was trained to (average.views)"},
    {"allow-overlap", 0, NULL, offsetof(Arguments, allow_overlap), NULL,
     "evaluate even on rows that a network was trained on"},
    {"max-time", 0, "TIME", offsetof(Arguments, max_time), NULL,
     "stop with a checkpoint so as to end within TIME: minutes, hours:minutes:seconds, days-hours"},
    {"help", 'h', NULL, offsetof(Arguments, help), NULL,
     "print help, of a command if one is named"},
    {"version", 'V', NULL, offsetof(Arguments, version), NULL, "print the version"},
};

enum { FILES = 1 << 20 }; /* as many as there are */

static const char *const BENCHMARKS[] = {"peak",      "gemm",   "conv", "step",
                                         "allreduce", "import", NULL};

const Command COMMANDS[] = {
    {.id = COMMAND_TRAIN,
     .name = "train",
     .run = command_train,
     .synopsis = "[--config FILE] [--data digits.h5] [--out DIR] [--resume HOW] [--max-time TIME] "
                 "[key=value ...]",
     .help = "train, with checkpoints, metrics and predictions",
     .options = CONFIG | DATA | OUT | RESUME | PRINT_CONFIG | MAX_TIME | ANY,
     .keys = KEYS_OF_RUN,
     .needs_ranks = true},
    {.id = COMMAND_IMPORT,
     .name = "import",
     .run = command_import,
     .synopsis = "TRAIN [TEST] -o digits.h5",
     .help = "make digits.h5 from Kaggle's CSV, MNIST's IDX or a PNG sheet",
     .options = OUTPUT | ANY,
     .least = 1,
     .most = 2,
     .needs_output = true},
    {.id = COMMAND_EVALUATE,
     .name = "evaluate",
     .run = command_evaluate,
     .synopsis = "CHECKPOINT... [--data digits.h5] [--tta N] [--allow-overlap]",
     .help = "show accuracy and confusion matrix; several checkpoints are averaged",
     .options = DATA | TTA | ALLOW_OVERLAP | ANY,
     .least = 1,
     .most = FILES,
     .keys = KEYS_OF_CHECKPOINT,
     .needs_ranks = true},
    {.id = COMMAND_PREDICT,
     .name = "predict",
     .run = command_predict,
     .synopsis = "CHECKPOINT... [--data digits.h5] [--tta N] -o submission.csv | --images FILE...",
     .help = "label the test images, or pictures; several checkpoints are averaged",
     .options = DATA | OUTPUT | IMAGES | TTA | ANY,
     .least = 1,
     .most = FILES,
     .needs_output = true,
     .keys = KEYS_OF_CHECKPOINT,
     .needs_ranks = true},
    {.id = COMMAND_BENCH,
     .name = "bench",
     .run = command_bench,
     .synopsis = "[peak|gemm|conv|step|allreduce|import [FILE]] [--json]",
     .help = "measure the machine's peak and how near the program comes to it",
     .options = CONFIG | JSON | ANY,
     .most = 2,
     .words = BENCHMARKS,
     .keys = KEYS_OF_RUN,
     .needs_ranks = true},
    {.id = COMMAND_WATCH,
     .name = "watch",
     .run = command_watch,
     .synopsis = "[RUNDIR | JOBID]",
     .help = "show a run as it goes: bars, curves, figures; runs/latest if none is named",
     .options = ANY,
     .most = 1},
    {.id = COMMAND_REPORT,
     .name = "report",
     .run = command_report,
     .synopsis = "RUNDIR... [-o report.html]",
     .help = "make the page of a run, or of several side by side",
     .options = OUTPUT | ANY,
     .least = 1,
     .most = FILES},
    {.id = COMMAND_COMPARE,
     .name = "compare",
     .run = command_compare,
     .synopsis = "CONFIG... [--seeds N] -o DIR [--data digits.h5] [key=value ...]",
     .help = "train configurations and seeds in turn, each in DIR/NAME-SEED, and compare them",
     .options = DATA | OUTPUT | SEEDS | ANY,
     .least = 1,
     .most = FILES,
     .needs_output = true,
     .keys = KEYS_OF_CONFIGS,
     .needs_ranks = true},
};

const size_t COMMAND_COUNT = sizeof COMMANDS / sizeof *COMMANDS;

bool command_takes(const Command *command, size_t option) {
    return (command->options >> option & 1) != 0;
}
